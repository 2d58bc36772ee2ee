//! A kind of object that holds pods.

use std::borrow::Cow;

use super::{
    path::{Step, is_path, step},
    table::{BUILT_IN, CUSTOM, IMAGES_FROM_ELSEWHERE},
};

/// A kind of object that holds pods: a row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadKind {
    /// `apps`; empty for the core group.
    pub group: Cow<'static, str>,
    /// `Deployment`.
    pub kind: Cow<'static, str>,
    /// `deployments`.
    pub plural: Cow<'static, str>,
    /// What is at the paths.
    pub form: PodForm,
    /// The paths of its pods, separated by spaces: `spec.template`, `spec.groups[].template`, `spec.replicas{}.template`
    /// (`[]` for each item of a list, `{}` for each value of a map). None begins with another.
    pub paths: Cow<'static, str>,
}

/// What an object has where it describes a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodForm {
    /// A pod, or a pod template: `metadata` and `spec`.
    Template,
    /// The `spec` of a pod.
    Spec,
    /// One container of a pod. Settings of the pod are elsewhere, and count as good.
    Container,
}

/// What hardening may set in the objects of a kind. Their pods are hardened when they are created, in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hardens {
    /// The pod and its containers.
    Pod,
    /// The containers alone.
    Containers,
}

impl WorkloadKind {
    /// Whether it is one of Kubernetes' own.
    pub fn is_built_in(&self) -> bool {
        BUILT_IN.contains(self)
    }

    /// What hardening may set in its objects. Knative rejects most fields of a pod's own securityContext unless a feature
    /// flag is set (`pkg/apis/serving/fieldmask.go`, PodSecurityContextMask).
    pub fn hardens(&self) -> Hardens {
        match self.form {
            PodForm::Template if self.group != "serving.knative.dev" => Hardens::Pod,
            PodForm::Template | PodForm::Spec | PodForm::Container => Hardens::Containers,
        }
    }

    /// Whether its objects may leave out images, which a controller sets.
    pub fn may_lack_images(&self) -> bool {
        let is_known = BUILT_IN.iter().chain(CUSTOM).any(|known| known == self);
        !is_known || IMAGES_FROM_ELSEWHERE.contains(&&*self.group)
    }

    /// Checks the names and paths of a row.
    ///
    /// # Errors
    /// What is wrong, and what is allowed.
    pub fn validate(&self) -> Result<(), String> {
        let paths: Vec<_> = self.paths.split(' ').filter(|path| !path.is_empty()).collect();
        if paths.is_empty() {
            return Err("must have at least one path".to_owned());
        }
        for path in &paths {
            let first = step(path).map(|(first, _)| first);
            if !is_path(path) || !matches!(first, Some(Step::Key("spec" | "template"))) {
                return Err(format!("{path:?} must be a path that begins with spec or template"));
            }
            let is_below = |other: &&&str| {
                let below = path.strip_prefix(**other);
                below.is_some_and(|below| below.is_empty() || below.starts_with(['.', '[', '{']))
            };
            if paths.iter().filter(is_below).count() > 1 {
                return Err(format!("{path:?} is in another path, or is there twice"));
            }
        }
        Ok(())
    }
}

/// All kinds: the table and the rows of the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds<'k> {
    /// The rows of the configuration.
    pub more: &'k [WorkloadKind],
}

impl<'k> Kinds<'k> {
    /// All rows. Those of the configuration come first, so that they can correct the table.
    pub fn all(self) -> impl Iterator<Item = &'k WorkloadKind> {
        BUILT_IN.iter().chain(self.more).chain(CUSTOM)
    }

    /// The kind of a manifest, by the group of its `apiVersion`.
    pub fn of_manifest(self, group: &str, kind: &str) -> Option<&'k WorkloadKind> {
        self.all().find(|row| row.group == group && row.kind == kind)
    }

    /// The kind of a resource: `deployments` in `apps`.
    pub fn of_resource(self, group: &str, plural: &str) -> Option<&'k WorkloadKind> {
        self.all().find(|row| row.group == group && row.plural == plural)
    }
}

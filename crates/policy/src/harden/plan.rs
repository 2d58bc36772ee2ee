//! The defaults that a pod lacks: the hardening table, one function per row.

use std::collections::HashSet;

use crate::{
    pss::{APP_ARMOR_PREFIX, Container, ContainerKind, Place, Pod, SECCOMP_POD},
    rules::refuses_user_namespace,
};

use super::{
    empty_dirs,
    field::{Field, MissingDefault, Values},
    resources,
    settings::Settings,
};

/// The part of a pod that a request can still change.
#[derive(Clone, Copy, Debug)]
pub enum Scope<'p> {
    /// A new pod, or a template.
    Create,
    /// The containers of a new pod: its controller accepts no other changes.
    Containers,
    /// The ephemeral containers that the old pod lacks: the API server drops any other change.
    Debug {
        /// The running pod.
        old: &'p Pod<'p>,
    },
}

/// The defaults that a pod lacks, in the table's order. None overrides a field that the author set.
pub fn plan<'p>(pod: &'p Pod<'p>, settings: &Settings, scope: Scope<'p>) -> Vec<MissingDefault> {
    let planner = Planner::new(pod, scope);
    // Without its writable directories, a container with a read-only root may not start.
    let lacks_volumes = !settings.empty_dirs.is_empty() && !planner.may_add_volumes();
    let rows: [(bool, Field, Row<'p>); 8] = [
        (settings.run_as_non_root, Field::RunAsNonRoot, Planner::run_as_non_root),
        (settings.seccomp_profile, Field::SeccompProfile, Planner::seccomp_profile),
        (settings.drop_capabilities, Field::DropCapabilities, Planner::drop_capabilities),
        (
            settings.no_privilege_escalation,
            Field::NoPrivilegeEscalation,
            Planner::no_privilege_escalation,
        ),
        (
            settings.read_only_root_filesystem && !lacks_volumes,
            Field::ReadOnlyRootFilesystem,
            Planner::read_only_root_filesystem,
        ),
        (
            settings.no_service_account_token,
            Field::NoServiceAccountToken,
            Planner::no_service_account_token,
        ),
        (settings.app_armor_profile, Field::AppArmorProfile, Planner::app_armor_profile),
        (settings.user_namespace, Field::UserNamespace, Planner::user_namespace),
    ];
    let mut changes: Vec<_> = rows
        .into_iter()
        .filter(|(is_on, ..)| *is_on)
        .flat_map(|(_, field, row)| {
            row(&planner).into_iter().map(move |place| MissingDefault::fixed(place, field))
        })
        .collect();
    changes.extend(planner.empty_dirs(settings));
    changes.extend(planner.resources(settings));
    changes
}

type Row<'p> = fn(&Planner<'p>) -> Vec<Place>;

struct Planner<'p> {
    pod: &'p Pod<'p>,
    scope: Scope<'p>,
    /// The names of the existing ephemeral containers: empty for a new pod.
    known: HashSet<&'p str>,
}

impl<'p> Planner<'p> {
    fn new(pod: &'p Pod<'p>, scope: Scope<'p>) -> Self {
        let known = match scope {
            Scope::Create | Scope::Containers => HashSet::new(),
            Scope::Debug { old } => {
                old.spec.ephemeral_containers.iter().map(|one| one.name.as_str()).collect()
            }
        };
        Self { pod, scope, known }
    }

    /// At the pod; if anything in it must run as root, in each container that does not. For a running pod, in each new
    /// ephemeral container, because its other containers may set it only for themselves.
    fn run_as_non_root(&self) -> Vec<Place> {
        let context = self.pod.spec.security_context.as_ref();
        let is_set = context.is_some_and(|context| context.run_as_non_root.is_some());
        let lacks = |container: &Container<'_>| {
            let context = container.security_context.as_ref();
            context.is_none_or(|context| context.run_as_non_root.is_none())
        };
        if is_set
            || self.pod.has_user_namespace()
            || !self.pod.containers().any(|(_, container)| lacks(container))
        {
            return Vec::new();
        }
        let is_root_by_default = context.is_some_and(|context| {
            let windows_user =
                context.windows_options.as_ref().map(|options| &*options.run_as_user_name);
            context.run_as_user == Some(0) || windows_user.is_some_and(is_administrator)
        });
        let is_root = |container: &Container<'_>| is_root(self.pod, container);
        let is_any_root =
            is_root_by_default || self.pod.containers().any(|(_, container)| is_root(container));
        if !is_any_root && self.is_of_pod() {
            return vec![Place::Pod];
        }
        self.open_containers(|container| lacks(container) && !is_root(container))
    }

    /// At the pod; for a running one, in each new ephemeral container.
    fn seccomp_profile(&self) -> Vec<Place> {
        let context = self.pod.spec.security_context.as_ref();
        let is_set = context.is_some_and(|context| context.seccomp_profile.is_some());
        let annotation = self.pod.metadata.annotations.get(SECCOMP_POD);
        let is_named_elsewhere = annotation.is_some_and(|profile| !is_runtime_default(profile));
        if is_set || is_named_elsewhere || self.pod.is_windows() {
            return Vec::new();
        }
        let lacks = |container: &Container<'_>| {
            let context = container.security_context.as_ref();
            context.is_none_or(|context| context.seccomp_profile.is_none())
        };
        if !self.is_of_pod() {
            return self.open_containers(lacks);
        }
        let is_lacking = self.pod.containers().any(|(_, container)| lacks(container));
        if is_lacking { vec![Place::Pod] } else { Vec::new() }
    }

    fn drop_capabilities(&self) -> Vec<Place> {
        self.linux_containers(|container| {
            let context = container.security_context.as_ref();
            let capabilities = context.and_then(|context| context.capabilities.as_ref());
            let drops_all =
                capabilities.is_some_and(|set| set.drop.iter().any(|name| *name == "ALL"));
            !drops_all && !is_privileged(container)
        })
    }

    /// The API server rejects `false` together with `privileged` or CAP_SYS_ADMIN.
    fn no_privilege_escalation(&self) -> Vec<Place> {
        self.linux_containers(|container| {
            let Some(context) = container.security_context.as_ref() else {
                return true;
            };
            let adds_admin = context.capabilities.as_ref().is_some_and(|set| {
                let mut added = set.add.iter();
                added.any(|name| *name == "SYS_ADMIN" || *name == "CAP_SYS_ADMIN")
            });
            context.allow_privilege_escalation.is_none() && !is_privileged(container) && !adds_admin
        })
    }

    fn read_only_root_filesystem(&self) -> Vec<Place> {
        self.linux_containers(|container| {
            let context = container.security_context.as_ref();
            context.is_none_or(|context| context.read_only_root_filesystem.is_none())
        })
    }

    /// A pod that names its own account intends to use it.
    fn no_service_account_token(&self) -> Vec<Place> {
        let is_default = matches!(self.pod.service_account(), "" | "default");
        let is_set = self.pod.spec.automount_service_account_token.is_some();
        if !self.is_of_pod() || is_set || !is_default || self.is_empty() {
            return Vec::new();
        }
        vec![Place::Pod]
    }

    /// At the pod. The API server rejects that if an annotation has a different value: then in each container that has
    /// neither the field nor an annotation. For a running pod, in each new ephemeral container.
    fn app_armor_profile(&self) -> Vec<Place> {
        let context = self.pod.spec.security_context.as_ref();
        let is_set = context.is_some_and(|context| context.app_armor_profile.is_some());
        if is_set {
            return Vec::new();
        }
        let annotations = || {
            let all = self.pod.metadata.annotations.iter();
            all.filter_map(|(key, value)| Some((key.strip_prefix(APP_ARMOR_PREFIX)?, value)))
        };
        let annotated: HashSet<_> = annotations().map(|(name, _)| name).collect();
        let lacking = self.linux_containers(|container| {
            let context = container.security_context.as_ref();
            context.is_none_or(|context| context.app_armor_profile.is_none())
                && !annotated.contains(container.name.as_str())
        });
        let is_named_elsewhere = annotations().any(|(_, profile)| profile != "runtime/default");
        if lacking.is_empty() || is_named_elsewhere || !self.is_of_pod() {
            lacking
        } else {
            vec![Place::Pod]
        }
    }

    /// Does not relax the other defaults, although since v1.35 the Standard lets pods with a user namespace run as
    /// root.
    fn user_namespace(&self) -> Vec<Place> {
        let is_set = self.pod.spec.host_users.is_some();
        if !self.is_of_pod() || is_set || self.is_empty() || refuses_user_namespace(self.pod) {
            return Vec::new();
        }
        vec![Place::Pod]
    }

    /// Only in containers whose root becomes read-only.
    fn empty_dirs(&self, settings: &Settings) -> Vec<MissingDefault> {
        if !settings.read_only_root_filesystem
            || settings.empty_dirs.is_empty()
            || !self.may_add_volumes()
        {
            return Vec::new();
        }
        let places = self.read_only_root_filesystem();
        let planned = empty_dirs::plan(self.pod, &settings.empty_dirs, &places);
        let field = Field::EmptyDirs;
        planned.into_iter().map(|(place, values)| MissingDefault { place, field, values }).collect()
    }

    fn resources(&self, settings: &Settings) -> Vec<MissingDefault> {
        if settings.resources.is_empty() {
            return Vec::new();
        }
        let places = self.open_containers(|_| true);
        let planned = resources::plan(self.pod, &settings.resources, &places);
        let field = Field::Resources;
        planned
            .into_iter()
            .map(|(place, lacking)| MissingDefault {
                place,
                field,
                values: Values::Resources(lacking),
            })
            .collect()
    }

    fn may_add_volumes(&self) -> bool {
        !matches!(self.scope, Scope::Containers)
    }

    fn is_empty(&self) -> bool {
        self.pod.containers().next().is_none()
    }

    /// Whether fields of the pod can be set, and not only those of containers.
    fn is_of_pod(&self) -> bool {
        matches!(self.scope, Scope::Create)
    }

    fn linux_containers(&self, lacks: impl Fn(&Container<'_>) -> bool) -> Vec<Place> {
        if self.pod.is_windows() {
            return Vec::new();
        }
        self.open_containers(lacks)
    }

    /// Containers that this request can change and that lack something.
    fn open_containers(&self, lacks: impl Fn(&Container<'_>) -> bool) -> Vec<Place> {
        self.pod
            .containers()
            .filter(|(place, container)| self.is_open(*place, container) && lacks(container))
            .map(|(place, _)| place)
            .collect()
    }

    fn is_open(&self, place: Place, container: &Container<'_>) -> bool {
        match (self.scope, place) {
            (Scope::Create | Scope::Containers, _) => true,
            (Scope::Debug { .. }, Place::Container { kind: ContainerKind::Ephemeral, .. }) => {
                !self.known.contains(container.name.as_str())
            }
            (Scope::Debug { .. }, _) => false,
        }
    }
}

/// Whether a container runs as root by its own or the pod's fields.
fn is_root(pod: &Pod<'_>, container: &Container<'_>) -> bool {
    let of_pod = pod.spec.security_context.as_ref();
    let own = container.security_context.as_ref();
    let user =
        own.and_then(|own| own.run_as_user).or_else(|| of_pod.and_then(|pod| pod.run_as_user));
    // The user name is inherited separately from other Windows options.
    let windows_user = [
        own.and_then(|own| own.windows_options.as_ref()),
        of_pod.and_then(|pod| pod.windows_options.as_ref()),
    ]
    .into_iter()
    .flatten()
    .map(|options| &*options.run_as_user_name)
    .find(|name| !name.is_empty());
    user == Some(0)
        || own.and_then(|own| own.run_as_non_root) == Some(false)
        || windows_user.is_some_and(is_administrator)
}

/// Windows ignores case in account names.
fn is_administrator(user: &str) -> bool {
    user.eq_ignore_ascii_case("ContainerAdministrator")
}

fn is_privileged(container: &Container<'_>) -> bool {
    let context = container.security_context.as_ref();
    context.is_some_and(|context| context.privileged == Some(true))
}

fn is_runtime_default(annotation: &str) -> bool {
    matches!(annotation, "runtime/default" | "docker/default")
}

//! A pod with its relaxations.
//!
//! Allowed values are removed from the pod, and the rest is judged by the same controls and rules. So a relaxation
//! cannot admit what it does not name.

use std::{borrow::Cow, cell::RefCell, collections::HashSet, mem, sync::Arc};

use crate::{
    harden::{Field, MissingDefault},
    pss::{
        Capabilities, Container, FindingLimits, Findings, List, Place, Pod, Profile,
        SecurityContext, Text,
    },
    requirement::Requirement,
    rules::{ImagePatterns, Images},
};

use super::Relaxation;

/// A relaxation, and the containers that it applies to.
#[derive(Clone, Copy, Debug)]
pub struct Grant<'g> {
    /// What is allowed.
    pub relaxation: &'g Relaxation,
    /// Applies to containers with these images that mount no image volume with another image. To the pod as a whole it
    /// applies only if all its images match, including those of image volumes. None for all containers and the pod.
    pub images: Option<&'g ImagePatterns>,
}

impl<'g> Grant<'g> {
    /// Applies a relaxation to every container, and the pod.
    pub fn to_all(relaxation: &'g Relaxation) -> Self {
        Self { relaxation, images: None }
    }
}

/// A pod, and the requirements that are lifted for it.
#[derive(Debug)]
pub struct Relaxed<'p, 'a> {
    whole: &'p Pod<'a>,
    /// Without the allowed values. While a requirement is checked that is lifted for some containers, harmless ones take
    /// their places: a review holds no further copy of its pod.
    rest: RefCell<Cow<'p, Pod<'a>>>,
    lifted: Vec<(Requirement, Lifted)>,
    /// Controls that are fully in force, but replace no other control.
    beside: &'p [Requirement],
    images: Images<'p, 'a>,
}

#[derive(Clone, Debug)]
enum Lifted {
    All,
    /// Never empty.
    Containers(Arc<HashSet<Place>>),
}

impl Lifted {
    /// Lifts the requirement for more of the pod.
    fn add(&mut self, more: &Self) {
        match (&mut *self, more) {
            (Self::All, _) => {}
            (known, Self::All) => *known = Self::All,
            (Self::Containers(known), Self::Containers(more)) => {
                Arc::make_mut(known).extend(more.iter().copied());
            }
        }
    }
}

impl<'p, 'a> Relaxed<'p, 'a> {
    /// A pod without relaxations.
    pub fn nothing(pod: &'p Pod<'a>) -> Self {
        Self {
            whole: pod,
            rest: RefCell::new(Cow::Borrowed(pod)),
            lifted: Vec::new(),
            beside: &[],
            images: Images::of(pod),
        }
    }

    /// A pod with these relaxations.
    pub fn by(pod: &'p Pod<'a>, grants: &[Grant<'_>]) -> Self {
        let mut relaxed = Self::nothing(pod);
        // Many profiles allow nothing. Skipping them avoids copying the pod.
        for grant in grants.iter().filter(|grant| !grant.relaxation.is_empty()) {
            relaxed.grant(grant);
        }
        relaxed
    }

    fn grant(&mut self, grant: &Grant<'_>) {
        let (covered, is_all) = self.covered(grant.images);
        // Most pods use nothing of what is allowed, and need no copy.
        let rest = self.rest.get_mut();
        if is_all && grant.relaxation.concerns_pod(rest) {
            grant.relaxation.take_out_of_pod(rest.to_mut());
        }
        for place in &covered {
            let container = container(rest, *place);
            if container.is_some_and(|container| grant.relaxation.concerns_container(container))
                && let Some(container) = container_mut(rest.to_mut(), *place)
            {
                grant.relaxation.take_out_of_container(container);
            }
        }
        let lifted = match covered.is_empty() {
            _ if is_all => Lifted::All,
            true => return,
            false => Lifted::Containers(Arc::new(covered)),
        };
        for requirement in &grant.relaxation.requirements {
            match self.lifted.iter_mut().find(|(known, _)| known == requirement) {
                Some((_, known)) => known.add(&lifted),
                None => self.lifted.push((*requirement, lifted.clone())),
            }
        }
    }

    /// The containers that run one of these images and mount no other one, and whether all images of the pod match,
    /// including those of image volumes.
    fn covered(&self, images: Option<&ImagePatterns>) -> (HashSet<Place>, bool) {
        let Some(images) = images else {
            return (self.whole.containers().map(|(place, _)| place).collect(), true);
        };
        let (covered, others) = self.images.places_by(images);
        let volume = |place: &Place| match place {
            Place::Volume { index } => Some(self.whole.spec.volumes.get(*index)?.name.as_str()),
            Place::Metadata | Place::Pod | Place::Container { .. } => None,
        };
        let foreign: HashSet<_> = others.iter().filter_map(volume).collect();
        // A container may run what it mounts.
        let is_covered = |place: &Place| {
            container(self.whole, *place).is_some_and(|container| {
                let mut mounts = container.volume_mounts.iter();
                foreign.is_empty() || mounts.all(|mount| !foreign.contains(mount.name.as_str()))
            })
        };
        (covered.into_iter().filter(is_covered).collect(), others.is_empty())
    }

    /// Whether any relaxation applies.
    pub fn is_relaxed(&self) -> bool {
        matches!(*self.rest.borrow(), Cow::Owned(_)) || !self.lifted.is_empty()
    }

    /// The unmodified pod.
    pub fn whole(&self) -> &'p Pod<'a> {
        self.whole
    }

    /// The images of the pod.
    pub(crate) fn images(&self) -> &Images<'p, 'a> {
        &self.images
    }

    /// Marks controls that replace no other control: those of a profile whose `allow` does not apply. A control of
    /// restricted admits a few pods that the baseline control denies, so enforcing it in full again would admit what
    /// was denied while it was lifted.
    #[must_use]
    pub fn beside_replaced(self, requirements: &'p [Requirement]) -> Self {
        Self { beside: requirements, ..self }
    }

    /// Whether it replaces a baseline control: not if it is lifted for any part of the pod.
    pub fn replaces(&self, requirement: Requirement) -> bool {
        let mut lifted = self.lifted.iter().map(|(lifted, _)| lifted).chain(self.beside);
        lifted.all(|lifted| *lifted != requirement)
    }

    /// The findings of a check in the parts of the pod that must meet the requirement. None if there are no such parts.
    pub fn findings(
        &self,
        requirement: Requirement,
        caps: FindingLimits,
        check: impl FnOnce(&Pod<'a>, &mut Findings),
    ) -> Option<Findings> {
        match self.lifted_for(requirement) {
            None => {
                let mut found = Findings::new(caps);
                check(&self.rest.borrow(), &mut found);
                Some(found)
            }
            Some(Lifted::All) => None,
            Some(Lifted::Containers(places)) => {
                let mut rest = self.rest.borrow_mut();
                let pod = rest.to_mut();
                let mut replaced = Vec::with_capacity(places.len());
                for place in places.iter() {
                    if let Some(container) = container_mut(pod, *place) {
                        let harmless = harmless(container);
                        replaced.push((*place, mem::replace(container, harmless)));
                    }
                }
                let mut found = Findings::without(caps, Arc::clone(places));
                check(pod, &mut found);
                for (place, original) in replaced {
                    if let Some(container) = container_mut(pod, place) {
                        *container = original;
                    }
                }
                Some(found)
            }
        }
    }

    fn lifted_for(&self, requirement: Requirement) -> Option<&Lifted> {
        self.lifted.iter().find(|(lifted, _)| *lifted == requirement).map(|(_, lifted)| lifted)
    }

    /// Filters the missing defaults: hardening does not add what is relaxed.
    #[must_use]
    pub fn without_relaxed(&self, changes: Vec<MissingDefault>) -> Vec<MissingDefault> {
        if self.lifted.is_empty() {
            return changes;
        }
        let mut asked = Vec::with_capacity(changes.len());
        changes.into_iter().for_each(|change| self.add_asked(change, &mut asked));
        asked
    }

    fn add_asked(&self, change: MissingDefault, asked: &mut Vec<MissingDefault>) {
        let requirement = change.field.requirement().and_then(Requirement::find);
        match requirement.and_then(|requirement| self.lifted_for(requirement)) {
            None => asked.push(change),
            Some(Lifted::All) => {}
            Some(Lifted::Containers(places)) if change.place != Place::Pod => {
                asked.extend((!places.contains(&change.place)).then_some(change));
            }
            // A value at the pod would apply to the lifted containers, too, so set it in each of the others.
            Some(Lifted::Containers(places)) => {
                let others = self.whole.containers().filter(|(place, container)| {
                    !places.contains(place) && lacks(container, change.field)
                });
                asked.extend(others.map(|(place, _)| MissingDefault { place, ..change.clone() }));
            }
        }
    }
}

fn container<'p, 'a>(pod: &'p Pod<'a>, place: Place) -> Option<&'p Container<'a>> {
    match place {
        Place::Container { kind, index } => pod.spec.list(kind).get(index),
        Place::Metadata | Place::Pod | Place::Volume { .. } => None,
    }
}

fn container_mut<'p, 'a>(pod: &'p mut Pod<'a>, place: Place) -> Option<&'p mut Container<'a>> {
    match place {
        Place::Container { kind, index } => pod.spec.list_mut(kind).get_mut(index),
        Place::Metadata | Place::Pod | Place::Volume { .. } => None,
    }
}

/// Whether a container lacks a default that can be set at the pod or at the container.
fn lacks(container: &Container<'_>, field: Field) -> bool {
    let context = container.security_context.as_ref();
    match field {
        Field::RunAsNonRoot => context.is_none_or(|context| context.run_as_non_root.is_none()),
        Field::SeccompProfile => context.is_none_or(|context| context.seccomp_profile.is_none()),
        Field::AppArmorProfile => context.is_none_or(|context| context.app_armor_profile.is_none()),
        Field::DropCapabilities
        | Field::NoPrivilegeEscalation
        | Field::ReadOnlyRootFilesystem
        | Field::NoServiceAccountToken
        | Field::EmptyDirs
        | Field::UserNamespace
        | Field::Resources => false,
    }
}

/// A container with the same name that violates nothing.
pub(super) fn harmless<'a>(container: &Container<'a>) -> Container<'a> {
    let capabilities =
        Capabilities { drop: List::from(vec![Text::from("ALL")]), ..Capabilities::default() };
    let seccomp_profile = Profile { kind: Text::from("RuntimeDefault"), ..Profile::default() };
    Container {
        name: container.name.clone(),
        image: container.image.clone(),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            read_only_root_filesystem: Some(true),
            run_as_non_root: Some(true),
            capabilities: Some(capabilities),
            seccomp_profile: Some(seccomp_profile),
            ..SecurityContext::default()
        }),
        ..Container::default()
    }
}

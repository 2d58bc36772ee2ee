//! A pod with what is relaxed for it.
//!
//! Allowed values are taken out of the pod, and the rest is judged by the same controls and rules as ever: so a
//! relaxation cannot admit what it does not name.

use std::{borrow::Cow, collections::HashSet, sync::Arc};

use crate::{
    harden::{Change, Field},
    pss::{
        Capabilities, Caps, Container, Findings, List, Place, Pod, Profile, SecurityContext, Text,
    },
    rules::{ImagePatterns, Images},
};

use super::{Relaxation, Requirement};

/// A relaxation, and the containers that it is for.
#[derive(Clone, Copy, Debug)]
pub struct Grant<'g> {
    /// What is allowed.
    pub relaxation: &'g Relaxation,
    /// To containers of these images that mount no image volume of another image; what the pod as a whole is allowed
    /// then holds only where all its images are, those of image volumes included. None: to all.
    pub images: Option<&'g ImagePatterns>,
}

impl<'g> Grant<'g> {
    /// For every container, and the pod.
    pub fn to_all(relaxation: &'g Relaxation) -> Self {
        Self { relaxation, images: None }
    }
}

/// A pod, and what is asked of it no more.
#[derive(Debug)]
pub struct Relaxed<'p, 'a> {
    whole: &'p Pod<'a>,
    /// Without the values that are allowed.
    rest: Cow<'p, Pod<'a>>,
    freed: Vec<(Requirement, Freed)>,
    /// Controls that replace no other one, though they are asked in full.
    beside: &'p [Requirement],
    images: Images<'p, 'a>,
}

#[derive(Clone, Debug)]
enum Freed {
    All,
    /// Never empty.
    Containers(Arc<HashSet<Place>>),
}

impl Freed {
    /// Frees more of the pod.
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
    /// A pod of which everything is asked.
    pub fn nothing(pod: &'p Pod<'a>) -> Self {
        Self {
            whole: pod,
            rest: Cow::Borrowed(pod),
            freed: Vec::new(),
            beside: &[],
            images: Images::of(pod),
        }
    }

    /// A pod with all that is granted to it.
    pub fn by(pod: &'p Pod<'a>, grants: &[Grant<'_>]) -> Self {
        let mut relaxed = Self::nothing(pod);
        // Many a profile allows nothing, and a pod is copied for what is allowed.
        for grant in grants.iter().filter(|grant| !grant.relaxation.is_empty()) {
            relaxed.grant(grant);
        }
        relaxed
    }

    fn grant(&mut self, grant: &Grant<'_>) {
        let (covered, is_all) = self.covered(grant.images);
        // Most pods use nothing of what is allowed, and need no copy.
        if is_all && grant.relaxation.concerns_pod(&self.rest) {
            grant.relaxation.take_out_of_pod(self.rest.to_mut());
        }
        for place in &covered {
            let container = container(&self.rest, *place);
            if container.is_some_and(|container| grant.relaxation.concerns_container(container))
                && let Some(container) = container_mut(self.rest.to_mut(), *place)
            {
                grant.relaxation.take_out_of_container(container);
            }
        }
        let freed = match covered.is_empty() {
            _ if is_all => Freed::All,
            true => return,
            false => Freed::Containers(Arc::new(covered)),
        };
        for requirement in &grant.relaxation.requirements {
            match self.freed.iter_mut().find(|(known, _)| known == requirement) {
                Some((_, known)) => known.add(&freed),
                None => self.freed.push((*requirement, freed.clone())),
            }
        }
    }

    /// The containers that run one of these images and mount no other one, and whether nothing of the pod has another
    /// one: neither a container nor an image volume.
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

    /// Whether anything of it is allowed or freed.
    pub fn is_relaxed(&self) -> bool {
        matches!(self.rest, Cow::Owned(_)) || !self.freed.is_empty()
    }

    /// The pod as it is.
    pub fn whole(&self) -> &'p Pod<'a> {
        self.whole
    }

    /// Its images.
    pub(super) fn images(&self) -> &Images<'p, 'a> {
        &self.images
    }

    /// The same, where these controls replace no other one. They are those of a profile whose `allow` does not hold: a
    /// control of restricted lets a few pods through that the baseline one denies, so to ask it in full again would admit
    /// what was denied while it was freed.
    #[must_use]
    pub fn beside_replaced(self, requirements: &'p [Requirement]) -> Self {
        Self { beside: requirements, ..self }
    }

    /// Whether it takes the place of a baseline control: not where any part of the pod need not meet it.
    pub fn replaces(&self, requirement: Requirement) -> bool {
        let mut freed = self.freed.iter().map(|(freed, _)| freed).chain(self.beside);
        freed.all(|freed| *freed != requirement)
    }

    /// What a check finds in the parts of the pod that must meet the requirement. None where no part must.
    pub fn findings(
        &self,
        requirement: Requirement,
        caps: Caps,
        check: impl FnOnce(&Pod<'a>, &mut Findings),
    ) -> Option<Findings> {
        match self.freed_of(requirement) {
            None => {
                let mut found = Findings::new(caps);
                check(&self.rest, &mut found);
                Some(found)
            }
            Some(Freed::All) => None,
            Some(Freed::Containers(places)) => {
                let mut pod = self.rest.clone().into_owned();
                for place in places.iter() {
                    if let Some(container) = container_mut(&mut pod, *place) {
                        *container = harmless(container);
                    }
                }
                let mut found = Findings::without(caps, Arc::clone(places));
                check(&pod, &mut found);
                Some(found)
            }
        }
    }

    fn freed_of(&self, requirement: Requirement) -> Option<&Freed> {
        self.freed.iter().find(|(freed, _)| *freed == requirement).map(|(_, freed)| freed)
    }

    /// Of the defaults that the pod lacks, those that are asked of it: what is relaxed is not hardened either.
    #[must_use]
    pub fn without_relaxed(&self, changes: Vec<Change>) -> Vec<Change> {
        if self.freed.is_empty() {
            return changes;
        }
        let mut asked = Vec::with_capacity(changes.len());
        changes.into_iter().for_each(|change| self.add_asked(change, &mut asked));
        asked
    }

    fn add_asked(&self, change: Change, asked: &mut Vec<Change>) {
        let requirement = change.field.requirement().and_then(Requirement::find);
        match requirement.and_then(|requirement| self.freed_of(requirement)) {
            None => asked.push(change),
            Some(Freed::All) => {}
            Some(Freed::Containers(places)) if change.place != Place::Pod => {
                asked.extend((!places.contains(&change.place)).then_some(change));
            }
            // What is set at the pod holds for the freed containers, too: so it is set in each of the others.
            Some(Freed::Containers(places)) => {
                let others = self.whole.containers().filter(|(place, container)| {
                    !places.contains(place) && lacks(container, change.field)
                });
                asked.extend(others.map(|(place, _)| Change { place, ..change.clone() }));
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

/// Of the defaults that stand at the pod and may stand in a container.
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

/// A container of the same name that breaks nothing.
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

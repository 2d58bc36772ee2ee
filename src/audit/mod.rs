//! Judges what runs in a cluster: which level each namespace could enforce today, what stands in the way, and what
//! breaks what it enforces already.
//!
//! It lists, and never writes. Memory is bounded by the largest namespace and by a page or two of each kind of
//! object, not by the cluster. What cannot be read is told of, and the rest is judged.

mod ask;
mod feed;
mod fold;
mod grounds;
mod judge;
mod list;
mod object;
mod page;
mod presence;
mod progress;
mod resource;
#[cfg(test)]
mod tests;
mod worse;

use std::{fmt, num::NonZeroU32, sync::Arc};

use kube::Client;

use crate::{
    cluster,
    config::Config,
    findings::{Extent, Ground, Modes, Namespace, Presence, Read, Unread},
    policy::Exceptions,
    pss::{Caps, Level, Minor, NEWEST},
};

use feed::{Feed, Role};
use fold::Fold;
use grounds::Grounds;
use resource::Resource;

pub(crate) use ask::{Refusal, ask};
pub use judge::Templates;
pub use list::Seam;
pub(crate) use list::{Form, List, Query};
pub use progress::Line;

/// Objects of one page: what client-go's pager asks for.
pub const PAGE: NonZeroU32 = NonZeroU32::new(500).expect("500 is not 0");

/// What is audited, and by what.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The defaults, the exemptions and the hardening that hold.
    pub config: Config,
    /// What is excepted.
    pub exceptions: Arc<Exceptions>,
    /// What stands for the pods that a template will make.
    pub templates: Templates,
    /// Which modes of a namespace's policy are judged by.
    pub modes: Modes,
    /// Only these namespaces, DNS-1123 labels; all where there are none.
    pub namespaces: Vec<String>,
    /// Only objects with such labels, as kubectl has them: `app in (web, api),tier!=test`.
    pub selector: Option<String>,
    /// What breaks this level makes the command fail, if the namespace enforces it.
    pub fail_on: Level,
    /// Objects of one page, at most.
    pub page: NonZeroU32,
    /// Whether Portcullis is asked about pods, where that is known already.
    pub presence: Option<Presence>,
    /// How many findings are kept of each requirement that a workload breaks.
    pub caps: Caps,
}

/// What an audit has to tell.
#[derive(Debug)]
pub enum Event {
    /// A namespace, complete.
    Namespace(Box<Namespace>),
    /// Something could not be read.
    Unread(Unread),
    /// Something that does not make the findings wrong, but should be known.
    Note(Note),
    /// How far it is.
    Progress(Progress),
}

/// What should be known beside the findings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A list took longer than the API server keeps its past.
    Seam {
        /// Of what: `pods`.
        resource: String,
        /// How it went on.
        seam: Seam,
    },
    /// A list came in another order than etcd's.
    Order {
        /// Of what: `pods`.
        resource: String,
    },
    /// No webhook of ours is registered.
    Absent,
    /// Nobody could say whether one is.
    Unknown(String),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seam { resource, seam } => {
                let how = match seam {
                    Seam::Later => "what follows is of a later state",
                    Seam::Anew => {
                        "it was begun anew, and what was judged already is of an earlier state"
                    }
                };
                write!(
                    f,
                    "the list of {resource} took longer than the API server remembers: {how}"
                )
            }
            Self::Order { resource } => write!(
                f,
                "the API server lists {resource} out of the order of their names: they are read a namespace at a time"
            ),
            Self::Absent => f.write_str(
                "no webhook of Portcullis is registered in this cluster: what is reported is what it would enforce",
            ),
            Self::Unknown(why) => {
                write!(f, "whether Portcullis enforces anything in this cluster is not known: {why}")
            }
        }
    }
}

/// How far an audit is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Pods that were read.
    pub pods: u64,
    /// Pods that there are, where the API server says so.
    pub all_pods: Option<u64>,
    /// Namespaces that are complete.
    pub namespaces: u64,
    /// Namespaces that there are.
    pub all_namespaces: u64,
}

/// Why an audit ended early.
#[derive(Debug, thiserror::Error)]
pub enum Failure<E> {
    /// The API server could not be asked at all. One line.
    #[error("cannot reach the API server: {0}")]
    Api(String),
    /// The callback would hear no more.
    #[error(transparent)]
    Told(E),
}

/// Audits a cluster, and tells of each namespace as soon as it is complete, in the order in which the API server lists
/// them. To be called on a runtime.
///
/// # Errors
/// The API server cannot be reached, or `tell` failed.
pub async fn run<E>(
    client: &Client,
    settings: &Settings,
    mut tell: impl AsyncFnMut(Event) -> Result<(), E>,
) -> Result<(), Failure<E>> {
    let mut events = Vec::new();
    let newest = newest(client, &mut events).await.map_err(Failure::Api)?;
    let presence = match settings.presence {
        Some(presence) => presence,
        None => present(client, &mut events).await,
    };
    let mut audit = Audit {
        client,
        settings,
        grounds: Grounds::new(client, settings, newest, presence),
        events,
        progress: Progress::default(),
    };
    if settings.namespaces.is_empty() {
        audit.grounds.list(&mut audit.events).await;
        return audit.walk(None, &mut tell).await;
    }
    for name in &settings.namespaces {
        audit.grounds.read(name, &mut audit.events).await;
        audit.walk(Some(name), &mut tell).await?;
    }
    Ok(())
}

async fn present(client: &Client, events: &mut Vec<Event>) -> Presence {
    let (presence, why) = presence::presence(client).await;
    events.extend(match presence {
        Presence::Installed => None,
        Presence::Absent => Some(Event::Note(Note::Absent)),
        Presence::Unknown => Some(Event::Note(Note::Unknown(why.unwrap_or_default()))),
    });
    presence
}

/// What `latest` means. An API server that keeps its version to itself has the newest.
async fn newest(client: &Client, events: &mut Vec<Event>) -> Result<Minor, String> {
    match ask::version(client).await {
        Ok(text) => {
            let why = match cluster::minor_version(&text) {
                Ok(minor) => return Ok(minor.min(NEWEST)),
                Err(why) => why,
            };
            let what = "the cluster's version".to_owned();
            events.push(Event::Unread(Unread { what, why }));
            Ok(NEWEST)
        }
        Err(Refusal::Forbidden(why)) => {
            let what = "get /version".to_owned();
            events.push(Event::Unread(Unread { what, why }));
            Ok(NEWEST)
        }
        Err(refusal) => Err(refusal.to_string()),
    }
}

/// One on its way.
struct Audit<'a> {
    client: &'a Client,
    settings: &'a Settings,
    grounds: Grounds<'a>,
    events: Vec<Event>,
    progress: Progress,
}

impl Audit<'_> {
    /// Walks the lists of all kinds side by side, in one namespace or in all.
    async fn walk<E>(
        &mut self,
        namespace: Option<&str>,
        tell: &mut impl AsyncFnMut(Event) -> Result<(), E>,
    ) -> Result<(), Failure<E>> {
        // One that is not there has no objects.
        if namespace.is_some() && self.grounds.count() == 0 {
            return self.drain(tell).await;
        }
        let mut feeds = self.feeds(namespace);
        for feed in &mut feeds {
            feed.fill(&mut self.grounds, &mut self.events).await;
            self.drain(tell).await?;
        }
        while let Some(ground) = self.grounds.first() {
            let read = self.read(&ground, &mut feeds).await;
            self.grounds.pop();
            self.progress.namespaces += 1;
            // Most namespaces have nothing that is selected.
            if read.extent == Extent::Whole || !read.workloads.is_empty() {
                let namespace = Namespace::of(ground, read, &self.settings.config.harden);
                self.events.push(Event::Namespace(Box::new(namespace)));
            }
            self.drain(tell).await?;
            tell(Event::Progress(self.progress(&feeds))).await.map_err(Failure::Told)?;
        }
        self.progress = self.progress(&feeds);
        Ok(())
    }

    fn feeds(&self, namespace: Option<&str>) -> Vec<Feed> {
        let feed = |resource: Resource, role| {
            // Whoever is not selected may own what is.
            let selector = self.settings.selector.clone().filter(|_| role == Role::Judged);
            let path = resource.path(namespace);
            let query = Query { path, selector, form: Form::Whole, page: self.settings.page };
            Feed::new(self.client, resource, role, query)
        };
        let is_selective = self.settings.selector.is_some();
        let links = [resource::REPLICA_SETS, resource::JOBS].into_iter().filter(|_| is_selective);
        let links = links.map(|resource| feed(resource, Role::Link));
        links
            .chain(resource::ALL.into_iter().map(|resource| feed(resource, Role::Judged)))
            .collect()
    }

    /// Takes all objects of the namespace from the lists.
    async fn read(&mut self, ground: &Ground, feeds: &mut [Feed]) -> Read {
        let mut fold = Fold::new(ground);
        let mut broken = Vec::new();
        for feed in feeds {
            if self.settings.selector.is_some() && !feed.is_complete() {
                fold.misses(feed.resource);
            }
            while let Some(entry) =
                feed.next(&ground.name, &mut self.grounds, &mut self.events).await
            {
                fold.add(feed.resource, entry);
            }
            if let Some(why) = feed.broken() {
                fold.misses(feed.resource);
                let what = format!("list {}", feed.resource.qualified());
                broken.push(Unread { what, why: why.to_owned() });
            }
        }
        self.events.extend(fold.unread().iter().cloned().map(Event::Unread));
        let mut read = fold.finish();
        read.unread.extend(broken);
        read.lints.splice(0..0, self.grounds.lints(&ground.name));
        if self.settings.selector.is_some() {
            read.extent = Extent::Selected;
        }
        read
    }

    /// Tells what there is to tell.
    async fn drain<E>(
        &mut self,
        tell: &mut impl AsyncFnMut(Event) -> Result<(), E>,
    ) -> Result<(), Failure<E>> {
        for event in self.events.drain(..) {
            tell(event).await.map_err(Failure::Told)?;
        }
        Ok(())
    }

    fn progress(&self, feeds: &[Feed]) -> Progress {
        let mut progress = self.progress;
        let pods = feeds.iter().filter(|feed| feed.resource == resource::PODS);
        for feed in pods {
            progress.pods += feed.count;
            progress.all_pods = feed.remaining.map(|remaining| progress.pods + remaining);
        }
        progress.all_namespaces = progress.namespaces + self.grounds.count();
        progress
    }
}

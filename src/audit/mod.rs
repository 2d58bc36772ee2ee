//! Audits a cluster: which level each namespace could enforce today, what blocks it, and what violates the policy that
//! it enforces already.
//!
//! Only lists, never writes. Memory is bounded by the largest namespace and by a page or two of each kind, not by the
//! size of the cluster. Unreadable objects are reported, and the rest is judged.

mod discovery;
mod feed;
mod fold;
mod judge;
mod namespaces;
mod object;
mod presence;
mod progress;
mod resource;
mod worse;

use std::{fmt, num::NonZeroU32, sync::Arc};

use kube::Client;

use policy::{
    config::Config,
    exceptions::Exceptions,
    findings::{AuditScope, Modes, Namespace, NamespaceFacts, NamespaceObjects, Presence, Unread},
    pss::{FindingLimits, Level, Minor, NEWEST},
};

use crate::cluster::{self, ApiError, Detail, Discontinuity, Query};

use feed::{Feed, Role};
use fold::Fold;
use namespaces::PendingNamespaces;
use resource::ListedKind;

pub use judge::Templates;
pub use progress::ProgressLine;

/// Objects per page.
pub const PAGE: NonZeroU32 = NonZeroU32::new(cluster::PAGE).expect("it is not 0");

/// The scope and the policy of an audit.
#[derive(Clone, Debug)]
pub struct AuditSettings {
    /// The defaults, exemptions and hardening settings.
    pub config: Config,
    /// The exceptions.
    pub exceptions: Arc<Exceptions>,
    /// How pods that a template will create are judged.
    pub templates: Templates,
    /// The modes of a namespace's policy to judge by.
    pub modes: Modes,
    /// Limits the audit to these namespaces, valid DNS-1123 labels. Empty for all.
    pub namespaces: Vec<String>,
    /// A label selector in kubectl's syntax: `app in (web, api),tier!=test`.
    pub selector: Option<String>,
    /// Violations of this level make the command fail, if the namespace enforces it.
    pub fail_on: Level,
    /// Maximum number of objects per page.
    pub page: NonZeroU32,
    /// Whether Portcullis' webhook is registered, if that is known already.
    pub presence: Option<Presence>,
    /// How many findings to keep per violated requirement of a workload.
    pub caps: FindingLimits,
}

/// An event of an audit.
#[derive(Debug)]
pub enum Event {
    /// A completed namespace.
    Namespace(Box<Namespace>),
    /// Something could not be read.
    Unread(Unread),
    /// A remark that does not affect the findings.
    Note(AuditNote),
    /// AuditProgress of the audit.
    Progress(AuditProgress),
}

/// A remark in addition to the findings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditNote {
    /// A list took longer than the API server keeps old versions.
    Discontinuity {
        /// The resource: `pods`.
        resource: String,
        /// How the list continued.
        discontinuity: Discontinuity,
    },
    /// A list is not in etcd's order.
    Order {
        /// The resource: `pods`.
        resource: String,
    },
    /// Objects of a custom resource may not be listed, for this reason. Their pods are judged.
    NotListed {
        /// The resource: `rollouts.argoproj.io`.
        resource: String,
        /// The reason.
        why: String,
    },
    /// Portcullis' webhook is not registered.
    Absent,
    /// It is unknown whether the webhook is registered, for this reason.
    Unknown(String),
}

impl fmt::Display for AuditNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Discontinuity { resource, discontinuity } => {
                let how = match discontinuity {
                    Discontinuity::Later => "the following objects are from a later state",
                    Discontinuity::Anew => {
                        "it restarted, and objects judged before are from an earlier state"
                    }
                };
                write!(f, "the list of {resource} expired in the API server: {how}")
            }
            Self::Order { resource } => {
                write!(f, "the API server does not sort {resource} by name: they are listed again, one namespace at a time")
            }
            Self::NotListed { resource, why } => {
                write!(f, "{resource} are not judged, but their pods are: {why}")
            }
            Self::Absent => f.write_str(
                "no Portcullis webhook is registered in this cluster: the report shows what Portcullis would enforce",
            ),
            Self::Unknown(why) => {
                write!(f, "cannot determine whether Portcullis enforces anything in this cluster: {why}")
            }
        }
    }
}

/// AuditProgress of an audit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditProgress {
    /// Number of pods read.
    pub pods: u64,
    /// Total number of pods, if the API server reports it.
    pub all_pods: Option<u64>,
    /// Number of completed namespaces.
    pub namespaces: u64,
    /// Total number of namespaces.
    pub all_namespaces: u64,
}

/// Why an audit ended early.
#[derive(Debug, thiserror::Error)]
pub enum Failure<E> {
    /// The API server is unreachable. One line.
    #[error("cannot reach the API server: {0}")]
    Api(String),
    /// The callback returned this error.
    #[error(transparent)]
    Callback(E),
}

/// Audits a cluster. Reports each namespace through `callback` as soon as it is complete, in the order of the API server's
/// lists. Must be called on a runtime.
///
/// # Errors
/// The API server is unreachable, or `callback` failed.
pub async fn run<E>(
    client: &Client,
    settings: &AuditSettings,
    mut callback: impl AsyncFnMut(Event) -> Result<(), E>,
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
        kinds: ListedKind::all(
            discovery::custom_kinds(client, settings.config.kinds(), &mut events).await,
        ),
        namespaces: PendingNamespaces::new(client, settings, newest, presence),
        events,
        progress: AuditProgress::default(),
    };
    if settings.namespaces.is_empty() {
        audit.namespaces.list(&mut audit.events).await;
        return audit.walk(None, &mut callback).await;
    }
    for name in &settings.namespaces {
        audit.namespaces.read(name, &mut audit.events).await;
        audit.walk(Some(name), &mut callback).await?;
    }
    Ok(())
}

async fn present(client: &Client, events: &mut Vec<Event>) -> Presence {
    let (presence, why) = presence::presence(client).await;
    events.extend(match presence {
        Presence::Installed => None,
        Presence::Absent => Some(Event::Note(AuditNote::Absent)),
        Presence::Unknown => Some(Event::Note(AuditNote::Unknown(why.unwrap_or_default()))),
    });
    presence
}

/// The version that `latest` stands for. An API server that does not reveal its version counts as the newest.
async fn newest(client: &Client, events: &mut Vec<Event>) -> Result<Minor, String> {
    let (what, why) = match cluster::read_version(client).await {
        Ok(minor) => return Ok(minor.min(NEWEST)),
        Err(ApiError::Unreadable(why)) => ("the cluster's version", why),
        Err(ApiError::Forbidden(why)) => ("get /version", why),
        Err(error) => return Err(error.to_string()),
    };
    events.push(Event::Unread(Unread { what: what.to_owned(), why }));
    Ok(NEWEST)
}

struct Audit<'a> {
    client: &'a Client,
    settings: &'a AuditSettings,
    kinds: Vec<ListedKind>,
    namespaces: PendingNamespaces<'a>,
    events: Vec<Event>,
    progress: AuditProgress,
}

impl Audit<'_> {
    /// Walks the lists of all kinds in parallel, in one namespace or in all.
    async fn walk<E>(
        &mut self,
        namespace: Option<&str>,
        callback: &mut impl AsyncFnMut(Event) -> Result<(), E>,
    ) -> Result<(), Failure<E>> {
        // A namespace that does not exist has no objects.
        if namespace.is_some() && self.namespaces.count() == 0 {
            return self.drain(callback).await;
        }
        let mut feeds = self.feeds(namespace);
        for feed in &mut feeds {
            feed.fill(&mut self.namespaces, &mut self.events).await;
            self.drain(callback).await?;
        }
        while let Some(facts) = self.namespaces.first() {
            let read = self.read(&facts, &mut feeds).await;
            self.namespaces.pop();
            self.progress.namespaces += 1;
            // With a selector, most namespaces have nothing to report.
            if read.extent == AuditScope::Whole || !read.workloads.is_empty() {
                let namespace = Namespace::of(facts, read, &self.settings.config.harden);
                self.events.push(Event::Namespace(Box::new(namespace)));
            }
            self.drain(callback).await?;
            callback(Event::Progress(self.progress(&feeds))).await.map_err(Failure::Callback)?;
        }
        self.progress = self.progress(&feeds);
        Ok(())
    }

    fn feeds(&self, namespace: Option<&str>) -> Vec<Feed> {
        let feed = |resource: ListedKind, role| {
            // An owner may not match the selector that its pods match.
            let selector = self.settings.selector.clone().filter(|_| role == Role::Judged);
            let path = resource.path(namespace);
            let query =
                Query { path, selector, detail: Detail::Whole, page: self.settings.page.get() };
            Feed::new(self.client, resource, role, query)
        };
        let is_selective = self.settings.selector.is_some();
        let links = self.kinds.iter().filter(|kind| is_selective && kind.is_link());
        let links = links.map(|kind| feed(kind.clone(), Role::Link));
        links.chain(self.kinds.iter().map(|kind| feed(kind.clone(), Role::Judged))).collect()
    }

    /// Takes all objects of the namespace from the lists.
    async fn read(&mut self, facts: &NamespaceFacts, feeds: &mut [Feed]) -> NamespaceObjects {
        let mut fold = Fold::new(facts, &self.kinds);
        let mut broken = Vec::new();
        for feed in feeds {
            if self.settings.selector.is_some() && !feed.is_complete() {
                fold.mark_incomplete(&feed.resource);
            }
            while let Some(entry) =
                feed.next(&facts.name, &mut self.namespaces, &mut self.events).await
            {
                fold.add(&feed.resource, entry);
            }
            if let Some(why) = feed.broken() {
                fold.mark_incomplete(&feed.resource);
                let what = format!("list {}", feed.resource.qualified());
                broken.push(Unread { what, why: why.to_owned() });
            }
        }
        self.events.extend(fold.unread().iter().cloned().map(Event::Unread));
        let mut read = fold.finish();
        read.unread.extend(broken);
        read.lints.splice(0..0, self.namespaces.lints(&facts.name));
        if self.settings.selector.is_some() {
            read.extent = AuditScope::Selected;
        }
        read
    }

    /// Passes the collected events to the callback.
    async fn drain<E>(
        &mut self,
        callback: &mut impl AsyncFnMut(Event) -> Result<(), E>,
    ) -> Result<(), Failure<E>> {
        for event in self.events.drain(..) {
            callback(event).await.map_err(Failure::Callback)?;
        }
        Ok(())
    }

    fn progress(&self, feeds: &[Feed]) -> AuditProgress {
        let mut progress = self.progress;
        let pods = feeds.iter().filter(|feed| feed.resource.is_pod());
        for feed in pods {
            progress.pods += feed.count;
            progress.all_pods = feed.remaining.map(|remaining| progress.pods + remaining);
        }
        progress.all_namespaces = progress.namespaces + self.namespaces.count();
        progress
    }
}

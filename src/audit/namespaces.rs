//! The namespaces still to be reported, and the policy of each. All are listed first; reduced to what matters, each
//! takes a few hundred bytes.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::SystemTime,
};

use kube::Client;

use policy::{
    config::Config,
    dns,
    findings::{
        Identity, Lint, NamespaceFacts, NamespaceLabels, Owners, Policy, Presence, Unread, lint,
    },
    namespace::EffectivePolicy,
    pss::Minor,
};

use crate::cluster::{ApiError, Detail, Discontinuity, Pages, Query, get};

use super::{AuditNote, AuditSettings, Event, judge::Judge, object::ListedObject};

const NAMESPACES: &str = "/api/v1/namespaces";

pub(super) struct PendingNamespaces<'s> {
    client: Client,
    settings: &'s AuditSettings,
    config: Arc<Config>,
    newest: Minor,
    /// Keyed by the prefix of their objects' keys: the name and `/`.
    known: BTreeMap<String, Known>,
    /// PendingNamespaces deleted while others were read.
    gone: HashSet<String>,
    reading: Reading,
    presence: Presence,
    last_reported: String,
}

/// A namespace and its own lints.
struct Known {
    facts: NamespaceFacts,
    policy: Policy,
    lints: Vec<Lint>,
}

/// Whether the labels of namespaces are readable.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    Possible,
    /// An attempt failed and was reported.
    Refused,
}

impl<'s> PendingNamespaces<'s> {
    pub(super) fn new(
        client: &Client,
        settings: &'s AuditSettings,
        newest: Minor,
        presence: Presence,
    ) -> Self {
        Self {
            client: client.clone(),
            settings,
            config: Arc::new(settings.config.clone()),
            newest,
            known: BTreeMap::new(),
            gone: HashSet::new(),
            reading: Reading::Possible,
            presence,
            last_reported: String::new(),
        }
    }

    /// Lists all namespaces. On failure, non-empty namespaces are judged by the configuration's defaults.
    pub(super) async fn list(&mut self, events: &mut Vec<Event>) {
        let all = Query::new(NAMESPACES, Detail::Metadata);
        let query = Query { page: self.settings.page.get(), ..all };
        let mut pages = Pages::new(&self.client, query);
        while let Some(page) = pages.next().await {
            let (page, discontinuity) = match page {
                Ok(page) => page,
                Err(error) => return self.refuse("list namespaces", &error, events),
            };
            // Duplicates are harmless here.
            if discontinuity == Some(Discontinuity::Later) {
                let resource = "namespaces".to_owned();
                events.push(Event::Note(AuditNote::Discontinuity {
                    resource,
                    discontinuity: Discontinuity::Later,
                }));
            }
            for json in page.items() {
                match ListedObject::read(json) {
                    Ok(object) => self.insert(object),
                    Err(error) => {
                        let why = format!("one in it cannot be read: {error}");
                        self.refuse("list namespaces", &ApiError::Failed(why), events);
                    }
                }
            }
        }
    }

    /// Reads one namespace that the user named.
    pub(super) async fn read(&mut self, name: &str, events: &mut Vec<Event>) {
        if let Err(error @ ApiError::NotFound) = self.get(name, events).await {
            let what = format!("namespace {name}");
            events.push(Event::Unread(Unread { what, why: error.to_string() }));
        }
    }

    /// The policy of a namespace. None if the namespace was deleted.
    pub(super) async fn judge(&mut self, name: &str, events: &mut Vec<Event>) -> Option<Judge<'_>> {
        let key = format!("{name}/");
        if !self.known.contains_key(&key) {
            self.discover(name, events).await;
        }
        let known = self.known.get(&key)?;
        Some(Judge {
            facts: &known.facts,
            policy: &known.policy,
            templates: self.settings.templates,
        })
    }

    /// The first namespace in list order.
    pub(super) fn first(&self) -> Option<NamespaceFacts> {
        self.known.first_key_value().map(|(_, known)| known.facts.clone())
    }

    /// Removes the first namespace once it is complete.
    pub(super) fn pop(&mut self) {
        if let Some((key, _)) = self.known.pop_first() {
            self.last_reported = key;
        }
    }

    pub(super) fn last_reported(&self) -> Option<&str> {
        self.last_reported.strip_suffix('/')
    }

    /// Whether all namespaces are known, so that objects can be listed one namespace at a time.
    pub(super) fn are_listed(&self) -> bool {
        self.reading == Reading::Possible
    }

    /// The namespace's own lints, returned once.
    pub(super) fn lints(&mut self, name: &str) -> Vec<Lint> {
        let known = self.known.get_mut(&format!("{name}/"));
        known.map(|known| std::mem::take(&mut known.lints)).unwrap_or_default()
    }

    pub(super) fn count(&self) -> u64 {
        self.known.len() as u64
    }

    /// Reads a namespace that was created after the list, or that the account cannot list.
    async fn discover(&mut self, name: &str, events: &mut Vec<Event>) {
        if self.gone.contains(name) {
            return;
        }
        if self.reading == Reading::Refused {
            return self.know(name.to_owned(), None, Vec::new());
        }
        if self.get(name, events).await.is_err() {
            self.gone.insert(name.to_owned());
        }
    }

    /// Reads a namespace. One that cannot be read is judged by the defaults.
    ///
    /// # Errors
    /// The namespace does not exist.
    async fn get(&mut self, name: &str, events: &mut Vec<Event>) -> Result<(), ApiError> {
        // No namespace can have another name, and in a path it could mean something else.
        if !dns::is_label(name) {
            return Err(ApiError::NotFound);
        }
        let text = get(&self.client, &format!("{NAMESPACES}/{name}")).await;
        let object = text.as_deref().map_err(ApiError::clone).and_then(|text| {
            ListedObject::read(text).map_err(|error| ApiError::unreadable("the namespace", &error))
        });
        match object {
            Ok(object) => self.insert(object),
            Err(ApiError::NotFound) => return Err(ApiError::NotFound),
            Err(error) => {
                self.refuse(&format!("get namespace {name}"), &error, events);
                self.know(name.to_owned(), None, Vec::new());
            }
        }
        Ok(())
    }

    fn insert(&mut self, object: ListedObject<'_>) {
        let name = object.metadata.name.to_string();
        let identity = Identity {
            api_version: "v1".to_owned(),
            kind: "Namespace".to_owned(),
            namespace: String::new(),
            name: name.clone(),
        };
        let (mut labels, annotations) = (object.metadata.labels, object.metadata.annotations);
        let invalid = EffectivePolicy::new(&name, &labels, &self.config).invalid_labels(&labels);
        let mut lints = lint::of_namespace(&labels, &annotations, invalid, &identity);
        let applied = annotations.get(lint::LAST_APPLIED);
        lints.extend(applied.into_iter().flat_map(|text| lint::of_text(text, &identity)));
        labels.retain(|key, _| policy::config::is_read(key));
        self.know(name, Some(labels), lints);
    }

    fn know(&mut self, name: String, labels: Option<BTreeMap<String, String>>, lints: Vec<Lint>) {
        let set = labels.clone().unwrap_or_default();
        let mut policy =
            Policy::new(Arc::clone(&self.config), None, None, Some(self.newest), SystemTime::now());
        policy.labels =
            NamespaceLabels { known: [(name.clone(), set)].into(), ..NamespaceLabels::default() };
        policy.exceptions = Arc::clone(&self.settings.exceptions);
        policy.owners = Owners::Believed;
        policy.modes = self.settings.modes;
        policy.fail_on = self.settings.fail_on;
        policy.caps = self.settings.caps;
        let facts = NamespaceFacts {
            labels,
            policy: policy.judged_policy(&name).policy,
            exempt: policy.context().exempt_namespace(&name),
            name,
            presence: self.presence,
        };
        let known = Known { policy, lints, facts };
        self.known.insert(format!("{}/", known.facts.name), known);
    }

    fn refuse(&mut self, what: &str, error: &ApiError, events: &mut Vec<Event>) {
        self.reading = Reading::Refused;
        let why = format!("{error}; without its labels a namespace is judged by the defaults");
        events.push(Event::Unread(Unread { what: what.to_owned(), why }));
    }
}

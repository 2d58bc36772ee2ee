//! The objects of one kind, judged as they arrive, ordered by namespace and name.
//!
//! etcd stores them under `namespace/name`, and lists follow the byte order of these keys: `a-b/x` comes before `a/x`,
//! since `-` sorts before `/`. All lists are walked in parallel in this order. Each namespace is then complete before
//! the next one begins, and need not be kept.
//!
//! Other stores (old kine, dqlite) list in other orders. Such a list is abandoned, and its objects are listed again one
//! namespace at a time, where the order does not matter.

use std::collections::{HashSet, VecDeque};

use kube::Client;

use policy::findings::Unread;

use crate::cluster::{ApiError, Detail, Discontinuity, Page, Pages, Query};

use super::{
    AuditNote, Event, judge::Entry, namespaces::PendingNamespaces, object::ListedObject,
    resource::ListedKind,
};

/// How the objects of a list are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Judged,
    /// Read for their owners only.
    Link,
}

pub(super) struct Feed {
    pub(super) resource: ListedKind,
    role: Role,
    client: Client,
    query: Query,
    list: Pages,
    scope: ListScope,
    ready: VecDeque<(String, Entry)>,
    /// The current namespace, and the names of its objects that were returned.
    namespace: String,
    given: HashSet<String>,
    last: String,
    discontinuity: Option<Discontinuity>,
    state: State,
    pub(super) count: u64,
    /// Number of objects to come, if the API server reports it.
    pub(super) remaining: Option<u64>,
}

/// The scope of a list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ListScope {
    /// All namespaces, in key order.
    All,
    /// One namespace after the other.
    Namespace,
}

enum State {
    Open,
    Ended,
    /// The rest could not be read, for this reason.
    Broken(String),
}

enum Fault {
    Unreadable(String),
    /// This key followed a greater one.
    Order(String),
}

impl Feed {
    /// Starts listing. Must be called on a runtime.
    pub(super) fn new(client: &Client, resource: ListedKind, role: Role, mut query: Query) -> Self {
        if role == Role::Link {
            query.detail = Detail::Metadata;
        }
        Self {
            resource,
            role,
            list: Pages::new(client, query.clone()),
            client: client.clone(),
            query,
            scope: ListScope::All,
            ready: VecDeque::new(),
            namespace: String::new(),
            given: HashSet::new(),
            last: String::new(),
            discontinuity: None,
            state: State::Open,
            count: 0,
            remaining: None,
        }
    }

    /// Whether the list covers all objects of its kind, without a selector.
    pub(super) fn is_complete(&self) -> bool {
        self.role == Role::Link || self.resource.is_link()
    }

    /// Why further objects are missing, if they are.
    pub(super) fn broken(&self) -> Option<&str> {
        match &self.state {
            State::Broken(why) => Some(why),
            State::Open | State::Ended => None,
        }
    }

    /// The next object, if it belongs to this namespace. Appends messages about the list to `events`.
    pub(super) async fn next(
        &mut self,
        namespace: &str,
        namespaces: &mut PendingNamespaces<'_>,
        events: &mut Vec<Event>,
    ) -> Option<Entry> {
        if self.namespace != namespace {
            self.enter(namespace);
        }
        loop {
            self.fill(namespaces, events).await;
            let (first, _) = self.ready.front()?;
            if first != namespace {
                return None;
            }
            let (_, entry) = self.ready.pop_front()?;
            // A restarted or replaced list repeats objects.
            if self.given.insert(entry.name.clone()) {
                return Some(entry);
            }
        }
    }

    /// Waits until objects are available or the list has ended.
    pub(super) async fn fill(
        &mut self,
        namespaces: &mut PendingNamespaces<'_>,
        events: &mut Vec<Event>,
    ) {
        while self.ready.is_empty() && matches!(self.state, State::Open) {
            match self.list.next().await {
                None => self.state = State::Ended,
                Some(Ok((page, discontinuity))) => {
                    if let Some(discontinuity) = discontinuity {
                        self.discontinuity = Some(discontinuity);
                        let resource = self.resource.qualified();
                        events.push(Event::Note(AuditNote::Discontinuity {
                            resource,
                            discontinuity,
                        }));
                    }
                    match self.take(&page, namespaces, events).await {
                        Ok(()) => {}
                        Err(Fault::Order(key)) => self.leave_order(&key, namespaces, events),
                        Err(Fault::Unreadable(why)) => {
                            self.fail(&ApiError::Failed(why), events);
                        }
                    }
                }
                // A cluster without the resource has no such objects.
                Some(Err(ApiError::NotFound)) => self.state = State::Ended,
                Some(Err(ApiError::Forbidden(why))) if self.resource.is_custom() => {
                    self.state = State::Ended;
                    let resource = self.resource.qualified();
                    events.push(Event::Note(AuditNote::NotListed { resource, why }));
                }
                Some(Err(error)) => self.fail(&error, events),
            }
        }
    }

    /// Moves to a namespace. In one-at-a-time mode, starts its list.
    fn enter(&mut self, namespace: &str) {
        namespace.clone_into(&mut self.namespace);
        self.given.clear();
        if self.scope == ListScope::Namespace {
            self.ready.clear();
            self.discontinuity = None;
            self.state = State::Open;
            let path = self.resource.path(Some(namespace));
            self.list = Pages::new(&self.client, Query { path, ..self.query.clone() });
        }
    }

    /// Continues one namespace at a time. Reports that namespaces finished earlier may be incomplete.
    fn leave_order(
        &mut self,
        key: &str,
        namespaces: &mut PendingNamespaces<'_>,
        events: &mut Vec<Event>,
    ) {
        let order = format!("{key} is listed after {}, out of order", self.last);
        if !namespaces.are_listed() {
            return self.fail(&ApiError::Failed(order), events);
        }
        events.push(Event::Note(AuditNote::Order { resource: self.resource.qualified() }));
        if let Some(last) = namespaces.last_reported() {
            let what = format!("list {} up to namespace {last}", self.resource.qualified());
            let why = format!("{order}: some of these may come later, and were not judged");
            events.push(Event::Unread(Unread { what, why }));
        }
        self.scope = ListScope::Namespace;
        self.ready.clear();
        let namespace = std::mem::take(&mut self.namespace);
        let given = std::mem::take(&mut self.given);
        if namespace.is_empty() {
            self.state = State::Ended;
            return;
        }
        self.enter(&namespace);
        self.given = given;
    }

    fn fail(&mut self, error: &ApiError, events: &mut Vec<Event>) {
        self.state = State::Broken(error.to_string());
        let place = match (self.scope, self.last.split_once('/')) {
            (ListScope::Namespace, _) => format!(" in namespace {}", self.namespace),
            (ListScope::All, _) if self.query.path != self.resource.path(None) => String::new(),
            (ListScope::All, Some((after, _))) => format!(" after namespace {after}"),
            (ListScope::All, None) => " in all namespaces".to_owned(),
        };
        let what = format!("list {}{place}", self.resource.qualified());
        events.push(Event::Unread(Unread { what, why: error.to_string() }));
    }

    async fn take(
        &mut self,
        page: &Page,
        namespaces: &mut PendingNamespaces<'_>,
        events: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        self.count += page.items().len() as u64;
        self.remaining = page.metadata.remaining().filter(|_| self.scope == ListScope::All);
        for json in page.items() {
            let object = ListedObject::read(json).map_err(|error| {
                Fault::Unreadable(format!("an object in it cannot be read: {error}"))
            })?;
            let namespace = &*object.metadata.namespace;
            if self.scope == ListScope::All {
                let key = format!("{namespace}/{}", object.metadata.name);
                if key <= self.last {
                    if self.discontinuity == Some(Discontinuity::Anew) {
                        continue;
                    }
                    return Err(Fault::Order(key));
                }
                self.last = key;
            }
            let Some(judge) = namespaces.judge(namespace, events).await else { continue };
            let entry = match self.role {
                Role::Judged => judge.entry(&self.resource, &object, json),
                Role::Link => Entry::link(&object),
            };
            self.ready.push_back((namespace.to_owned(), entry));
        }
        Ok(())
    }
}

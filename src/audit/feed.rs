//! The objects of one kind, judged as they arrive, in the order of their namespaces and names.
//!
//! etcd has them under `namespace/name`, and lists come in the order of these keys as bytes: `a-b/x` before `a/x`,
//! since `-` comes before `/`. All lists are walked side by side in this order, so that one namespace after the
//! other is complete and nothing of it need be kept.

use std::collections::VecDeque;

use kube::Client;

use super::{
    Event, Note,
    ask::Refusal,
    grounds::Grounds,
    judge::Entry,
    list::{Form, List, Query, Seam},
    object::Object,
    page::Page,
    resource::{self, Resource},
};

/// What is done with the objects of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// They are judged.
    Judged,
    /// They only say who owns them.
    Link,
}

/// One list on its way.
pub(super) struct Feed {
    pub(super) resource: Resource,
    role: Role,
    list: List,
    ready: VecDeque<(String, Entry)>,
    last: String,
    seam: Option<Seam>,
    state: State,
    /// Objects that came.
    pub(super) count: u64,
    /// Objects that follow, where the API server says so.
    pub(super) remaining: Option<u64>,
}

enum State {
    Open,
    Ended,
    /// What follows could not be read.
    Broken,
}

impl Feed {
    /// Begins to list. To be called on a runtime.
    pub(super) fn new(client: &Client, resource: Resource, role: Role, mut query: Query) -> Self {
        if role == Role::Link {
            query.form = Form::Metadata;
        }
        Self {
            resource,
            role,
            list: List::new(client, query),
            ready: VecDeque::new(),
            last: String::new(),
            seam: None,
            state: State::Open,
            count: 0,
            remaining: None,
        }
    }

    /// Whether it has all objects of its kind, selected or not.
    pub(super) fn is_complete(&self) -> bool {
        self.role == Role::Link || [resource::REPLICA_SETS, resource::JOBS].contains(&self.resource)
    }

    /// Whether objects are missing from here on.
    pub(super) fn is_broken(&self) -> bool {
        matches!(self.state, State::Broken)
    }

    /// The next object, if it is of this namespace. What there is to be told of the list meanwhile is added to
    /// `events`.
    pub(super) async fn next(
        &mut self,
        namespace: &str,
        grounds: &mut Grounds<'_>,
        events: &mut Vec<Event>,
    ) -> Option<Entry> {
        self.fill(grounds, events).await;
        let (first, _) = self.ready.front()?;
        if first != namespace {
            return None;
        }
        self.ready.pop_front().map(|(_, entry)| entry)
    }

    /// Waits for objects, unless there are some or none will come.
    pub(super) async fn fill(&mut self, grounds: &mut Grounds<'_>, events: &mut Vec<Event>) {
        while self.ready.is_empty() && matches!(self.state, State::Open) {
            match self.list.next().await {
                None => self.state = State::Ended,
                Some(Ok((page, seam))) => {
                    if let Some(seam) = seam {
                        self.seam = Some(seam);
                        events
                            .push(Event::Note(Note { resource: self.resource.qualified(), seam }));
                    }
                    if let Err(refusal) = self.take(&page, grounds, events).await {
                        self.refuse(&refusal, grounds, events);
                    }
                }
                // An API server without the resource has no object of it either.
                Some(Err(Refusal::Absent)) => self.state = State::Ended,
                Some(Err(refusal)) => self.refuse(&refusal, grounds, events),
            }
        }
    }

    fn refuse(&mut self, refusal: &Refusal, grounds: &Grounds<'_>, events: &mut Vec<Event>) {
        self.state = State::Broken;
        let after = self.last.split_once('/').map(|(namespace, _)| namespace);
        events.push(Event::Unread(grounds.unread_list(self.resource, after, refusal)));
    }

    async fn take(
        &mut self,
        page: &Page,
        grounds: &mut Grounds<'_>,
        events: &mut Vec<Event>,
    ) -> Result<(), Refusal> {
        self.count += page.count() as u64;
        self.remaining = if page.token.is_some() { page.remaining } else { Some(0) };
        for json in page.items() {
            let object = Object::read(json).map_err(|error| {
                Refusal::Failed(format!("an object in it cannot be read: {error}"))
            })?;
            let namespace = &*object.metadata.namespace;
            let key = format!("{namespace}/{}", object.metadata.name);
            if key <= self.last {
                if self.seam == Some(Seam::Anew) {
                    continue;
                }
                let why = format!("{key} is listed after {}, out of order", self.last);
                return Err(Refusal::Failed(why));
            }
            self.last = key;
            let Some(bench) = grounds.bench(namespace, events).await else { continue };
            let entry = match self.role {
                Role::Judged => bench.entry(self.resource, &object, json),
                Role::Link => Entry::link(&object),
            };
            self.ready.push_back((namespace.to_owned(), entry));
        }
        Ok(())
    }
}

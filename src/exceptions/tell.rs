//! Writes the status of exceptions on the leader: only if it differs, and at a limited rate.

use std::{
    collections::HashMap,
    future::pending,
    sync::Arc,
    time::{Duration, SystemTime},
};

use kube::{
    Api, Client, ResourceExt as _,
    api::{ApiResource, DynamicObject, Patch, PatchParams},
};
use serde_json::json;
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

use crate::cluster::{Pages, one_line};

use super::{
    Store,
    known::Key,
    list,
    resource::{PolicyExceptionStatus, State, resource},
};

/// How often to look for changed statuses, which are in memory.
const LOOK: Duration = Duration::from_secs(1);
/// Between two writes: 20 a second.
const WRITES_APART: Duration = Duration::from_millis(50);
/// How long to wait after a failed write.
const RETRY: Duration = Duration::from_secs(60);
/// How often to look for exceptions in namespaces where they do not apply.
const IGNORED_EVERY: Duration = Duration::from_secs(300);
const PATIENCE: Duration = Duration::from_secs(10);
/// The field manager.
const US: &str = "portcullis";

/// Writes statuses while this replica leads. Never returns.
pub async fn tell(client: Client, store: Arc<Store>, mut leads: watch::Receiver<bool>) {
    loop {
        if leads.wait_for(|leads| *leads).await.is_err() {
            // The election has ended.
            return pending().await;
        }
        let mut teller = Teller::new(client.clone(), &store);
        tokio::select! {
            () = teller.run() => {}
            _ = leads.wait_for(|leads| !*leads) => {}
        }
    }
}

struct Teller<'s> {
    client: Client,
    store: &'s Store,
    resource: ApiResource,
    /// Objects whose status could not be written, and when to retry.
    later: HashMap<Key, Instant>,
    said: String,
}

impl<'s> Teller<'s> {
    fn new(client: Client, store: &'s Store) -> Self {
        let resource = resource();
        Self { client, store, resource, later: HashMap::new(), said: String::new() }
    }

    async fn run(&mut self) {
        let mut next_ignored = Instant::now();
        loop {
            self.later.retain(|_, until| *until > Instant::now());
            for (key, status) in self.store.untold(SystemTime::now()) {
                if !self.later.contains_key(&key) && self.write(&key, &status).await {
                    self.store.told(&key, status);
                }
            }
            // If no namespace is configured, there may be no right to list exceptions.
            if Instant::now() >= next_ignored && self.store.honours_any() {
                self.tell_ignored().await;
                next_ignored = Instant::now() + IGNORED_EVERY;
            }
            sleep(LOOK).await;
        }
    }

    /// Whether the write succeeded.
    async fn write(&mut self, key: &Key, status: &PolicyExceptionStatus) -> bool {
        let (namespace, name) = key;
        let api = self.of(namespace);
        // A merge patch removes a field only if it is null.
        let patch = Patch::Merge(json!({"status": {
            "state": status.state,
            "message": status.message,
            "covers": status.covers,
            "observedGeneration": status.observed_generation,
        }}));
        let params = PatchParams { field_manager: Some(US.to_owned()), ..PatchParams::default() };
        let writing = api.patch_status(name, &params, &patch);
        let error = match timeout(PATIENCE, writing).await {
            Ok(Ok(_)) => None,
            // The object was deleted.
            Ok(Err(kube::Error::Api(answer))) if answer.code == 404 => return false,
            Ok(Err(error)) => Some(one_line(&error)),
            Err(_) => Some("the API server did not answer in time".to_owned()),
        };
        sleep(WRITES_APART).await;
        let Some(error) = error else {
            self.said.clear();
            return true;
        };
        if error != self.said {
            tracing::warn!(
                namespace,
                name,
                error,
                "the status of a PolicyException cannot be written"
            );
            self.said = error;
        }
        self.later.insert(key.clone(), Instant::now() + RETRY);
        false
    }

    /// Sets the status of exceptions in namespaces where they do not apply. These are not watched, but their authors
    /// may wait for an effect.
    async fn tell_ignored(&mut self) {
        let mut pages = Pages::new(&self.client, list::query(None));
        // The watches report errors.
        while let Ok(Some(Ok((page, _)))) = timeout(PATIENCE, pages.next()).await {
            let objects = page.items().filter_map(|json| serde_json::from_str(json).ok());
            for object in objects.collect::<Vec<DynamicObject>>() {
                let (Some(namespace), name) = (object.namespace(), object.name_any()) else {
                    continue;
                };
                if self.store.honours(&namespace) != Some(false) {
                    continue;
                }
                let status = PolicyExceptionStatus {
                    state: Some(State::Ignored),
                    message: Some(format!(
                        "exceptions in namespace {namespace} are not honoured: the configuration's exceptions.namespaces does not list it"
                    )),
                    covers: Some(0),
                    observed_generation: object.metadata.generation,
                };
                let told = object.data.get("status").cloned();
                let told = told.and_then(|told| serde_json::from_value(told).ok());
                let key = (namespace, name);
                if told.as_ref() != Some(&status) && !self.later.contains_key(&key) {
                    self.write(&key, &status).await;
                }
            }
        }
    }

    fn of(&self, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, &self.resource)
    }
}

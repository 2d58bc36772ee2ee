//! A stub API server that holds a few objects, lists them in pages in etcd's order, and fails on demand.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex},
};

use http::{Request, Response};
use kube::{Client, client::Body};
use serde_json::{Value, json};

/// The response instead of a page: code, and the metadata of the Status.
type Fault = (u16, Value);

#[derive(Default)]
pub(super) struct Stub {
    /// Keyed by the path of the list in all namespaces, then by `namespace/name`.
    objects: BTreeMap<String, BTreeMap<String, Value>>,
    /// Faults by path and number of preceding pages; each happens once.
    faults: Vec<(String, usize, Fault)>,
    forbidden: Vec<String>,
    /// Lists over all namespaces that are not in etcd's order.
    shuffled: Vec<String>,
    /// Lists whose continue tokens always expire.
    forgetful: Vec<String>,
    /// A namespace that exists but is missing in the list.
    late: Option<String>,
    asked: BTreeMap<String, usize>,
    /// Path and query of every request, in order.
    pub(super) log: Vec<String>,
}

impl Stub {
    pub(super) fn put(&mut self, path: &str, namespace: &str, name: &str, mut object: Value) {
        object["metadata"]["name"] = json!(name);
        if !namespace.is_empty() {
            object["metadata"]["namespace"] = json!(namespace);
        }
        if object["metadata"]["uid"].is_null() {
            object["metadata"]["uid"] = json!(format!("uid-{name}"));
        }
        let key =
            if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") };
        self.objects.entry(path.to_owned()).or_default().insert(key, object);
    }

    pub(super) fn namespace(&mut self, name: &str, labels: &Value) {
        self.put("/api/v1/namespaces", "", name, json!({"metadata": {"labels": labels}}));
    }

    /// Fails instead of the page after this many.
    pub(super) fn fail(&mut self, path: &str, after: usize, code: u16, metadata: Value) {
        self.faults.push((path.to_owned(), after, (code, metadata)));
    }

    pub(super) fn forbid(&mut self, path: &str) {
        self.forbidden.push(path.to_owned());
    }

    pub(super) fn shuffle(&mut self, path: &str) {
        self.shuffled.push(path.to_owned());
    }

    pub(super) fn forget(&mut self, path: &str) {
        self.forgetful.push(path.to_owned());
    }

    pub(super) fn late(&mut self, name: &str) {
        self.namespace(name, &json!({}));
        self.late = Some(name.to_owned());
    }

    pub(super) fn client(self) -> (Client, Arc<Mutex<Self>>) {
        let stub = Arc::new(Mutex::new(self));
        let answering = Arc::clone(&stub);
        let service = tower::service_fn(move |request: Request<Body>| {
            let (code, body) = answering.lock().unwrap().answer(&request.uri().to_string());
            let mut response = Response::new(Body::from(body.to_string().into_bytes()));
            *response.status_mut() = code.try_into().unwrap();
            std::future::ready(Ok::<_, Infallible>(response))
        });
        (Client::new(service, "default"), stub)
    }

    fn answer(&mut self, uri: &str) -> (u16, Value) {
        self.log.push(uri.to_owned());
        if uri == "/version" {
            return (
                200,
                json!({"major": "1", "minor": "37", "gitVersion": "", "gitCommit": "", "gitTreeState": "", "buildDate": "", "goVersion": "", "compiler": "", "platform": ""}),
            );
        }
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        if self.forbidden.iter().any(|forbidden| forbidden == path) {
            return refused(403, &json!({}));
        }
        if self.forgetful.iter().any(|forgetful| forgetful == path) && query.contains("continue=") {
            return refused(410, &json!({}));
        }
        let pages = self.asked.entry(path.to_owned()).or_default();
        let fault = self.faults.iter().position(|(at, after, _)| at == path && after == pages);
        if let Some(fault) = fault {
            let (_, _, (code, metadata)) = self.faults.remove(fault);
            return refused(code, &metadata);
        }
        *pages += 1;
        if let Some(name) = path.strip_prefix("/api/v1/namespaces/")
            && !name.contains('/')
        {
            let namespace = self.objects.get("/api/v1/namespaces").and_then(|all| all.get(name));
            return namespace
                .map_or_else(|| refused(404, &json!({})), |object| (200, object.clone()));
        }
        self.list(path, query)
    }

    fn list(&self, path: &str, query: &str) -> (u16, Value) {
        let parameter = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| value.replace("%2F", "/"))
        };
        let limit = parameter("limit").map_or(usize::MAX, |limit| limit.parse().unwrap());
        let after = parameter("continue").unwrap_or_default();
        let selector = parameter("labelSelector");
        let (all, within) = match path.split_once("/namespaces/") {
            Some((api, rest)) => {
                let (namespace, plural) = rest.split_once('/').unwrap();
                (format!("{api}/{plural}"), format!("{namespace}/"))
            }
            None => (path.to_owned(), String::new()),
        };
        let none = BTreeMap::new();
        let objects = self.objects.get(&all).unwrap_or(&none);
        let is_selected = |object: &Value| {
            let app = object["metadata"]["labels"]["app"].as_str().unwrap_or_default();
            selector.as_ref().is_none_or(|selector| *selector == format!("app%3D{app}"))
        };
        let mut rest: Vec<_> = objects
            .iter()
            .filter(|(key, object)| key.starts_with(&within) && is_selected(object))
            .filter(|(key, _)| self.late.as_ref() != Some(*key))
            .collect();
        if self.shuffled.iter().any(|shuffled| shuffled == path) {
            rest.sort_by_key(|(key, _)| key.bytes().rev().collect::<Vec<_>>());
            let known = rest.iter().position(|(key, _)| **key == after);
            rest.drain(..known.map_or(0, |known| known + 1));
        } else {
            rest.retain(|(key, _)| **key > after);
        }
        let remaining = rest.len().saturating_sub(limit);
        rest.truncate(limit);
        let items: Vec<_> = rest.iter().map(|(_, object)| (*object).clone()).collect();
        let mut metadata = json!({"resourceVersion": "1"});
        if remaining > 0 {
            metadata["continue"] = json!(rest.last().unwrap().0);
            metadata["remainingItemCount"] = json!(remaining);
        }
        (200, json!({"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": items}))
    }
}

fn refused(code: u16, metadata: &Value) -> (u16, Value) {
    let message = match code {
        403 => "is forbidden: User \"reader\" cannot list it",
        410 => "The provided continue parameter is too old",
        _ => "no",
    };
    (
        code,
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "metadata": metadata, "code": code, "message": message, "reason": "X"}),
    )
}

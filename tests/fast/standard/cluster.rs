//! A stub API server that only lists.

use std::{collections::BTreeMap, convert::Infallible};

use http::{Request, Response};
use kube::{Client, client::Body};
use policy::pss::NEWEST;
use serde_json::{Value, json};

use super::policies::NAMESPACE;

/// An API server with one namespace and these objects.
pub(crate) fn cluster(labels: &BTreeMap<String, String>, objects: &[Value]) -> Client {
    let of = |kind: &str| {
        let objects = objects.iter().filter(|object| object["kind"] == kind).cloned();
        let place = |mut object: Value| {
            object["metadata"]["namespace"] = json!(NAMESPACE);
            object["metadata"]["uid"] = object["metadata"]["name"].clone();
            object
        };
        // In etcd's order.
        let mut objects: Vec<_> = objects.map(place).collect();
        objects.sort_by_key(|object| object["metadata"]["name"].as_str().unwrap().to_owned());
        objects
    };
    let (pods, deployments) = (of("Pod"), of("Deployment"));
    let namespaces = [json!({"metadata": {"name": NAMESPACE, "labels": labels}})];
    let service = tower::service_fn(move |call: Request<Body>| {
        let items = match call.uri().path() {
            "/api/v1/namespaces" => &namespaces[..],
            "/api/v1/pods" => &pods,
            "/apis/apps/v1/deployments" => &deployments,
            _ => &[],
        };
        let body = match call.uri().path() {
            "/version" => {
                json!({"major": "1", "minor": NEWEST.0.to_string(), "gitVersion": "", "gitCommit": "",
                "gitTreeState": "", "buildDate": "", "goVersion": "", "compiler": "", "platform": ""})
            }
            _ => {
                json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items})
            }
        };
        let response = Response::new(Body::from(body.to_string().into_bytes()));
        std::future::ready(Ok::<_, Infallible>(response))
    });
    Client::new(service, "default")
}

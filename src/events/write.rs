//! Writes one Event per denial and owner. If the Event exists, from another replica or from before a restart, further
//! denials are added to it as its series.

use std::time::Duration;

use http::{Request, header::CONTENT_TYPE};
use k8s_openapi::{
    api::events::v1::Event, apimachinery::pkg::apis::meta::v1::MicroTime, jiff::Timestamp,
};
use kube::Client;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::cluster::one_line;

use super::{Denial, Owner};

/// Time limit for the API server's response.
const PATIENCE: Duration = Duration::from_secs(5);
/// Number of attempts when another replica writes the same Event at the same time.
const ATTEMPTS: u32 = 3;

/// Writes an Event for a denial that occurred `times` times.
pub(super) async fn write(
    client: &Client,
    instance: &str,
    denial: &Denial,
    times: u32,
) -> Result<(), String> {
    let written = async {
        for _ in 0..ATTEMPTS {
            match create(client, instance, denial).await {
                Err(error) if is_conflict(&error) => {}
                done => return done,
            }
            match count(client, denial, times).await {
                // Another replica has counted, or the Event has expired.
                Err(error) if is_conflict(&error) || is_gone(&error) => {}
                done => return done,
            }
        }
        Ok(())
    };
    let written = timeout(PATIENCE, written).await;
    let written = written.map_err(|_| "the API server did not answer in time".to_owned())?;
    written.map_err(|error| one_line(&error))
}

fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409)
}

fn is_gone(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

async fn create(client: &Client, instance: &str, denial: &Denial) -> Result<(), kube::Error> {
    let namespace = &denial.namespace;
    let regarding = match &denial.owner {
        Some(Owner { api_version, kind, name, uid }) => {
            json!({"apiVersion": api_version, "kind": kind, "namespace": namespace, "name": name, "uid": uid})
        }
        None => {
            json!({"apiVersion": "v1", "kind": "Namespace", "namespace": namespace, "name": namespace})
        }
    };
    let event = json!({
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": name(denial), "namespace": namespace},
        "eventTime": MicroTime(Timestamp::now()),
        "type": "Warning",
        "reason": "PodDenied",
        "action": "Admission",
        "reportingController": "portcullis.dev/webhook",
        "reportingInstance": instance,
        "regarding": regarding,
        "note": denial.note,
    });
    let request = Request::post(path(namespace)).header(CONTENT_TYPE, "application/json");
    client.request_text(with(request, &event)?).await.map(drop)
}

/// Adds to the series of the existing Event.
async fn count(client: &Client, denial: &Denial, times: u32) -> Result<(), kube::Error> {
    // An empty patch returns the object without the right to read Events.
    let known: Event = client.request(patch(denial, &json!({}))?).await?;
    let count = known.series.map_or(1, |series| series.count);
    let series = json!({
        "metadata": {"resourceVersion": known.metadata.resource_version},
        "series": {
            "count": count.saturating_add(i32::try_from(times).unwrap_or(i32::MAX)),
            "lastObservedTime": MicroTime(Timestamp::now()),
        },
    });
    client.request_text(patch(denial, &series)?).await.map(drop)
}

fn patch(denial: &Denial, change: &Value) -> Result<Request<Vec<u8>>, kube::Error> {
    let path = format!("{}/{}", path(&denial.namespace), name(denial));
    with(Request::patch(path).header(CONTENT_TYPE, "application/merge-patch+json"), change)
}

fn with(request: http::request::Builder, body: &Value) -> Result<Request<Vec<u8>>, kube::Error> {
    request.body(body.to_string().into_bytes()).map_err(kube::Error::HttpError)
}

fn path(namespace: &str) -> String {
    format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events")
}

fn name(denial: &Denial) -> String {
    format!("portcullis-{:016x}", denial.id())
}

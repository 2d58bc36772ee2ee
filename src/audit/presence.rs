//! Whether the API server calls Portcullis, found by the names of its webhooks, so independent of the release's name.

use http::Request;
use kube::Client;
use serde::Deserialize;

use crate::findings::Presence;

use super::ask::{Refusal, ask};

const PATH: &str =
    "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations?limit=1000";
/// The suffix of Portcullis' webhook names.
const OURS: &str = ".portcullis.dev";

/// Whether Portcullis' validating webhook is registered, or why that is unknown.
pub(super) async fn presence(client: &Client) -> (Presence, Option<String>) {
    let unknown = |why: String| (Presence::Unknown, Some(why));
    let request = match Request::get(PATH).body(Vec::new()) {
        Ok(request) => request,
        Err(error) => return unknown(error.to_string()),
    };
    match ask(client, &request).await {
        Ok(text) => match serde_json::from_str::<List>(&text) {
            Ok(list) if list.has_ours() => (Presence::Installed, None),
            Ok(_) => (Presence::Absent, None),
            Err(error) => unknown(error.to_string()),
        },
        Err(Refusal::Absent) => (Presence::Absent, None),
        Err(refusal) => unknown(refusal.to_string()),
    }
}

#[derive(Deserialize)]
struct List {
    items: Option<Vec<Configuration>>,
}

#[derive(Deserialize)]
struct Configuration {
    webhooks: Option<Vec<Webhook>>,
}

#[derive(Deserialize)]
struct Webhook {
    name: String,
}

impl List {
    fn has_ours(&self) -> bool {
        let configurations = self.items.iter().flatten();
        let mut webhooks = configurations.flat_map(|one| one.webhooks.iter().flatten());
        webhooks.any(|webhook| webhook.name.ends_with(OURS))
    }
}

//! Whether the API server calls Portcullis, found by the names of its webhooks, so independent of the release's name.

use kube::Client;
use serde::Deserialize;

use policy::findings::Presence;

use crate::cluster::{ApiError, Detail, Query, for_each};

const PATH: &str = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
/// The suffix of Portcullis' webhook names.
const OURS: &str = ".portcullis.dev";

/// Whether Portcullis' validating webhook is registered, or why that is unknown.
pub(super) async fn presence(client: &Client) -> (Presence, Option<String>) {
    let mut presence = Presence::Absent;
    let listed = for_each(client, Query::new(PATH, Detail::Whole), |json| {
        let configuration: WebhookConfiguration = serde_json::from_str(json)?;
        let mut webhooks = configuration.webhooks.iter().flatten();
        if webhooks.any(|webhook| webhook.name.ends_with(OURS)) {
            presence = Presence::Installed;
        }
        Ok(())
    });
    match listed.await {
        Ok(()) | Err(ApiError::NotFound) => (presence, None),
        Err(error) => (Presence::Unknown, Some(error.to_string())),
    }
}

#[derive(Deserialize)]
struct WebhookConfiguration {
    webhooks: Option<Vec<Webhook>>,
}

#[derive(Deserialize)]
struct Webhook {
    name: String,
}

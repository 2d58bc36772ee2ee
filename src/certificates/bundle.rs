//! The `caBundle` of a webhook configuration: reads it and writes that field only.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use kube::{
    Api, Client, Resource,
    api::{ApiResource, DynamicObject, Patch, PatchParams},
};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{
    follow::{Followed, Observed},
    plan::Bundles,
    state::Authorities,
};

/// A webhook configuration whose `caBundle` Portcullis writes.
pub(super) struct WatchedConfiguration {
    api: Api<DynamicObject>,
    resource: ApiResource,
    name: String,
    object: Followed<DynamicObject>,
}

/// The owner of `caBundle` in `metadata.managedFields`.
const FIELD_MANAGER: &str = "portcullis";

impl WatchedConfiguration {
    /// A ValidatingWebhookConfiguration or MutatingWebhookConfiguration.
    pub(super) fn new<K: Resource<DynamicType = ()>>(client: Client, name: &str) -> Self {
        let resource = ApiResource::erase::<K>(&());
        let api = Api::all_with(client, &resource);
        let object = Followed::new(api.clone(), name);
        Self { api, resource, name: name.to_owned(), object }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) async fn follow(&self, changed: &Notify) {
        self.object.follow(changed).await;
    }

    /// Compares what its webhooks trust with what they should trust. An unreadable configuration counts as lacking.
    pub(super) fn compare(&self, state: &Authorities) -> Bundles {
        compare(state, &self.object.seen())
    }

    /// Whether each of its webhooks trusts this authority.
    pub(super) fn trusts(&self, certificate: &str) -> bool {
        trusts(&self.object.seen(), certificate)
    }

    /// Sets the `caBundle` of each webhook and nothing else: server-side apply leaves all other fields to their owners.
    /// If a webhook has been removed meanwhile, the API server rejects the whole request.
    pub(super) async fn publish(&self, bundle: &str) -> kube::Result<()> {
        let ca_bundle = STANDARD.encode(bundle);
        let webhooks: Vec<Value> = match &*self.object.seen() {
            Observed::Present(seen) => webhooks(seen)
                .map(|(name, _)| json!({"name": name, "clientConfig": {"caBundle": ca_bundle}}))
                .collect(),
            Observed::Absent | Observed::Unknown(_) => return Ok(()),
        };
        let apply = json!({
            "apiVersion": self.resource.api_version,
            "kind": self.resource.kind,
            "metadata": {"name": self.name},
            "webhooks": webhooks,
        });
        let params = PatchParams::apply(FIELD_MANAGER).force();
        self.api.patch(&self.name, &params, &Patch::Apply(&apply)).await.map(drop)
    }
}

/// The name and the base64 `caBundle` of each webhook.
fn webhooks(configuration: &DynamicObject) -> impl Iterator<Item = (&str, &str)> {
    let all = configuration.data.get("webhooks").and_then(Value::as_array);
    all.into_iter().flatten().filter_map(|webhook| {
        let bundle = webhook.pointer("/clientConfig/caBundle").and_then(Value::as_str);
        Some((webhook.get("name")?.as_str()?, bundle.unwrap_or_default()))
    })
}

fn compare(state: &Authorities, seen: &Observed<DynamicObject>) -> Bundles {
    let configuration = match seen {
        Observed::Unknown(_) => return Bundles::Lacking,
        Observed::Absent => return Bundles::Exact,
        Observed::Present(configuration) => configuration,
    };
    let wanted = STANDARD.encode(state.bundle());
    let mut result = Bundles::Exact;
    for (_, bundle) in webhooks(configuration) {
        if bundle == wanted {
            continue;
        }
        let both = [state.current.certificate(), state.next.certificate()];
        if !both.iter().all(|certificate| holds(bundle, certificate)) {
            return Bundles::Lacking;
        }
        result = Bundles::Sufficient;
    }
    result
}

fn trusts(seen: &Observed<DynamicObject>, certificate: &str) -> bool {
    match seen {
        Observed::Unknown(_) => false,
        Observed::Absent => true,
        Observed::Present(configuration) => {
            webhooks(configuration).all(|(_, bundle)| holds(bundle, certificate))
        }
    }
}

fn holds(bundle: &str, certificate: &str) -> bool {
    let decoded = STANDARD.decode(bundle).unwrap_or_default();
    String::from_utf8_lossy(&decoded).contains(certificate.trim())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;

    use super::*;

    fn configuration(bundles: &[&str]) -> Observed<DynamicObject> {
        let webhooks: Vec<_> = bundles
            .iter()
            .map(|bundle| json!({"name": "a", "clientConfig": {"caBundle": STANDARD.encode(bundle)}}))
            .collect();
        let kind = ApiResource::erase::<ValidatingWebhookConfiguration>(&());
        let object = DynamicObject::new("portcullis", &kind).data(json!({"webhooks": webhooks}));
        Observed::Present(object)
    }

    #[test]
    fn trusted_and_wanted_authorities_differ() {
        let hour = Duration::from_secs(3600);
        let state = Authorities::mint("a.b.svc", SystemTime::now(), hour).unwrap();
        let bundle = state.bundle();
        let (current, next) = (state.current.certificate(), state.next.certificate());
        let both_and_more = format!("{next}{current}{current}");
        for (bundles, expected) in [
            (vec![bundle.as_str(), &bundle], Bundles::Exact),
            (vec![&bundle, &both_and_more], Bundles::Sufficient),
            (vec![&both_and_more, current], Bundles::Lacking),
            (vec![&bundle, ""], Bundles::Lacking),
            (vec!["not PEM"], Bundles::Lacking),
            (vec![], Bundles::Exact),
        ] {
            assert_eq!(compare(&state, &configuration(&bundles)), expected, "{bundles:?}");
        }
        assert_eq!(compare(&state, &Observed::Absent), Bundles::Exact);
        assert_eq!(compare(&state, &Observed::Unknown(String::new())), Bundles::Lacking);
        assert!(trusts(&configuration(&[current, &bundle]), current));
        assert!(!trusts(&configuration(&[current, next]), current));
        assert!(!trusts(&Observed::Unknown(String::new()), current));
    }
}

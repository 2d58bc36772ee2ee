//! The exceptions of a cluster as they are now, for whoever judges once and goes.

use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, ListParams},
};

use crate::{
    cluster::one_line,
    policy::{Exceptions, Honoured},
};

use super::{
    known::{Entry, Known},
    resource::PolicyException,
};

/// Objects of one page: each may take 100 kB.
const PAGE: u32 = 100;

/// Those that are honoured, read with the caller's own rights. None where the API server knows no PolicyExceptions.
///
/// # Errors
/// One line: which could not be listed, and why.
pub async fn list(client: &Client, settings: &Honoured) -> Result<Exceptions, String> {
    let resource = ApiResource::erase::<PolicyException>(&());
    let mut known = Known::default();
    for namespace in &settings.namespaces {
        let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
        let mut page = ListParams::default().limit(PAGE);
        loop {
            let list = match api.list(&page).await {
                Ok(list) => list,
                Err(kube::Error::Api(status)) if status.code == 404 => break,
                Err(error) => {
                    let why = one_line(&error);
                    let what = "policyexceptions.portcullis.dev";
                    return Err(format!("cannot list {what} in {namespace}: {why}"));
                }
            };
            for object in &list.items {
                if let Some(entry) = Entry::read(object, settings.expiry) {
                    known.insert(entry);
                }
            }
            match list.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => page = page.continue_token(&token),
                None => break,
            }
        }
    }
    Ok(known.compiled())
}

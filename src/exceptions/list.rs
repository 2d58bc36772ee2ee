//! Lists the current exceptions of a cluster once, for commands.

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

/// Objects per page. Each may take 100 kB.
const PAGE: u32 = 100;

/// The exceptions in force, read with the caller's rights. None if the API server does not serve PolicyExceptions.
///
/// # Errors
/// What could not be listed, and why. One line.
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

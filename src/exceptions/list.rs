//! Lists the current exceptions of a cluster once, for commands.

use kube::{Client, Resource as _, api::DynamicObject};

use policy::exceptions::{ExceptionSettings, Exceptions};

use crate::cluster::{ApiError, Detail, Query, for_each};

use super::{
    known::{Entry, Known},
    resource::resource,
};

/// Objects per page. Each may take 100 kB.
pub(super) const PAGE: u32 = 100;

/// The exceptions in force, read with the caller's rights. None if the API server does not serve PolicyExceptions.
///
/// # Errors
/// What could not be listed, and why. One line.
pub async fn list(client: &Client, settings: &ExceptionSettings) -> Result<Exceptions, String> {
    let mut known = Known::default();
    for namespace in &settings.namespaces {
        let listed = for_each(client, query(Some(namespace)), |json| {
            let object = serde_json::from_str(json)?;
            if let Some(entry) = Entry::read(&object, settings.expiry) {
                known.insert(entry);
            }
            Ok(())
        });
        match listed.await {
            Ok(()) | Err(ApiError::NotFound) => {}
            Err(error) => {
                let what = "policyexceptions.portcullis.dev";
                return Err(format!("cannot list {what} in {namespace}: {error}"));
            }
        }
    }
    Ok(known.compiled())
}

/// The list of exceptions in one namespace or in all.
pub(super) fn query(namespace: Option<&str>) -> Query {
    let resource = resource();
    let path = DynamicObject::url_path(&resource, namespace);
    Query { page: PAGE, ..Query::new(path, Detail::Whole) }
}

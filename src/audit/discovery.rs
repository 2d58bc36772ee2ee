//! The kinds of other projects that a cluster has, by the API server's discovery: one request, and one for each group
//! whose kinds are in the table.

use kube::Client;
use serde::{Deserialize, de::DeserializeOwned};

use policy::{findings::Unread, workloads::Kinds};

use crate::cluster::{ApiError, get};

use super::{Event, resource::ListedKind};

/// The part of an APIGroupList that is read.
#[derive(Deserialize)]
struct GroupList {
    #[serde(default)]
    groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    name: String,
    #[serde(default)]
    preferred_version: Option<Version>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    /// `argoproj.io/v1alpha1`.
    group_version: String,
}

/// The part of an APIResourceList that is read.
#[derive(Deserialize)]
struct ResourceList {
    #[serde(default)]
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
struct Resource {
    name: String,
    #[serde(default)]
    namespaced: bool,
    #[serde(default)]
    verbs: Vec<String>,
}

/// The custom kinds that hold pods and can be listed in namespaces. What cannot be read is an event.
pub(super) async fn custom_kinds(
    client: &Client,
    kinds: Kinds<'_>,
    events: &mut Vec<Event>,
) -> Vec<ListedKind> {
    let mut listed = Vec::new();
    let groups: GroupList = match read(client, "/apis").await {
        Ok(groups) => groups,
        Err(error) => {
            events.push(unread("discover the API groups", &error));
            return listed;
        }
    };
    for group in groups.groups {
        let rows: Vec<_> =
            kinds.all().filter(|row| row.group == group.name && !row.is_built_in()).collect();
        let Some(version) = group.preferred_version.filter(|_| !rows.is_empty()) else { continue };
        let api_version = &version.group_version;
        let resources: ResourceList = match read(client, &format!("/apis/{api_version}")).await {
            Ok(resources) => resources,
            Err(error) => {
                events.push(unread(&format!("discover the resources of {api_version}"), &error));
                continue;
            }
        };
        let can_be_listed = |plural: &str| {
            let mut all = resources.resources.iter();
            let found = all.find(|resource| resource.name == plural && resource.namespaced);
            found.is_some_and(|resource| resource.verbs.iter().any(|verb| verb == "list"))
        };
        let rows = rows.into_iter().filter(|row| can_be_listed(&row.plural));
        listed.extend(rows.map(|row| ListedKind::of(row, api_version)));
    }
    listed
}

async fn read<T: DeserializeOwned>(client: &Client, path: &str) -> Result<T, ApiError> {
    let json = get(client, path).await?;
    serde_json::from_str(&json).map_err(|error| ApiError::unreadable(path, &error))
}

fn unread(what: &str, error: &ApiError) -> Event {
    Event::Unread(Unread { what: what.to_owned(), why: error.to_string() })
}

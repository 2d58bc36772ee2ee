//! The two report APIs.

use kube::Client;
use serde::Deserialize;

use crate::cluster::{ApiError, get};

/// ApiChoice report API to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ApiChoice {
    /// OpenReports, or the policy working group's API if the cluster has only that.
    Auto,
    /// This API only.
    Only(Api),
}

/// A report API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    /// `openreports.io/v1alpha1` Reports.
    OpenReports,
    /// `wgpolicyk8s.io/v1alpha2` PolicyReports.
    WgPolicy,
}

#[derive(Deserialize)]
struct Resources {
    #[serde(default)]
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
struct Resource {
    name: String,
}

impl ApiChoice {
    /// The APIs to try, in order of preference.
    pub(super) fn choices(self) -> Vec<Api> {
        match self {
            Self::Auto => vec![Api::OpenReports, Api::WgPolicy],
            Self::Only(api) => vec![api],
        }
    }

    /// The APIs among them that the cluster serves.
    pub(super) async fn find(self, client: &Client) -> Result<Vec<Api>, ApiError> {
        let mut found = Vec::new();
        for api in self.choices() {
            if api.is_there(client).await? {
                found.push(api);
            }
        }
        Ok(found)
    }
}

impl Api {
    /// `openreports.io/v1alpha1`.
    pub(super) fn version(self) -> &'static str {
        match self {
            Self::OpenReports => "openreports.io/v1alpha1",
            Self::WgPolicy => "wgpolicyk8s.io/v1alpha2",
        }
    }

    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::OpenReports => "Report",
            Self::WgPolicy => "PolicyReport",
        }
    }

    fn plural(self) -> &'static str {
        match self {
            Self::OpenReports => "reports",
            Self::WgPolicy => "policyreports",
        }
    }

    pub(super) fn everywhere(self) -> String {
        format!("/apis/{}/{}", self.version(), self.plural())
    }

    /// The path of one report. The caller validates both names, because they become path segments.
    pub(super) fn path(self, namespace: &str, name: &str) -> String {
        format!("/apis/{}/namespaces/{namespace}/{}/{name}", self.version(), self.plural())
    }

    async fn is_there(self, client: &Client) -> Result<bool, ApiError> {
        let text = match get(client, &format!("/apis/{}", self.version())).await {
            Err(ApiError::NotFound) => return Ok(false),
            text => text?,
        };
        let resources: Resources = serde_json::from_str(&text)
            .map_err(|error| ApiError::unreadable("the list of resources", &error))?;
        Ok(resources.resources.iter().any(|resource| resource.name == self.plural()))
    }
}

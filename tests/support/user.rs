//! A user of the API server, who sees answers as they come over the wire: code, warnings,
//! and a Status or an object.

use http::header::{CONTENT_TYPE, WARNING};
use http::{HeaderMap, Method, Request};
use kube::client::{Body, ClientBuilder};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::Value;
use std::path::Path;

/// What the API server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    /// The texts of the `Warning` headers, as `kubectl` would print them.
    pub(crate) warnings: Vec<String>,
    /// The object, or the Status.
    pub(crate) body: Value,
}

/// A connection to the API server under one user's name.
///
/// It serves the runtime that it was made on: each test makes its own.
#[derive(Clone)]
pub(crate) struct User {
    client: Client,
}

impl User {
    /// Reads the user and the server from a kubeconfig file.
    pub(crate) async fn new(kubeconfig: &Path) -> Self {
        let file = Kubeconfig::read_from(kubeconfig).unwrap();
        let mut config =
            Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.unwrap();
        // A retry would hide what a test is about.
        config.default_retry = false;
        Self { client: ClientBuilder::try_from(config).unwrap().build() }
    }

    /// For typed use.
    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    /// Paths are as the server knows them, `/api/v1/namespaces/web/pods?dryRun=All`.
    pub(crate) async fn create(&self, path: &str, object: &Value) -> Answer {
        self.ask(Method::POST, path, Some(("application/json", object))).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, None).await
    }

    pub(crate) async fn replace(&self, path: &str, object: &Value) -> Answer {
        self.ask(Method::PUT, path, Some(("application/json", object))).await
    }

    /// A merge patch: `null` removes.
    pub(crate) async fn merge(&self, path: &str, patch: &Value) -> Answer {
        self.ask(Method::PATCH, path, Some(("application/merge-patch+json", patch))).await
    }

    /// A strategic merge patch, which merges containers by name.
    pub(crate) async fn strategic_merge(&self, path: &str, patch: &Value) -> Answer {
        self.ask(Method::PATCH, path, Some(("application/strategic-merge-patch+json", patch))).await
    }

    /// Server-side apply under the name that the path's `fieldManager` says.
    pub(crate) async fn apply(&self, path: &str, object: &Value) -> Answer {
        self.ask(Method::PATCH, path, Some(("application/apply-patch+yaml", object))).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.ask(Method::DELETE, path, None).await
    }

    async fn ask(&self, method: Method, path: &str, content: Option<(&str, &Value)>) -> Answer {
        let request = format!("{method} {path}");
        self.try_ask(method, path, content)
            .await
            .unwrap_or_else(|error| panic!("{request}: {error}"))
    }

    /// As the others, where the server may be away.
    pub(crate) async fn try_get(&self, path: &str) -> Result<Answer, kube::Error> {
        self.try_ask(Method::GET, path, None).await
    }

    /// As [`create`](Self::create), where the server may be away.
    pub(crate) async fn try_create(
        &self,
        path: &str,
        object: &Value,
    ) -> Result<Answer, kube::Error> {
        self.try_ask(Method::POST, path, Some(("application/json", object))).await
    }

    /// Any request whose content is of the type that is named with it; fails where the server is away.
    pub(crate) async fn try_ask(
        &self,
        method: Method,
        path: &str,
        content: Option<(&str, &Value)>,
    ) -> Result<Answer, kube::Error> {
        let mut request = Request::builder().method(method).uri(path);
        let mut body = Vec::new();
        if let Some((content_type, object)) = content {
            request = request.header(CONTENT_TYPE, content_type);
            body = serde_json::to_vec(object).unwrap();
        }
        let answer = self.client.send(request.body(Body::from(body)).unwrap()).await?;
        let code = answer.status().as_u16();
        let warnings = warnings(answer.headers());
        let text = answer.into_body().collect_bytes().await?;
        // Health checks answer in plain text.
        let body = serde_json::from_slice(&text)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&text).into_owned()));
        Ok(Answer { code, warnings, body })
    }
}

impl Answer {
    /// The object, where the request was granted.
    #[track_caller]
    pub(crate) fn granted(self) -> Value {
        assert!((200..300).contains(&self.code), "refused with {}: {:#}", self.code, self.body);
        self.body
    }

    /// The Status' reason, such as `Forbidden`.
    pub(crate) fn reason(&self) -> &str {
        self.body["reason"].as_str().unwrap_or_default()
    }

    /// The Status' message.
    pub(crate) fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }
}

/// Reads `299 - "text"`, in which the text's quotes and backslashes are escaped.
fn warnings(headers: &HeaderMap) -> Vec<String> {
    headers
        .get_all(WARNING)
        .iter()
        .map(|header| {
            let header = std::str::from_utf8(header.as_bytes()).unwrap();
            let quoted =
                header.strip_prefix("299 - ").expect("a warning with code 299 and no agent");
            serde_json::from_str(quoted).expect("a quoted warning")
        })
        .collect()
}

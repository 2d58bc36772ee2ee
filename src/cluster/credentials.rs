//! Credentials for the API server, in addition to a client certificate, as in client-go. A token file is read again every
//! minute, without its final newline. A credential plugin runs once, and again when its token expires.

use std::{
    fs,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use futures::future::BoxFuture;
use http::{HeaderValue, Request, header::AUTHORIZATION};
use kube::{
    client::Body,
    config::{AuthInfo, AuthProviderConfig, Cluster},
};
use secrecy::ExposeSecret as _;
use tower::{BoxError, filter::AsyncPredicate};

use super::{error::bounded, exec::Plugin, kubeconfig::plain};

/// How long a token from a file is used: client-go's period minus its leeway.
const REREAD: Duration = Duration::from_secs(50);

/// A certificate and its key, PEM.
pub(super) type Identity = (Vec<u8>, Vec<u8>);

#[derive(Clone)]
pub(super) enum Credentials {
    None,
    Fixed(HeaderValue),
    File(Arc<Mutex<TokenFile>>),
    Plugin(Arc<tokio::sync::Mutex<Plugin>>, Option<Identity>),
}

impl Credentials {
    /// The credentials of a user. Runs the user's plugin, if any, and waits for it.
    ///
    /// # Errors
    /// Why there are none. One line without any part of a credential.
    pub(super) fn new(user: &AuthInfo, cluster: &Cluster) -> Result<Self, String> {
        let token = user.token.as_ref().map(|token| token.expose_secret().trim());
        if let Some(provider) = &user.auth_provider {
            return of_provider(provider);
        }
        if user.username.is_some() || user.password.is_some() {
            let password = user.password.as_ref().map(|password| password.expose_secret());
            let name = user.username.as_deref().unwrap_or_default();
            let pair = format!("{name}:{}", password.unwrap_or_default());
            let text = format!("Basic {}", BASE64_STANDARD.encode(pair));
            return header(&text, "username and password").map(Self::Fixed);
        }
        if let Some(file) = &user.token_file {
            return Self::of_file(file, token);
        }
        if let Some(token) = token {
            return bearer(token, "token").map(Self::Fixed);
        }
        match &user.exec {
            None => Ok(Self::None),
            Some(exec) => {
                let (plugin, identity) = Plugin::start(exec, cluster)?;
                Ok(Self::Plugin(Arc::new(tokio::sync::Mutex::new(plugin)), identity))
            }
        }
    }

    /// The token in a file, or the fallback until the file is readable.
    ///
    /// # Errors
    /// There is neither.
    pub(super) fn of_file(file: &str, fallback: Option<&str>) -> Result<Self, String> {
        let fallback = fallback.map(|token| bearer(token, "token")).transpose()?;
        let mut file = TokenFile { path: file.to_owned(), token: fallback, read: None };
        file.token()?;
        Ok(Self::File(Arc::new(Mutex::new(file))))
    }

    /// The client certificate that a plugin returned.
    pub(super) fn identity(&self) -> Option<Identity> {
        match self {
            Self::Plugin(_, identity) => identity.clone(),
            Self::None | Self::Fixed(_) | Self::File(_) => None,
        }
    }

    async fn header(&self) -> Result<Option<HeaderValue>, String> {
        match self {
            Self::None => Ok(None),
            Self::Fixed(header) => Ok(Some(header.clone())),
            Self::File(file) => {
                file.lock().unwrap_or_else(PoisonError::into_inner).token().map(Some)
            }
            Self::Plugin(plugin, _) => plugin.lock().await.header().await,
        }
    }
}

impl AsyncPredicate<Request<Body>> for Credentials {
    type Future = BoxFuture<'static, Result<Request<Body>, BoxError>>;
    type Request = Request<Body>;

    fn check(&mut self, mut request: Request<Body>) -> Self::Future {
        let credentials = self.clone();
        Box::pin(async move {
            if let Some(header) = credentials.header().await? {
                request.headers_mut().insert(AUTHORIZATION, header);
            }
            Ok(request)
        })
    }
}

pub(super) struct TokenFile {
    path: String,
    token: Option<HeaderValue>,
    read: Option<Instant>,
}

impl TokenFile {
    /// The token, if read within the last minute; otherwise reads it. If that fails, the last token stays in use
    /// (kubernetes/kubernetes#68164).
    fn token(&mut self) -> Result<HeaderValue, String> {
        let is_fresh = self.read.is_some_and(|read| read.elapsed() < REREAD);
        if let (true, Some(token)) = (is_fresh, &self.token) {
            return Ok(token.clone());
        }
        self.read = Some(Instant::now());
        let what = format!("tokenFile {}", bounded(&self.path));
        let read = match fs::read_to_string(&self.path) {
            Ok(text) if text.trim().is_empty() => Err(format!("{what} is empty")),
            Ok(text) => bearer(text.trim(), &what),
            Err(error) => Err(format!("{what}: {}", plain(&error))),
        };
        match (read, &self.token) {
            (Ok(token), _) => {
                self.token = Some(token.clone());
                Ok(token)
            }
            (Err(_), Some(token)) => Ok(token.clone()),
            (Err(error), None) => Err(error),
        }
    }
}

/// kubectl supports only OIDC of the old providers, and its token expires soon.
fn of_provider(provider: &AuthProviderConfig) -> Result<Credentials, String> {
    let config = |key: &str| provider.config.get(key).filter(|value| !value.is_empty());
    let instead = match provider.name.as_str() {
        "oidc" => match config("id-token") {
            Some(token) => {
                return bearer(token.trim(), "auth-provider oidc: id-token")
                    .map(Credentials::Fixed);
            }
            None => {
                "it has no id-token; log in again, or use a credential plugin (exec) such as kubelogin"
            }
        },
        "gcp" => {
            "kubectl has it no more; install gke-gcloud-auth-plugin and run gcloud container clusters get-credentials"
        }
        "azure" => "kubectl has it no more; install kubelogin and run kubelogin convert-kubeconfig",
        _ => "it is not known; use a credential plugin (exec)",
    };
    Err(format!("auth-provider {}: {instead}", bounded(&provider.name)))
}

pub(super) fn bearer(token: &str, what: &str) -> Result<HeaderValue, String> {
    header(&format!("Bearer {token}"), what)
}

fn header(text: &str, what: &str) -> Result<HeaderValue, String> {
    let value = HeaderValue::from_str(text);
    let mut value = value.map_err(|_| format!("{what}: it has characters that no header may"))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(header: &HeaderValue) -> &str {
        header.to_str().unwrap()
    }

    #[test]
    fn a_token_file_is_trimmed_read_again_and_remembered() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "one\n").unwrap();
        let path = file.path().to_str().unwrap().to_owned();
        let mut token = TokenFile { path: path.clone(), token: None, read: None };
        assert_eq!(shown(&token.token().unwrap()), "Bearer one");
        fs::write(file.path(), " two \r\n").unwrap();
        assert_eq!(shown(&token.token().unwrap()), "Bearer one", "it was read just now");
        token.read = Instant::now().checked_sub(REREAD);
        assert_eq!(shown(&token.token().unwrap()), "Bearer two");
        for text in ["\n", "a\u{7}b"] {
            fs::write(file.path(), text).unwrap();
            token.read = None;
            assert_eq!(shown(&token.token().unwrap()), "Bearer two", "the last one holds");
        }
        drop(file);
        token.read = None;
        assert_eq!(shown(&token.token().unwrap()), "Bearer two");
        let mut never = TokenFile { path, token: None, read: None };
        assert!(never.token().unwrap_err().ends_with(": No such file or directory"));
    }

    #[test]
    fn no_error_holds_a_secret() {
        let Err(error) = bearer("se\ncret", "token").map(Credentials::Fixed) else {
            panic!("it is no header");
        };
        assert_eq!(error, "token: it has characters that no header may");
    }
}

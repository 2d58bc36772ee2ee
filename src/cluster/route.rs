//! The route to an API server, that is its address and proxy, for connections and error messages.

use std::{env, error::Error, fmt};

use http::Uri;
use tower::BoxError;

use super::{error::bounded, proxy::Proxy};

#[derive(Clone, Debug)]
pub(super) struct Route {
    server: String,
    pub(super) proxy: Option<Proxy>,
}

impl Route {
    /// The route that kubectl would take.
    ///
    /// # Errors
    /// An unusable proxy address. One line.
    pub(super) fn to(server: &Uri, proxy_url: Option<&str>) -> Result<Self, String> {
        let proxy = Proxy::to(server, proxy_url, |name| env::var(name).ok())?;
        let server = server.to_string().trim_end_matches('/').to_owned();
        Ok(Self { server, proxy })
    }

    /// The error for a failed request on this route. One line that names the server, not the library that failed.
    pub(super) fn failed(&self, error: &(dyn Error + 'static), is_connect: bool) -> Unreachable {
        let how = if is_connect { "cannot be reached" } else { "gave no answer" };
        let through = match &self.proxy {
            Some(proxy) => format!(" through the proxy {proxy}"),
            None => String::new(),
        };
        let why = why(error);
        Unreachable(bounded(&format!("{} {how}{through}: {why}", self.server)))
    }
}

/// No response arrived, and why.
#[derive(Debug)]
pub(super) struct Unreachable(String);

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Unreachable {}

impl From<Unreachable> for String {
    fn from(error: Unreachable) -> Self {
        error.0
    }
}

/// The innermost error, in words for users of clusters, not of Rust libraries.
fn why(error: &(dyn Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |error| (*error).source());
    let texts: Vec<_> = chain.map(ToString::to_string).collect();
    let has = |part: &str| texts.iter().any(|text| text.contains(part));
    let last = texts.last().map(String::as_str).unwrap_or_default();
    let last = last.split(" (os error").next().unwrap_or_default();
    if has("failed to create underlying connection") {
        // The SOCKS error does not expose its cause through `source()`.
        let why =
            if texts.len() > 1 && !last.contains("underlying") { last } else { "no connection" };
        return format!("the proxy cannot be reached: {why}");
    }
    match last {
        "tunnel error: unsuccessful" => "the proxy refuses to connect to it".to_owned(),
        "tunnel error: proxy authorization required" => {
            "the proxy asks for credentials: they belong into its address, as \
             http://USER:PASSWORD@HOST:PORT"
                .to_owned()
        }
        "tunnel error: unexpected end of file" => "the proxy closed the connection".to_owned(),
        "deadline has elapsed" => "no answer in time".to_owned(),
        last => match last.strip_prefix("invalid peer certificate: ") {
            Some("UnknownIssuer") => {
                "its certificate is signed by an authority that is not trusted; \
                                      certificate-authority must hold that authority"
                    .to_owned()
            }
            Some(why) => format!("its certificate cannot be trusted: {why}"),
            None => last.to_owned(),
        },
    }
}

/// Adds the route to an error of the HTTP client.
pub(super) fn with_route(route: &Route, error: &hyper_util::client::legacy::Error) -> BoxError {
    route.failed(error, error.is_connect()).into()
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Link(&'static str, #[source] Option<Box<dyn Error + Send + Sync>>);

    fn chain(texts: &[&'static str]) -> Link {
        let (first, rest) = texts.split_first().unwrap();
        Link(first, (!rest.is_empty()).then(|| Box::new(chain(rest)).into()))
    }

    #[test]
    fn the_reason_comes_without_the_libraries() {
        let cases: &[(&[&str], &str)] = &[
            (
                &[
                    "client error (Connect)",
                    "tcp connect error",
                    "Connection refused (os error 111)",
                ],
                "Connection refused",
            ),
            (
                &["client error (Connect)", "tunnel error: unsuccessful"],
                "the proxy refuses to connect to it",
            ),
            (
                &[
                    "client error (Connect)",
                    "tunnel error: failed to create underlying connection",
                    "tcp connect error",
                    "Connection refused (os error 111)",
                ],
                "the proxy cannot be reached: Connection refused",
            ),
            (
                &["client error (Connect)", "SOCKS error: failed to create underlying connection"],
                "the proxy cannot be reached: no connection",
            ),
            (
                &["client error (Connect)", "invalid peer certificate: certificate expired"],
                "its certificate cannot be trusted: certificate expired",
            ),
        ];
        for (texts, expected) in cases {
            assert_eq!(why(&chain(texts)), *expected, "{texts:?}");
        }
    }

    #[test]
    fn the_address_comes_first() {
        let route = Route { server: "https://api.example:6443".to_owned(), proxy: None };
        let error = io::Error::from(io::ErrorKind::ConnectionRefused);
        let expected = "https://api.example:6443 cannot be reached: connection refused";
        assert_eq!(route.failed(&error, true).to_string(), expected);
        let expected = "https://api.example:6443 gave no answer: connection refused";
        assert_eq!(route.failed(&error, false).to_string(), expected);
    }
}

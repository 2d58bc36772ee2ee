//! The proxy to an API server, chosen as kubectl does: `proxy-url` of the kubeconfig in any environment, else
//! `HTTPS_PROXY` (`HTTP_PROXY` for an `http://` address) unless `NO_PROXY` excludes the address.
//!
//! The environment is read as in Go (golang.org/x/net/http/httpproxy): `ALL_PROXY` is ignored, and `localhost` and
//! loopback addresses never use a proxy from the environment.

use std::fmt;

use http::{Uri, uri::Authority};
use percent_encoding::percent_decode_str;

use super::no_proxy::NoProxy;

#[derive(Clone, PartialEq, Eq)]
pub(super) struct Proxy {
    pub(super) scheme: Scheme,
    /// Its address, without credentials.
    pub(super) address: Uri,
    /// User and password.
    pub(super) credentials: Option<(String, String)>,
    /// Where it was configured: `proxy-url` or a variable.
    source: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// CONNECT.
    Http,
    /// CONNECT over TLS.
    Https,
    /// SOCKS 5; the proxy resolves names, as in Go.
    Socks5,
}

impl Proxy {
    /// The proxy to `server`, if any. `variable` reads an environment variable.
    ///
    /// # Errors
    /// An invalid proxy address. One line without credentials.
    pub(super) fn to(
        server: &Uri,
        proxy_url: Option<&str>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, String> {
        if let Some(url) = proxy_url.filter(|url| !url.is_empty()) {
            return Self::parse(url, "proxy-url").map(Some);
        }
        let first = |names: [&'static str; 2]| {
            let set = names.into_iter().filter_map(|name| Some((name, variable(name)?)));
            set.into_iter().find(|(_, value)| !value.is_empty())
        };
        let is_plain = server.scheme_str() == Some("http");
        let names =
            if is_plain { ["HTTP_PROXY", "http_proxy"] } else { ["HTTPS_PROXY", "https_proxy"] };
        let Some((name, url)) = first(names) else { return Ok(None) };
        // In a CGI process the client controls HTTP_PROXY through the header `Proxy`.
        if is_plain && variable("REQUEST_METHOD").is_some_and(|method| !method.is_empty()) {
            return Ok(None);
        }
        let excluded = first(["NO_PROXY", "no_proxy"]).map(|(_, list)| list).unwrap_or_default();
        if NoProxy::parse(&excluded).excludes(server) {
            return Ok(None);
        }
        let url = if url.contains("://") { url } else { format!("http://{url}") };
        Self::parse(&url, name).map(Some)
    }

    fn parse(url: &str, source: &'static str) -> Result<Self, String> {
        let must = "must be a URL with http, https or socks5, such as http://proxy.example:3128";
        let wrong = |what: &str| format!("{source}: {what}; {must}");
        let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong("it has no scheme"))?;
        let (scheme, port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (Scheme::Http, 80),
            "https" => (Scheme::Https, 443),
            "socks5" | "socks5h" => (Scheme::Socks5, 1080),
            _ => return Err(wrong("it has another scheme")),
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (credentials, host) = match authority.rsplit_once('@') {
            Some((credentials, host)) => (Some(credentials), host),
            None => (None, authority),
        };
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let credentials = credentials.map(|credentials| {
            let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
            (decode(user), decode(password))
        });
        let host = host.parse::<Authority>().map_err(|_| wrong("its host cannot be read"))?;
        let port = host.port_u16().unwrap_or(port);
        let address = Uri::builder()
            .scheme(scheme.as_str())
            .authority(format!("{}:{port}", host.host()))
            .path_and_query("/")
            .build();
        let address = address.map_err(|_| wrong("its host cannot be read"))?;
        Ok(Self { scheme, address, credentials, source })
    }
}

impl Scheme {
    fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Socks5 => "socks5",
        }
    }
}

/// Its address and where it was configured, without credentials.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.address.to_string();
        write!(f, "{} ({})", address.trim_end_matches('/'), self.source)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The proxy to a server with these variables, or the error.
    fn to(server: &str, proxy_url: Option<&str>, variables: &[(&str, &str)]) -> String {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        match Proxy::to(&server.parse().unwrap(), proxy_url, variable) {
            Ok(Some(proxy)) => proxy.to_string(),
            Ok(None) => "none".to_owned(),
            Err(error) => error,
        }
    }

    /// A server, the kubeconfig's proxy-url, variables, and the expected proxy.
    type Case<'c> = (&'c str, Option<&'c str>, &'c [(&'c str, &'c str)], &'c str);

    #[test]
    fn it_is_chosen_as_kubectl_chooses() {
        let server = "https://api.example:6443";
        let set = ("HTTPS_PROXY", "http://proxy:3128");
        let cases: &[Case<'_>] = &[
            (server, None, &[], "none"),
            (server, None, &[set], "http://proxy:3128 (HTTPS_PROXY)"),
            (server, None, &[("https_proxy", "proxy:3128")], "http://proxy:3128 (https_proxy)"),
            (
                server,
                None,
                &[("HTTPS_PROXY", ""), ("https_proxy", "p")],
                "http://p:80 (https_proxy)",
            ),
            (server, None, &[("https_proxy", "http://a"), set], "http://proxy:3128 (HTTPS_PROXY)"),
            (server, None, &[("HTTP_PROXY", "http://proxy")], "none"),
            (server, None, &[("ALL_PROXY", "http://proxy")], "none"),
            ("http://api.example", None, &[set], "none"),
            ("http://api.example", None, &[("http_proxy", "p:1")], "http://p:1 (http_proxy)"),
            (
                "http://api.example",
                None,
                &[("HTTP_PROXY", "p:1"), ("REQUEST_METHOD", "GET")],
                "none",
            ),
            (server, None, &[set, ("NO_PROXY", "api.example")], "none"),
            (server, None, &[set, ("no_proxy", "*")], "none"),
            ("https://127.0.0.1:6443", None, &[set], "none"),
            ("https://[::1]:6443", None, &[set], "none"),
            ("https://localhost:6443", None, &[set], "none"),
            // The kubeconfig's proxy always applies.
            ("https://127.0.0.1:6443", Some("https://p:8443"), &[], "https://p:8443 (proxy-url)"),
            (server, Some("socks5://p"), &[set, ("NO_PROXY", "*")], "socks5://p:1080 (proxy-url)"),
            (server, Some("SOCKS5H://[fd00::1]:9"), &[], "socks5://[fd00::1]:9 (proxy-url)"),
            (server, Some(""), &[set], "http://proxy:3128 (HTTPS_PROXY)"),
        ];
        for (server, proxy_url, variables, expected) in cases {
            let chosen = to(server, *proxy_url, variables);
            assert_eq!(chosen, *expected, "{server} {proxy_url:?} {variables:?}");
        }
    }

    #[test]
    fn what_is_no_proxy_is_named_without_its_credentials() {
        let cases = [
            ("proxy:3128", "proxy-url: it has no scheme; must be"),
            ("ftp://user:secret@proxy", "proxy-url: it has another scheme; must be"),
            ("http://user:secret@", "proxy-url: its host cannot be read; must be"),
            ("http://user:secret@a b", "proxy-url: its host cannot be read; must be"),
        ];
        for (url, expected) in cases {
            let error = to("https://api.example", Some(url), &[]);
            assert!(error.starts_with(expected) && !error.contains("secret"), "{url}: {error}");
        }
    }

    #[test]
    fn credentials_are_decoded_and_not_shown() {
        let url = "http://us%40er:p%3Ass%2Fw@rd@proxy:3128/path";
        let proxy = Proxy::parse(url, "proxy-url").unwrap();
        let expected = ("us@er".to_owned(), "p:ss/w@rd".to_owned());
        assert_eq!(proxy.credentials, Some(expected));
        assert_eq!(format!("{proxy} {proxy:?}").matches("proxy:3128").count(), 2);
        assert!(!format!("{proxy} {proxy:?}").contains("rd"), "{proxy:?}");
        let alone = Proxy::parse("http://token@proxy", "proxy-url").unwrap();
        assert_eq!(alone.credentials, Some(("token".to_owned(), String::new())));
    }
}

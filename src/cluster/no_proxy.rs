//! `NO_PROXY`: addresses that bypass the environment's proxy. Follows golang.org/x/net/http/httpproxy: names with their
//! subdomains, `.suffix` and `*.suffix` without the name itself, addresses and CIDRs, each except CIDRs with an
//! optional port, and `*`. Invalid entries match nothing.

use std::net::IpAddr;

use http::Uri;
use ipnet::IpNet;

pub(super) struct NoProxy(Vec<Rule>);

enum Rule {
    All,
    Network(IpNet),
    Address { address: IpAddr, port: Option<String> },
    Domain { suffix: String, is_itself: bool, port: Option<String> },
}

impl NoProxy {
    pub(super) fn parse(list: &str) -> Self {
        let entries = list.split(',').map(|entry| entry.trim().to_ascii_lowercase());
        Self(entries.filter_map(|entry| Rule::parse(&entry)).collect())
    }

    /// Whether this server bypasses the proxy. `localhost` and loopback addresses always do.
    pub(super) fn excludes(&self, server: &Uri) -> bool {
        let host = server.host().unwrap_or_default().trim_matches(['[', ']']);
        let host = host.to_ascii_lowercase();
        let default = if server.scheme_str() == Some("http") { 80 } else { 443 };
        let port = server.port_u16().unwrap_or(default).to_string();
        let address = host.parse::<IpAddr>().ok().map(|address| address.to_canonical());
        let is_local = host == "localhost" || address.is_some_and(|address| address.is_loopback());
        is_local || self.0.iter().any(|rule| rule.matches(&host, address, &port))
    }
}

impl Rule {
    fn parse(entry: &str) -> Option<Self> {
        if entry == "*" {
            return Some(Self::All);
        }
        if let Ok(network) = entry.parse() {
            return Some(Self::Network(network));
        }
        let (host, port) = split_port(entry);
        if let Ok(address) = host.parse::<IpAddr>() {
            return Some(Self::Address { address: address.to_canonical(), port });
        }
        let host = host.strip_prefix("*").filter(|rest| rest.starts_with('.')).unwrap_or(host);
        if host.is_empty() {
            return None;
        }
        let is_itself = !host.starts_with('.');
        let suffix = if is_itself { format!(".{host}") } else { host.to_owned() };
        Some(Self::Domain { suffix, is_itself, port })
    }

    fn matches(&self, host: &str, address: Option<IpAddr>, port: &str) -> bool {
        let is_port = |wanted: &Option<String>| wanted.as_deref().is_none_or(|own| own == port);
        match (self, address) {
            (Self::All, _) => true,
            (Self::Network(network), Some(address)) => network.contains(&address),
            (Self::Address { address: own, port }, Some(address)) => {
                *own == address && is_port(port)
            }
            (Self::Domain { suffix, is_itself, port }, None) => {
                let is_own = *is_itself && suffix.strip_prefix('.') == Some(host);
                (is_own || host.ends_with(suffix)) && is_port(port)
            }
            (Self::Network(_) | Self::Address { .. }, None) | (Self::Domain { .. }, Some(_)) => {
                false
            }
        }
    }
}

/// Splits `host:port`, `[address]:port`, or a host alone, which may be an IPv6 address. As in Go, brackets require a
/// port.
fn split_port(entry: &str) -> (&str, Option<String>) {
    let parts = match entry.strip_prefix('[') {
        Some(rest) => rest.split_once("]:"),
        None => entry.split_once(':').filter(|(_, port)| !port.contains(':')),
    };
    match parts {
        Some((host, port)) => (host, Some(port.to_owned()).filter(|port| !port.is_empty())),
        None => (entry, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_match_as_go_matches_them() {
        // The list, what it excludes, what it does not.
        let cases: &[(&str, &[&str], &[&str])] = &[
            ("", &["https://localhost", "https://127.9.9.9", "https://[::1]"], &["https://a.b"]),
            ("*", &["https://a.b:6443", "https://10.1.2.3"], &[]),
            ("a.b,*", &["https://c.d"], &[]),
            (
                "corp.example",
                &["https://corp.example", "https://API.corp.example:6443"],
                &["https://notcorp.example", "https://corp.example.org"],
            ),
            (".corp.example", &["https://api.corp.example"], &["https://corp.example"]),
            ("*.corp.example", &["https://x.api.corp.example"], &["https://corp.example"]),
            (" a.b , c.d ,, ", &["https://a.b", "https://c.d"], &["https://e.f"]),
            (
                "corp.example:6443",
                &["https://api.corp.example:6443"],
                &["https://api.corp.example", "https://api.corp.example:443"],
            ),
            ("corp.example:443", &["https://api.corp.example"], &["http://api.corp.example"]),
            ("10.0.0.0/8", &["https://10.1.2.3:6443"], &["https://11.0.0.1", "https://10.example"]),
            ("10.1.2.3/8", &["https://10.9.9.9"], &["https://11.0.0.1"]),
            ("fd00::/8", &["https://[fd00::7]:6443"], &["https://[fe80::7]"]),
            ("10.1.2.3", &["https://10.1.2.3:6443"], &["https://10.1.2.4"]),
            ("10.1.2.3:6443", &["https://10.1.2.3:6443"], &["https://10.1.2.3"]),
            ("fd00::7", &["https://[fd00::7]:6443"], &["https://[fd00::8]"]),
            ("[fd00::7]:6443", &["https://[fd00::7]:6443"], &["https://[fd00::7]"]),
            ("[fd00::7]", &[], &["https://[fd00::7]:6443"]),
            (":443,[]:1,10.0.0.0/99", &[], &["https://a.b", "https://10.1.2.3"]),
            // A numeric suffix is not an address.
            ("2.3", &[], &["https://10.1.2.3"]),
        ];
        for (list, excluded, others) in cases {
            let list_of = NoProxy::parse(list);
            for (servers, expected) in [(excluded, true), (others, false)] {
                for server in *servers {
                    let is = list_of.excludes(&server.parse().unwrap());
                    assert_eq!(is, expected, "NO_PROXY={list} {server}");
                }
            }
        }
    }
}

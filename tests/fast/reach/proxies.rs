//! Proxies of the kubeconfig and of the environment: which requests go through them.

use serde_json::{Value, json};

use crate::{
    reach::{
        program::{Outcome, audit},
        proxy::{Proxy, Speaks},
        world::World,
    },
    support::{
        control_plane::{ControlPlane, Who},
        process::Folder,
    },
};

/// A server's host, environment variables, and whether the proxy is used.
type Case<'c> = (&'c str, &'c [(&'c str, &'c str)], bool);

impl World {
    /// Runs an audit with these fields of the cluster and these variables.
    fn audit_through(&self, cluster: &Value, variables: &[(&str, &str)]) -> Outcome {
        audit(&self.kubeconfig(cluster, &json!({})), variables)
    }
}

#[test]
fn a_kubeconfig_s_proxy_is_used_whatever_the_environment_says() {
    let world = World::new("proxy-url");
    let port = world.api.port;
    let secret = Some(("us@er", "p:ass/word"));
    let over_tls = Speaks::connect_over_tls(&world.api.serving);
    for (scheme, speaks, credentials) in [
        ("http://", Speaks::Connect, None),
        ("http://us%40er:p%3Aass%2Fword@", Speaks::Connect, secret),
        ("https://", over_tls.clone(), None),
        ("https://us%40er:p%3Aass%2Fword@", over_tls, secret),
        ("socks5://", Speaks::Socks5, None),
        ("socks5h://us%40er:p%3Aass%2Fword@", Speaks::Socks5, secret),
    ] {
        let proxy = Proxy::start(speaks, credentials, Some(port));
        let url = format!("{scheme}127.0.0.1:{}", proxy.port);
        // Only the proxy can resolve this name.
        for server in [format!("127.0.0.1:{port}"), "api.example:6443".to_owned()] {
            let cluster = json!({"proxy-url": url, "server": format!("https://{server}")});
            let outcome = world.audit_through(&cluster, &[("NO_PROXY", "*")]);
            assert_eq!(outcome.status, Some(0), "{url} {server}: {outcome:?}");
            let asked = proxy.asked();
            assert!(!asked.is_empty(), "{url} {server}: nothing went through it");
            assert!(asked.iter().all(|place| *place == server), "{url} {server}: {asked:?}");
            assert!(!world.api.seen().is_empty());
        }
    }
}

#[test]
fn the_environment_s_proxy_is_used_where_no_proxy_lets_it() {
    let world = World::new("environment");
    let port = world.api.port;
    let proxy = Proxy::start(Speaks::Connect, None, Some(port));
    let socks = Proxy::start(Speaks::Socks5, None, Some(port));
    let url = format!("http://127.0.0.1:{}", proxy.port);
    let bare = format!("127.0.0.1:{}", proxy.port);
    let socks_url = format!("socks5://127.0.0.1:{}", socks.port);
    let own_port = format!("0.0.0.0:{port}");
    let cases: &[Case<'_>] = &[
        ("0.0.0.0", &[("HTTPS_PROXY", &url)], true),
        ("0.0.0.0", &[("https_proxy", &url)], true),
        ("0.0.0.0", &[("HTTPS_PROXY", &bare)], true),
        ("0.0.0.0", &[("HTTPS_PROXY", &url), ("NO_PROXY", "10.0.0.0/8,.corp.example")], true),
        ("0.0.0.0", &[("HTTPS_PROXY", &url), ("NO_PROXY", "0.0.0.0:1")], true),
        // A list that kube's own parser cannot read.
        ("0.0.0.0", &[("HTTPS_PROXY", &url), ("NO_PROXY", "a.example,,b.example,")], true),
        // The list applies to servers, not to proxies.
        ("0.0.0.0", &[("HTTPS_PROXY", &url), ("NO_PROXY", "127.0.0.1")], true),
        ("0.0.0.0", &[("HTTPS_PROXY", &url), ("NO_PROXY", "0.0.0.0")], false),
        ("0.0.0.0", &[("HTTPS_PROXY", &url), ("NO_PROXY", &own_port)], false),
        ("0.0.0.0", &[("HTTPS_PROXY", &url), ("no_proxy", "a.example, 0.0.0.0/8")], false),
        ("0.0.0.0", &[("HTTPS_PROXY", &url), ("NO_PROXY", "*")], false),
        // As in kubectl.
        ("0.0.0.0", &[("ALL_PROXY", &url)], false),
        ("0.0.0.0", &[("HTTP_PROXY", &url)], false),
        ("127.0.0.1", &[("HTTPS_PROXY", &url)], false),
        ("localhost", &[("HTTPS_PROXY", &url)], false),
    ];
    for (host, variables, is_used) in cases {
        let cluster = json!({"server": format!("https://{host}:{port}")});
        let outcome = world.audit_through(&cluster, variables);
        assert_eq!(outcome.status, Some(0), "{host} {variables:?}: {outcome:?}");
        assert_eq!(!proxy.asked().is_empty(), *is_used, "{host} {variables:?}");
        assert!(!world.api.seen().is_empty());
    }

    let cluster = json!({"server": "https://api.example"});
    let outcome = world.audit_through(&cluster, &[("HTTPS_PROXY", &socks_url)]);
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    assert!(socks.asked().iter().all(|place| place == "api.example:443"));
}

#[test]
fn a_proxy_that_does_not_help_is_named_without_its_password() {
    let world = World::new("no-proxy-helps");
    let port = world.api.port;
    let refusing = Proxy::start(Speaks::Connect, None, None);
    let demanding = Proxy::start(Speaks::Connect, Some(("a", "b")), Some(port));
    let socks = Proxy::start(Speaks::Socks5, None, None);
    let demanding_socks = Proxy::start(Speaks::Socks5, Some(("a", "b")), Some(port));
    let refused = format!("http://x:secret@127.0.0.1:{}", refusing.port);
    for (url, why) in [
        (format!("http://127.0.0.1:{}", refusing.port), "the proxy refuses to connect to it"),
        (format!("http://a:secret@127.0.0.1:{}", demanding.port), "the proxy asks for credentials"),
        (format!("socks5://127.0.0.1:{}", socks.port), "SOCKS error: "),
        (format!("socks5://a:secret@127.0.0.1:{}", demanding_socks.port), "SOCKS error: "),
        ("http://127.0.0.1:1".to_owned(), "the proxy cannot be reached: Connection refused"),
        ("socks5://x:secret@127.0.0.1:1".to_owned(), "the proxy cannot be reached"),
        ("ftp://x:secret@127.0.0.1:1".to_owned(), "proxy-url: it has another scheme; must be"),
        (refused, "the proxy asks for credentials"),
    ] {
        let outcome = world.audit_through(&json!({"proxy-url": url}), &[]);
        assert_eq!((outcome.status, outcome.out.as_str()), (Some(2), ""), "{url}");
        let err = &outcome.err;
        assert!(err.contains(why) && !err.contains("secret"), "{url}: {err}");
        assert_eq!(err.lines().count(), 1, "{err}");
        if !url.starts_with("ftp") {
            let address = format!("https://127.0.0.1:{port} cannot be reached through the proxy ");
            assert!(err.contains(&address) && err.contains("(proxy-url)"), "{err}");
        }
    }
    assert!(world.api.seen().is_empty(), "nothing went past the proxies");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_api_server_is_reached_through_both_kinds() {
    let Ok(plane) = ControlPlane::shared() else {
        return;
    };
    let folder = Folder::new("real-proxies");
    let text = std::fs::read_to_string(plane.kubeconfig(Who::Admin)).unwrap();
    let mut config: Value = serde_json::from_str(&text).unwrap();
    let server = config["clusters"][0]["cluster"]["server"].as_str().unwrap().to_owned();
    let port = server.rsplit_once(':').unwrap().1.parse().unwrap();
    for (scheme, speaks) in [("http", Speaks::Connect), ("socks5", Speaks::Socks5)] {
        let (outcome, asked) = tokio::task::block_in_place(|| {
            let proxy = Proxy::start(speaks, None, Some(port));
            let url = format!("{scheme}://127.0.0.1:{}", proxy.port);
            config["clusters"][0]["cluster"]["proxy-url"] = json!(url);
            let file = folder.write("kubeconfig", config.to_string());
            (audit(&file, &[]), proxy.asked())
        });
        assert_eq!(outcome.status, Some(0), "{outcome:?}");
        assert!(!asked.is_empty(), "nothing went through it");
    }
}

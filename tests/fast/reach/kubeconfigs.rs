//! All forms of kubeconfigs: the requests that the API server receives, or the error.

use std::fs;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use portcullis::cluster::{ApiError, Cluster, connect};
use serde_json::{Value, json};

use crate::{
    reach::{
        apiserver::{ApiServer, Seen},
        program::{audit, command, run},
    },
    support::process::Folder,
};

type Fits = fn(&Seen) -> bool;

#[test]
fn every_form_of_a_user_is_shown_to_the_api_server() {
    let folder = Folder::new("users");
    let api = ApiServer::start(&folder);
    let (certificate, key) = &api.client;
    fs::create_dir(folder.path().join("secrets")).unwrap();
    folder.write("secrets/client.crt", certificate);
    folder.write("secrets/client.key", key);
    folder.write("secrets/token", "from-file\n");
    let absolute = folder.path().join("secrets/token");
    let base64 = |text: &str| BASE64_STANDARD.encode(text);
    fn is(seen: &Seen, authorization: &str) -> bool {
        seen.header("authorization") == Some(authorization)
    }
    let cases: &[(&str, Value, Fits)] = &[
        ("nobody", json!({}), |seen| seen.header("authorization").is_none()),
        ("null", Value::Null, |seen| seen.header("authorization").is_none()),
        ("token", json!({"token": "abc"}), |seen| is(seen, "Bearer abc")),
        ("a token with a line end", json!({"token": "abc\n"}), |seen| is(seen, "Bearer abc")),
        ("an empty token", json!({"token": ""}), |seen| seen.header("authorization").is_none()),
        // Relative to the kubeconfig's folder, whatever the working directory.
        ("tokenFile", json!({"tokenFile": "secrets/token"}), |seen| is(seen, "Bearer from-file")),
        ("tokenFile", json!({"tokenFile": absolute}), |seen| is(seen, "Bearer from-file")),
        (
            "the file before the token",
            json!({"token": "abc", "tokenFile": "secrets/token"}),
            |seen| is(seen, "Bearer from-file"),
        ),
        (
            "the token where there is no file",
            json!({"token": "abc", "tokenFile": "secrets/none"}),
            |seen| is(seen, "Bearer abc"),
        ),
        ("basic", json!({"username": "a", "password": "b"}), |seen| {
            is(seen, &format!("Basic {}", BASE64_STANDARD.encode("a:b")))
        }),
        (
            "certificate files",
            json!({"client-certificate": "secrets/client.crt", "client-key": "secrets/client.key"}),
            |seen| seen.has_certificate,
        ),
        (
            "certificate data, before files",
            json!({
                "client-certificate-data": base64(certificate), "client-key-data": base64(key),
                "client-certificate": "none", "client-key": "none",
            }),
            |seen| seen.has_certificate,
        ),
        (
            "impersonation",
            json!({"token": "abc", "as": "jane", "as-uid": "7", "as-groups": ["g"], "as-user-extra": {"Scope": ["s"]}}),
            |seen| {
                let names = ["user", "uid", "group", "extra-scope"];
                let values = names.map(|name| seen.header(&format!("impersonate-{name}")));
                values == [Some("jane"), Some("7"), Some("g"), Some("s")]
            },
        ),
        (
            "oidc",
            json!({"auth-provider": {"name": "oidc", "config": {"id-token": "jwt"}}}),
            |seen| is(seen, "Bearer jwt"),
        ),
    ];
    for (what, user, fits) in cases {
        let file = folder.write("kubeconfig", api.kubeconfig(&json!({}), user).to_string());
        let outcome = audit(&file, &[]);
        assert_eq!(outcome.status, Some(0), "{what}: {outcome:?}");
        let seen = api.seen();
        assert!(!seen.is_empty() && seen.iter().all(fits), "{what}: {seen:?}");
    }
}

#[test]
fn every_form_of_a_cluster_leads_to_the_api_server() {
    let folder = Folder::new("clusters");
    let api = ApiServer::start(&folder);
    let authority = BASE64_STANDARD.encode(&api.serving.authority_pem);
    let port = api.port;
    let any: Fits = |_| true;
    let cases: &[(&str, Value, Fits)] = &[
        ("a file, relative", json!({"certificate-authority": "ca.crt"}), any),
        (
            "data, before a file",
            json!({"certificate-authority-data": authority, "certificate-authority": "none"}),
            any,
        ),
        (
            "no verification",
            json!({"certificate-authority": null, "insecure-skip-tls-verify": true}),
            any,
        ),
        ("another name", json!({"tls-server-name": "api.example"}), |seen| {
            seen.server_name.as_deref() == Some("api.example")
        }),
        (
            "a path, as behind Rancher",
            json!({"server": format!("https://127.0.0.1:{port}/k8s/clusters/c-1/")}),
            |seen| seen.path.starts_with("/k8s/clusters/c-1/"),
        ),
        ("no scheme", json!({"server": format!("127.0.0.1:{port}")}), any),
    ];
    for (what, cluster, fits) in cases {
        let file = folder.write("kubeconfig", api.kubeconfig(cluster, &json!({})).to_string());
        let outcome = audit(&file, &[]);
        assert_eq!(outcome.status, Some(0), "{what}: {outcome:?}");
        let seen = api.seen();
        assert!(!seen.is_empty() && seen.iter().all(fits), "{what}: {seen:?}");
    }
}

#[test]
fn contexts_are_chosen_by_name_and_may_lack_users() {
    let folder = Folder::new("contexts");
    let api = ApiServer::start(&folder);
    let mut config = api.kubeconfig(&json!({}), &json!({"token": "abc"}));
    config["contexts"] = json!([
        {"name": "c", "context": {"cluster": "k", "user": "u", "namespace": "shop"}},
        {"name": "nobody", "context": {"cluster": "k", "user": "none"}},
        {"name": "no user", "context": {"cluster": "k"}},
        {"name": "no cluster", "context": {"cluster": "none", "user": "u"}},
    ]);
    let file = folder.write("kubeconfig", config.to_string());
    for (context, authorization) in
        [("", Some("Bearer abc")), ("c", Some("Bearer abc")), ("nobody", None), ("no user", None)]
    {
        let outcome =
            run(command().arg("--kubeconfig").arg(&file).arg(format!("--context={context}")));
        assert_eq!(outcome.status, Some(0), "{context}: {outcome:?}");
        assert_eq!(api.seen()[0].header("authorization"), authorization, "{context}");
    }
    config["current-context"] = json!("");
    let no_current = folder.write("no-current", config.to_string());
    for (file, context, why) in [
        (
            &file,
            Some("x"),
            r#"there is no context "x"; its contexts are c, nobody, no user, no cl"#,
        ),
        (&file, Some("no cluster"), r#"names the cluster "none", which is not there"#),
        (
            &no_current,
            None,
            "there is no current context: kubectl config use-context sets one; its cont",
        ),
    ] {
        let mut command = command();
        command.arg("--kubeconfig").arg(file);
        command.args(context.map(|context| format!("--context={context}")));
        let outcome = run(&mut command);
        assert_eq!(outcome.status, Some(2), "{context:?}");
        assert!(outcome.err.contains(why), "{context:?}: {}", outcome.err);
    }
}

#[test]
fn what_cannot_be_used_is_named_with_its_field_and_without_its_secret() {
    let folder = Folder::new("unusable");
    let api = ApiServer::start(&folder);
    folder.write("empty", "\n");
    folder.write("no.pem", "secret\n");
    let provider = |name: &str| json!({"auth-provider": {"name": name, "config": {}}});
    let at = |name: &str| folder.path().join(name).display().to_string();
    let none = "No such file or directory";
    let cases = [
        (json!({}), json!({"tokenFile": "none"}), format!("tokenFile {}: {none}", at("none"))),
        (json!({}), json!({"tokenFile": "empty"}), format!("tokenFile {} is empty", at("empty"))),
        (json!({}), json!({"token": "secret\u{1}"}), "token: it has characters that no".to_owned()),
        (
            json!({}),
            json!({"client-certificate": "none", "client-key": "none"}),
            format!("client-certificate {}: {none}", at("none")),
        ),
        (
            json!({}),
            json!({"client-certificate-data": BASE64_STANDARD.encode(&api.client.0)}),
            "a user with a client certificate needs its key, too".to_owned(),
        ),
        (
            json!({}),
            json!({"client-certificate-data": "se cret", "client-key-data": ""}),
            "client-certificate-data must be base64".to_owned(),
        ),
        (json!({}), provider("gcp"), "auth-provider gcp: kubectl has it no more; install gke".to_owned()),
        (json!({}), provider("azure"), "install kubelogin".to_owned()),
        (json!({}), provider("oidc"), "auth-provider oidc: it has no id-token".to_owned()),
        (json!({}), provider("own"), "auth-provider own: it is not known; use a".to_owned()),
        (
            json!({"certificate-authority": "~/ca.crt"}),
            json!({}),
            format!("certificate-authority {}: {none}", at("~/ca.crt")),
        ),
        (
            json!({"certificate-authority": "no.pem"}),
            json!({}),
            "certificate-authority holds no certificate".to_owned(),
        ),
        (
            json!({"certificate-authority": null}),
            json!({}),
            "its certificate is signed by an authority that is not trusted".to_owned(),
        ),
        (json!({"server": null}), json!({}), r#"the cluster's server "": must be an"#.to_owned()),
        (json!({"server": "ssh://a"}), json!({}), r#"server "ssh://a": must be an"#.to_owned()),
        (
            json!({"server": "https://127.0.0.1:1"}),
            json!({}),
            "cannot reach the API server: https://127.0.0.1:1 cannot be reached: Connection refused\n"
                .to_owned(),
        ),
        (
            json!({"tls-server-name": "other.example"}),
            json!({}),
            "its certificate cannot be trusted: certificate not valid for name".to_owned(),
        ),
    ];
    for (cluster, user, why) in cases {
        let file = folder.write("kubeconfig", api.kubeconfig(&cluster, &user).to_string());
        let outcome = audit(&file, &[]);
        assert_eq!((outcome.status, outcome.out.as_str()), (Some(2), ""), "{why}");
        let err = &outcome.err;
        assert!(err.contains(&why) && !err.contains("secret"), "{why}: {err}");
        assert_eq!(err.lines().count(), 1, "{err}");
        for library in ["ServiceError", "client error", "os error", "kube", "hyper"] {
            let own = err.replace("kubeconfig", "").replace("kubectl", "").replace("kubelogin", "");
            assert!(!own.contains(library), "{library}: {err}");
        }
    }
}

#[tokio::test]
async fn a_kubeconfig_that_cannot_be_used_is_named() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("kubeconfig");
    for (content, reason) in [
        (None, "No such file or directory"),
        (Some("a: ["), "must be a kubeconfig"),
        (Some("apiVersion: v1\nkind: Config\n"), "there is no current context"),
    ] {
        if let Some(content) = content {
            fs::write(&file, content).unwrap();
        }
        let error = connect(Some(&file)).await.err().unwrap().to_string();
        let start = format!("kubeconfig {}: ", file.display());
        assert!(error.starts_with(&start) && error.contains(reason), "{error}");
        assert!(error.contains("must be a kubeconfig"), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
    let good = "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\nclusters: [{name: k, cluster: {server: 'https://127.0.0.1:1'}}]\nusers: [{name: u, user: {token: t}}]\n";
    fs::write(&file, good).unwrap();
    let client = connect(Some(&file)).await.unwrap();
    // Nothing listens on that address.
    let (cluster, _task) = Cluster::new(client);
    let Err(ApiError::Failed(error)) = cluster.namespace("a").await else {
        panic!("it was read");
    };
    assert!(error.contains("onnection refused"), "{error}");
}

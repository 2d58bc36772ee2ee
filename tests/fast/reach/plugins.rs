//! Credential plugins: their input, the use of their output, and messages about failures.

use std::{fs, os::unix::fs::symlink};

use serde_json::{Value, json};

use crate::reach::{
    program::{Outcome, audit},
    world::World,
};

const V1: &str = "client.authentication.k8s.io/v1";
const V1BETA1: &str = "client.authentication.k8s.io/v1beta1";

impl World {
    /// With a plugin that a shell runs: a script that was just written may be busy for another test's child process.
    fn with_shell(name: &str) -> Self {
        let world = Self::new(name);
        symlink("/bin/sh", world.folder.path().join("shell")).unwrap();
        world
    }

    /// Writes a script next to the kubeconfig, which counts its runs.
    fn plugin(&self, body: &str) {
        let text = format!("cd {}\necho >> runs\n{body}\n", self.folder.path().display());
        self.folder.write("plugin", text);
        let _ = fs::remove_file(self.folder.path().join("runs"));
    }

    fn audit_with_plugin(&self, exec: &Value) -> Outcome {
        let mut all = json!({
            "apiVersion": V1,
            // Relative to the kubeconfig's folder.
            "command": "./shell",
            "args": [self.folder.path().join("plugin"), "get-token"],
            "interactiveMode": "Never",
        });
        for (key, value) in exec.as_object().unwrap() {
            all[key] = value.clone();
        }
        audit(&self.kubeconfig(&json!({}), &json!({"exec": all})), &[])
    }

    fn runs(&self) -> usize {
        fs::read_to_string(self.folder.path().join("runs")).unwrap_or_default().lines().count()
    }
}

fn prints(version: &str, status: &Value) -> String {
    let credential = json!({"apiVersion": version, "kind": "ExecCredential", "status": status});
    format!("cat <<'END'\n{credential}\nEND")
}

#[test]
fn a_plugin_is_told_what_it_needs_and_run_once() {
    let world = World::with_shell("plugin");
    let token =
        prints(V1, &json!({"token": "printed\n", "expirationTimestamp": "2099-01-01T00:00:00Z"}));
    world.plugin(&format!(
        "echo \"$KUBERNETES_EXEC_INFO\" > info; echo \"$REGION $1\" > args\n{token}"
    ));
    let outcome = world.audit_with_plugin(&json!({
        "env": [{"name": "REGION", "value": "north"}],
        "provideClusterInfo": true,
        "interactiveMode": "IfAvailable",
    }));
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    let seen = world.api.seen();
    assert!(seen.len() > 1, "{seen:?}");
    assert!(seen.iter().all(|seen| seen.header("authorization") == Some("Bearer printed")));
    assert_eq!(world.runs(), 1);
    let read = |name: &str| fs::read_to_string(world.folder.path().join(name)).unwrap();
    assert_eq!(read("args"), "north get-token\n");
    let info: Value = serde_json::from_str(&read("info")).unwrap();
    assert_eq!((&info["apiVersion"], &info["spec"]["interactive"]), (&json!(V1), &json!(false)));
    let cluster = &info["spec"]["cluster"];
    assert_eq!(cluster["server"], json!(format!("https://127.0.0.1:{}", world.api.port)));
    assert!(cluster["certificate-authority-data"].is_string(), "{info:#}");
}

#[test]
fn tokens_that_expire_are_fetched_again_and_certificates_are_shown() {
    let world = World::with_shell("plugin-kinds");
    world.plugin(&prints(
        V1BETA1,
        &json!({"token": "t", "expirationTimestamp": "2020-01-01T00:00:00Z"}),
    ));
    let outcome = world.audit_with_plugin(&json!({"apiVersion": V1BETA1}));
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    assert!(world.runs() > 2, "it has expired before each request: {}", world.runs());
    world.api.seen();

    let (certificate, key) = &world.api.client;
    world.plugin(&prints(V1, &json!({"clientCertificateData": certificate, "clientKeyData": key})));
    let outcome = world.audit_with_plugin(&json!({}));
    assert_eq!((outcome.status, world.runs()), (Some(0), 1), "{outcome:?}");
    assert!(world.api.seen().iter().all(|seen| seen.has_certificate));

    // As client-go accepts it.
    world.plugin(&format!(
        "printf 'apiVersion: {V1}\\nkind: ExecCredential\\nstatus:\\n  token: yaml\\n'"
    ));
    let outcome = world.audit_with_plugin(&json!({}));
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    assert_eq!(world.api.seen()[0].header("authorization"), Some("Bearer yaml"));
}

#[test]
fn a_plugin_that_gives_nothing_is_named_with_why() {
    let world = World::with_shell("plugin-fails");
    let path = world.folder.path().join("./shell").display().to_string();
    let named = format!("the credential plugin {path:?}");
    let hint = "Install it:\n  gcloud components install gke-gcloud-auth-plugin\n";
    let cases = [
        (
            json!({"command": "no-such-plugin", "installHint": hint}),
            "",
            r#"the credential plugin "no-such-plugin" is not installed: it is not in PATH. Install it: gcloud components install gke-gcloud-auth-plugin"#.to_owned(),
        ),
        (
            json!({"command": "./none"}),
            "",
            "is not installed: there is no such file\n".to_owned(),
        ),
        (json!({"command": ""}), "", "exec: command must name a credential plugin".to_owned()),
        (
            json!({}),
            "echo secret; echo first >&2; echo 'F1130 08:00:00.123456    4711 cred.go:123] log in again' >&2; exit 3",
            format!("{named} failed (exit status: 3): log in again"),
        ),
        (json!({}), "exit 1", format!("{named} failed (exit status: 1)\n")),
        (json!({}), "echo secret", format!("{named} printed no ExecCredential")),
        (json!({}), "true", format!("{named} printed ")),
        (
            json!({}),
            &prints(V1BETA1, &json!({"token": "secret"})),
            format!("{named} printed an ExecCredential of \"{V1BETA1}\", where {V1} was asked for"),
        ),
        (json!({}), &prints(V1, &Value::Null), format!("{named} printed an ExecCredential without a status")),
        (json!({}), &prints(V1, &json!({})), format!("{named} printed neither a token nor a certificate")),
        (
            json!({}),
            &prints(V1, &json!({"clientKeyData": "secret"})),
            format!("{named} printed a certificate without its key, or the reverse"),
        ),
        (
            json!({}),
            &prints(V1, &json!({"token": "t", "expirationTimestamp": "secret"})),
            format!("{named} printed an expirationTimestamp that is none"),
        ),
        (
            json!({"interactiveMode": "Always"}),
            "true",
            format!("{named} needs a terminal (interactiveMode: Always), and standard input is none"),
        ),
        (
            json!({"apiVersion": "client.authentication.k8s.io/v1alpha1"}),
            "true",
            format!("{named} has apiVersion \"client.authentication.k8s.io/v1alpha1\": must be {V1} or {V1BETA1}"),
        ),
    ];
    for (exec, body, why) in cases {
        world.plugin(body);
        let outcome = world.audit_with_plugin(&exec);
        assert_eq!((outcome.status, outcome.out.as_str()), (Some(2), ""), "{why}");
        let err = &outcome.err;
        assert!(err.contains(&why) && !err.contains("secret"), "{why}: {err}");
        assert_eq!(err.lines().count(), 1, "{err}");
    }
    assert!(world.api.seen().is_empty());
}

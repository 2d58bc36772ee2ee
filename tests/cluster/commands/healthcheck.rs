//! `portcullis healthcheck`: its output for a healthy webhook, and for every kind of failure.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{
    account::{Rights, account},
    certificates::{SERVICE, Serving},
    control_plane::{ControlPlane, Who, unique_name},
    portcullis::Portcullis,
    process::{Folder, free_port},
    user::User,
    wait::{PATIENCE, until},
};

const CONFIGURATIONS: &str = "/apis/admissionregistration.k8s.io/v1";
const VALIDATING: &str = "validatingwebhookconfigurations";
const MUTATING: &str = "mutatingwebhookconfigurations";

/// A validating configuration with two webhooks and a mutating one, for the Service `portcullis`, which are called for
/// nothing. They share a name. The Service need not exist, because `--address` replaces it.
async fn configure(admin: &User, authority_pem: &str) -> String {
    let name = unique_name("healthcheck");
    for (kind, path, webhooks) in
        [(VALIDATING, "/validate", &["enforce", "advise"][..]), (MUTATING, "/mutate", &["harden"])]
    {
        let webhooks: Vec<Value> = webhooks
            .iter()
            .map(|name| {
                json!({
                    "name": format!("{name}.portcullis.dev"),
                    "clientConfig": {
                        "service": {"name": "portcullis", "namespace": "default", "path": path},
                        "caBundle": STANDARD.encode(authority_pem),
                    },
                    "failurePolicy": "Ignore",
                    "rules": [],
                    "sideEffects": "None",
                    "admissionReviewVersions": ["v1"],
                })
            })
            .collect();
        let object = json!({"metadata": {"name": name}, "webhooks": webhooks});
        admin.create(&format!("{CONFIGURATIONS}/{kind}"), &object).await.granted();
    }
    name
}

struct Check<'a> {
    kubeconfig: PathBuf,
    configuration: &'a str,
    flags: Vec<String>,
}

impl<'a> Check<'a> {
    fn new(plane: &ControlPlane, configuration: &'a str) -> Self {
        Self { kubeconfig: plane.kubeconfig(Who::Admin), configuration, flags: Vec::new() }
    }

    fn at(mut self, port: u16) -> Self {
        self.flags.push(format!("--address=127.0.0.1:{port}"));
        self
    }

    fn flag(mut self, flag: &str) -> Self {
        self.flags.push(flag.to_owned());
        self
    }

    fn by(mut self, kubeconfig: &Path) -> Self {
        self.kubeconfig = kubeconfig.to_owned();
        self
    }

    fn run(self) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.args(["healthcheck", "--service=portcullis", "--namespace=default"]);
        command.args(["--validating-webhook", self.configuration]);
        command.args(["--mutating-webhook", self.configuration]);
        command.arg("--kubeconfig").arg(self.kubeconfig).args(self.flags);
        command.output().unwrap()
    }
}

/// The lines of stdout, for this exit status and an empty stderr.
#[track_caller]
fn lines(output: &Output, code: i32) -> Vec<String> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(code), "{text}{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    text.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_webhook_that_answers_passes_step_by_step() {
    let Ok(plane) = ControlPlane::shared() else {
        return;
    };
    let folder = Folder::new("healthcheck");
    let admin = plane.user(Who::Admin).await;
    for (flags, verdict) in [
        (
            &[][..],
            "denies a privileged pod: pods \"portcullis-healthcheck\" is forbidden: violates PodSecurity",
        ),
        (&["--dry-run"], "allows a privileged pod (dry-run: would deny: "),
    ] {
        let mut server = Portcullis::launch(plane, None, flags);
        server.wait_ready().await;
        let name = configure(&admin, &server.serving.authority_pem).await;
        let rights = json!([{
            "apiGroups": ["admissionregistration.k8s.io"],
            "resources": [VALIDATING, MUTATING],
            "resourceNames": [name],
            "verbs": ["get"],
        }]);
        let kubeconfig = account(plane, &folder, &[Rights::Everywhere(rights)]).await;

        let output = Check::new(plane, &name).by(&kubeconfig).at(server.port).run();

        let port = server.port;
        let steps = [
            "ok    caBundle: 1 certificate trusted, 0 expired or not valid yet, 0 unusable"
                .to_owned(),
            format!("ok    resolve: 127.0.0.1:{port} is 127.0.0.1:{port}"),
            format!("ok    connect: 127.0.0.1:{port} accepts connections"),
            format!("ok    TLS: the certificate for {SERVICE} is verified with the caBundle"),
        ];
        let lines = lines(&output, 0);
        let [validating, mutating, rest @ ..] = lines.as_slice() else { panic!("{lines:?}") };
        assert_eq!(
            *validating,
            format!(
                "ok    validatingwebhookconfiguration {name}: enforce.portcullis.dev, advise.portcullis.dev to \
                 /validate on port 443"
            )
        );
        assert_eq!(
            *mutating,
            format!(
                "ok    mutatingwebhookconfiguration {name}: harden.portcullis.dev to /mutate on port 443"
            )
        );
        assert_eq!((&rest[..4], &rest[5..9]), (&steps[..], &steps[..]));
        assert!(rest[4].starts_with(&format!("ok    /validate: {verdict}")), "{}", rest[4]);
        assert!(rest[9].starts_with("ok    /mutate: does not change a pod"), "{}", rest[9]);
        assert_eq!(rest.len(), 10);
    }
}

/// A draining replica answers requests, and closes each connection afterwards.
#[tokio::test]
async fn a_replica_that_drains_still_passes() {
    let Ok(plane) = ControlPlane::shared() else {
        return;
    };
    let admin = plane.user(Who::Admin).await;
    let mut server = Portcullis::launch(plane, None, &["--drain-grace=60"]);
    server.wait_ready().await;
    let name = configure(&admin, &server.serving.authority_pem).await;
    // An open connection keeps it from ending too early.
    let open = tokio::net::TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
    server.signal("TERM");
    until("it to drain", PATIENCE, async || {
        server.page("/readyz").await.filter(|(code, _)| *code == 503)
    })
    .await;

    for _ in 0..20 {
        let output = Check::new(plane, &name).at(server.port).run();
        let lines = lines(&output, 0);
        assert!(lines.iter().any(|line| line.starts_with("ok    /mutate: ")), "{lines:#?}");
    }
    drop(open);
}

/// Wrong CA, wrong name, no server, missing configuration: the failed step, and where to look.
#[tokio::test]
async fn failed_steps_name_where_to_look() {
    let Ok(plane) = ControlPlane::shared() else {
        return;
    };
    let folder = Folder::new("healthcheck");
    let admin = plane.user(Who::Admin).await;
    let mut server = Portcullis::launch(plane, None, &[]);
    server.wait_ready().await;
    let good = configure(&admin, &server.serving.authority_pem).await;
    let other = configure(&admin, &Serving::new(&folder).authority_pem).await;
    let garbage = configure(&admin, &server.serving.authority_pem.replace("MI", "AA")).await;
    let nobody = account(plane, &folder, &[]).await;
    let port = server.port;
    let check = |configuration| Check::new(plane, configuration).flag("--timeout=2");

    for (output, fails, look) in [
        (check(&other).at(port).run(), "FAIL  TLS: invalid peer certificate: ", "what writes it"),
        (check(&good).at(free_port()).run(), "FAIL  connect: 127.0.0.1:", "get endpointslices"),
        (check(&good).run(), "FAIL  resolve: portcullis.default.svc:443: ", "the cluster's DNS"),
        (check(&garbage).at(port).run(), "FAIL  caBundle: ", "PEM certificate"),
        (
            check("nothing").at(port).run(),
            "FAIL  validatingwebhookconfiguration nothing: ",
            "whether it exists under this name",
        ),
        (
            check(&good).at(port).by(&nobody).run(),
            "FAIL  validatingwebhookconfiguration ",
            "this account may get it",
        ),
        (check(&good).at(server.admin_port).run(), "FAIL  TLS: ", "what answers on that port"),
    ] {
        let lines = lines(&output, 1);
        let at = lines.iter().position(|line| line.starts_with(fails));
        let at = at.unwrap_or_else(|| panic!("{fails}: {lines:#?}"));
        assert!(
            lines[at + 1].starts_with("      look at: ") && lines[at + 1].contains(look),
            "{lines:#?}"
        );
    }
    let moved = json!({"webhooks": [{
        "name": "harden.portcullis.dev", "clientConfig": {"url": "https://127.0.0.1:1/mutate"},
        "sideEffects": "None", "admissionReviewVersions": ["v1"],
    }]});
    admin.merge(&format!("{CONFIGURATIONS}/{MUTATING}/{good}"), &moved).await.granted();
    let lines = lines(&check(&good).at(port).run(), 1);
    let leads = "points to https://127.0.0.1:1/mutate, not to service default/portcullis";
    assert!(lines[1].ends_with(leads), "{lines:#?}");
    assert!(lines.last().unwrap().starts_with("ok    /validate: "), "the other is still checked");
}

/// A server that cannot read namespaces denies everything, which is unhealthy.
#[tokio::test]
async fn a_server_that_cannot_decide_fails() {
    let Ok(plane) = ControlPlane::shared() else {
        return;
    };
    let folder = Folder::new("healthcheck");
    let admin = plane.user(Who::Admin).await;
    let blind = account(plane, &folder, &[]).await;
    let serving = Serving::new(&folder);
    let (port, admin_port) = (free_port(), free_port());
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(["serve", "--bind-address=127.0.0.1"]).arg("--kubeconfig").arg(blind);
    command.args([format!("--secure-port={port}"), format!("--admin-port={admin_port}")]);
    command.arg("--tls-cert-file").arg(&serving.certificate);
    command.arg("--tls-private-key-file").arg(&serving.key);
    let log = folder.path().join("portcullis.log");
    let _server = crate::support::process::Process::start(&command, &log);
    until("it to serve", PATIENCE, async || {
        std::fs::read_to_string(&log).ok().filter(|log| log.contains("\"serving\""))
    })
    .await;
    let name = configure(&admin, &serving.authority_pem).await;

    let output = Check::new(plane, &name).at(port).run();

    let lines = lines(&output, 1);
    let start =
        "FAIL  /validate: denied with 500 InternalError: failed to look up namespace \"default\"";
    assert!(lines.iter().any(|line| line.starts_with(start)), "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("get, list and watch namespaces")), "{lines:#?}");
}

/// In a new installation, the server writes its CA into the configurations while `helm test` is running.
#[tokio::test]
async fn a_ca_bundle_that_is_not_there_yet_is_waited_for() {
    let Ok(plane) = ControlPlane::shared() else {
        return;
    };
    let admin = plane.user(Who::Admin).await;
    let mut server = Portcullis::launch(plane, None, &[]);
    server.wait_ready().await;
    let name = configure(&admin, "").await;
    let never = Check::new(plane, &name).at(server.port).flag("--timeout=1").run();
    let never = lines(&never, 1);
    let why = "webhook enforce.portcullis.dev has no caBundle";
    assert!(never[0].ends_with(why) && never[1].contains("cainjector"), "{never:#?}");

    let check = Check::new(plane, &name).at(server.port).flag("--timeout=60");
    let check = std::thread::spawn({
        let (kubeconfig, name, flags) = (check.kubeconfig, name.clone(), check.flags);
        move || Check { kubeconfig, configuration: &name, flags }.run()
    });
    let bundle = json!(STANDARD.encode(&server.serving.authority_pem));
    for kind in [VALIDATING, MUTATING] {
        let path = format!("{CONFIGURATIONS}/{kind}/{name}");
        let mut object = admin.get(&path).await.granted();
        for webhook in object["webhooks"].as_array_mut().unwrap() {
            webhook["clientConfig"]["caBundle"] = bundle.clone();
        }
        admin.replace(&path, &object).await.granted();
    }

    lines(&check.join().unwrap(), 0);
}

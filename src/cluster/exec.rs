//! Credential plugins: programs that a kubeconfig names and that print a token or a client certificate.
//! <https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins>

use std::{
    io::{self, IsTerminal as _},
    process::{Command, Stdio},
};

use http::HeaderValue;
use jiff::Timestamp;
use kube::config::{Cluster, ExecAuthCluster, ExecConfig, ExecInteractiveMode};
use serde::Deserialize;
use serde_json::json;

use manifest::tree::{Booleans, Repeats, Tree};

use crate::input::message;

use super::{
    credentials::{Identity, bearer},
    error::bounded,
    kubeconfig::plain,
};

const VERSIONS: [&str; 2] =
    ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];
/// Maximum length of a plugin's error output that is shown.
const MAX_TEXT: usize = 600;

pub(super) struct Plugin {
    exec: ExecConfig,
    cluster: Option<ExecAuthCluster>,
    last: Token,
}

struct Token {
    header: Option<HeaderValue>,
    until: Option<Timestamp>,
}

impl Plugin {
    /// Runs the plugin for the first time, and waits for it.
    ///
    /// # Errors
    /// Why it returned no credentials. One line with its name.
    pub(super) fn start(
        exec: &ExecConfig,
        cluster: &Cluster,
    ) -> Result<(Self, Option<Identity>), String> {
        let cluster = if exec.provide_cluster_info {
            let cluster = ExecAuthCluster::try_from(cluster);
            Some(cluster.map_err(|error| bounded(&error.to_string()))?)
        } else {
            None
        };
        let (last, identity) = run(exec, cluster.as_ref())?;
        Ok((Self { exec: exec.clone(), cluster, last }, identity))
    }

    /// The header with its token, if it returned one. Runs the plugin again if the token has expired.
    pub(super) async fn header(&mut self) -> Result<Option<HeaderValue>, String> {
        if self.last.until.is_some_and(|until| until <= Timestamp::now()) {
            let (exec, cluster) = (self.exec.clone(), self.cluster.clone());
            let again = tokio::task::spawn_blocking(move || run(&exec, cluster.as_ref())).await;
            let (last, _) = again.map_err(|error| bounded(&error.to_string()))??;
            self.last = last;
        }
        Ok(self.last.header.clone())
    }
}

fn run(
    exec: &ExecConfig,
    cluster: Option<&ExecAuthCluster>,
) -> Result<(Token, Option<Identity>), String> {
    let command = exec.command.as_deref().unwrap_or_default();
    if command.is_empty() {
        return Err("exec: command must name a credential plugin".to_owned());
    }
    let named = |what: &str| format!("the credential plugin {:?} {what}", bounded(command));
    let version = exec.api_version.as_deref().unwrap_or_default();
    if !VERSIONS.contains(&version) {
        let version = bounded(version);
        return Err(named(&format!(
            "has apiVersion {version:?}: must be {}",
            VERSIONS.join(" or ")
        )));
    }
    let is_interactive = is_interactive(exec).map_err(named)?;
    let info = json!({
        "apiVersion": version,
        "kind": "ExecCredential",
        "spec": {"interactive": is_interactive, "cluster": cluster},
    });
    let mut process = Command::new(command);
    process.args(exec.args.iter().flatten());
    for variable in exec.env.iter().flatten() {
        if let (Some(name), Some(value)) = (variable.get("name"), variable.get("value")) {
            process.env(name, value);
        }
    }
    process.env("KUBERNETES_EXEC_INFO", without_nulls(info).to_string());
    if is_interactive {
        process.stdin(Stdio::inherit()).stderr(Stdio::inherit());
    } else {
        process.stdin(Stdio::null());
    }
    let output = process.output().map_err(|error| not_started(exec, command, &error))?;
    if !output.status.success() {
        let said = last_line(&output.stderr);
        return Err(named(&format!("failed ({}){said}", output.status)));
    }
    read(&output.stdout, version).map_err(|what| named(&what))
}

/// Whether the plugin may prompt the user.
fn is_interactive(exec: &ExecConfig) -> Result<bool, &'static str> {
    let is_terminal = io::stdin().is_terminal();
    match exec.interactive_mode {
        Some(ExecInteractiveMode::Never) => Ok(false),
        Some(ExecInteractiveMode::IfAvailable) | None => Ok(is_terminal),
        Some(ExecInteractiveMode::Always) if is_terminal => Ok(true),
        Some(ExecInteractiveMode::Always) => {
            Err("needs a terminal (interactiveMode: Always), and standard input is none")
        }
    }
}

/// Omits unset fields.
fn without_nulls(mut info: serde_json::Value) -> serde_json::Value {
    if let Some(spec) = info.get_mut("spec").and_then(serde_json::Value::as_object_mut) {
        spec.retain(|_, value| !value.is_null());
    }
    info
}

fn not_started(exec: &ExecConfig, command: &str, error: &io::Error) -> String {
    let name = bounded(command);
    if error.kind() != io::ErrorKind::NotFound {
        return format!("the credential plugin {name:?} cannot be run: {}", plain(error));
    }
    let place = if command.contains('/') { "there is no such file" } else { "it is not in PATH" };
    let hint = exec.install_hint.as_deref().unwrap_or_default();
    let hint: Vec<_> = hint.split_whitespace().collect();
    let hint = if hint.is_empty() { String::new() } else { format!(". {}", hint.join(" ")) };
    let text = format!("the credential plugin {name:?} is not installed: {place}{hint}");
    text.chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect()
}

/// The last line of its error output, which usually has the reason.
fn last_line(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let last = text.lines().map(str::trim).rfind(|line| !line.is_empty());
    last.map_or_else(String::new, |line| format!(": {}", bounded(message(line))))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Printed {
    api_version: Option<String>,
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    expiration_timestamp: Option<String>,
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

/// Parses its output: JSON, and YAML as in client-go. Errors quote none of it.
fn read(stdout: &[u8], version: &str) -> Result<(Token, Option<Identity>), String> {
    let no_credential = || "printed no ExecCredential".to_owned();
    let text = std::str::from_utf8(stdout).map_err(|_| no_credential())?;
    let tree = Tree::parse(text, 0..text.len(), Repeats::Refused).map_err(|_| no_credential())?;
    let printed = Printed::deserialize(tree.root().value(Booleans::Go));
    let printed = printed.map_err(|_| no_credential())?;
    let is = printed.api_version.unwrap_or_default();
    if is != version {
        let is = bounded(&is);
        return Err(format!("printed an ExecCredential of {is:?}, where {version} was asked for"));
    }
    let status = printed.status.ok_or("printed an ExecCredential without a status")?;
    let until = status.expiration_timestamp.filter(|until| !until.is_empty());
    let until = until.map(|until| until.parse());
    let until = until.transpose().map_err(|_| "printed an expirationTimestamp that is none")?;
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let certificate = given(status.client_certificate_data);
    let identity = match (certificate, given(status.client_key_data)) {
        (Some(certificate), Some(key)) => Some((certificate.into_bytes(), key.into_bytes())),
        (None, None) => None,
        _ => return Err("printed a certificate without its key, or the reverse".to_owned()),
    };
    let token = given(status.token).map(|token| token.trim().to_owned());
    if token.is_none() && identity.is_none() {
        return Err("printed neither a token nor a certificate".to_owned());
    }
    let header = token.map(|token| bearer(&token, "printed a token that cannot be sent"));
    Ok((Token { header: header.transpose()?, until }, identity))
}

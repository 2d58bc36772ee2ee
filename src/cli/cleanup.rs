//! `portcullis cleanup`: deletes webhook configurations before the server is uninstalled. Without the server, they would
//! deny every pod of the cluster.

use std::{
    fmt,
    io::{self, Write as _},
    path::PathBuf,
    time::Duration,
};

use anyhow::Context as _;
use clap::Args;
use futures::future::join_all;
use k8s_openapi::api::{
    admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration},
    coordination::v1::Lease,
};
use kube::{
    Api, Client,
    api::{ApiResource, DeleteParams, DynamicObject, PartialObjectMeta, Preconditions},
};
use tokio::time::{Instant, sleep, timeout_at};

use crate::{
    cluster::{self, one_line},
    sanitize,
};

use super::Exit;

/// The pause before checking again whether an object is gone, and before a retry.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// Deletes only the objects that flags name.
#[derive(Args, Debug)]
#[command(
    group = clap::ArgGroup::new("objects").required(true).multiple(true),
    after_help = "\
Without its server, a webhook configuration with failurePolicy Fail blocks the cluster: delete it first. The uninstall \
hook of the chart runs this command.

Example:
  portcullis cleanup --validating-webhook portcullis --mutating-webhook portcullis

Exit status: 0 all objects are gone; 2 an object could not be deleted."
)]
pub(super) struct Flags {
    /// ValidatingWebhookConfiguration to delete
    #[arg(long, value_name = "NAME", group = "objects", value_parser = super::object_name)]
    validating_webhook: Option<String>,

    /// MutatingWebhookConfiguration to delete
    #[arg(long, value_name = "NAME", group = "objects", value_parser = super::object_name)]
    mutating_webhook: Option<String>,

    /// Lease to delete
    #[arg(long, value_name = "NAME", group = "objects", requires = "namespace", value_parser = super::object_name)]
    lease: Option<String>,

    /// Namespace of the Lease
    #[arg(long, value_name = "NAMESPACE", requires = "lease", value_parser = super::namespace)]
    namespace: Option<String>,

    /// Path to a kubeconfig [default: in-cluster credentials]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// Maximum time in seconds to retry and to wait until all objects are gone
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    timeout: u64,
}

/// Deletes all objects, even if one of them fails.
pub(super) fn run(flags: &Flags) -> anyhow::Result<Exit> {
    // kube takes its TLS provider from the process.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(cleanup(flags))
}

async fn cleanup(flags: &Flags) -> anyhow::Result<Exit> {
    let deadline = Instant::now()
        .checked_add(Duration::from_secs(flags.timeout))
        .context("--timeout is too large")?;
    let client = cluster::connect(flags.kubeconfig.as_deref()).await?;
    let removals = flags.targets().into_iter().map(|target| {
        let client = client.clone();
        async move {
            let removed = target.remove(client, deadline).await;
            print(&target, &removed);
            removed.is_ok()
        }
    });
    let all = join_all(removals).await.into_iter().all(|removed| removed);
    Ok(if all { Exit::Clean } else { Exit::Failure })
}

/// Prints one line per object. Ignores errors: the deletion matters more than its output.
fn print(target: &Target, removed: &Result<Removed, String>) {
    let _ = match removed {
        Ok(Removed::Deleted) => writeln!(io::stdout(), "{target}: deleted"),
        Ok(Removed::WasAbsent) => writeln!(io::stdout(), "{target}: not found"),
        Err(why) => {
            writeln!(
                io::stderr(),
                "portcullis: {}",
                sanitize::one_line(&format!("{target}: {why}"))
            )
        }
    };
}

impl Flags {
    fn targets(&self) -> Vec<Target> {
        let of = |kind, name: &Option<String>| {
            let namespace = self.namespace.clone().filter(|_| kind == Kind::Lease);
            name.clone().map(|name| Target { kind, name, namespace })
        };
        [
            of(Kind::Validating, &self.validating_webhook),
            of(Kind::Mutating, &self.mutating_webhook),
            of(Kind::Lease, &self.lease),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Validating,
    Mutating,
    Lease,
}

/// An object to delete.
#[derive(Debug)]
struct Target {
    kind: Kind,
    name: String,
    namespace: Option<String>,
}

/// The result of a successful deletion.
#[derive(Debug, PartialEq, Eq)]
enum Removed {
    Deleted,
    WasAbsent,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Validating => "validatingwebhookconfiguration",
            Kind::Mutating => "mutatingwebhookconfiguration",
            Kind::Lease => "lease",
        };
        write!(f, "{kind} ")?;
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}/")?;
        }
        f.write_str(&self.name)
    }
}

type Metadata = PartialObjectMeta<DynamicObject>;

impl Target {
    fn api(&self, client: Client) -> Api<DynamicObject> {
        let resource = match self.kind {
            Kind::Validating => ApiResource::erase::<ValidatingWebhookConfiguration>(&()),
            Kind::Mutating => ApiResource::erase::<MutatingWebhookConfiguration>(&()),
            Kind::Lease => ApiResource::erase::<Lease>(&()),
        };
        match &self.namespace {
            Some(namespace) => Api::namespaced_with(client, namespace, &resource),
            None => Api::all_with(client, &resource),
        }
    }

    /// Deletes the object and waits until it is gone. An object that is created again meanwhile is not deleted, because
    /// its creator would continue.
    async fn remove(&self, client: Client, deadline: Instant) -> Result<Removed, String> {
        let api = self.api(client);
        let Some(found) = self.find(&api, deadline).await? else {
            return Ok(Removed::WasAbsent);
        };
        let uid = found.metadata.uid;
        let params = DeleteParams {
            preconditions: Some(Preconditions { uid: uid.clone(), resource_version: None }),
            ..DeleteParams::default()
        };
        let delete = async || match api.delete(&self.name, &params).await {
            Err(error) if is_absent(&error) => Ok(()),
            result => result.map(|_| ()),
        };
        retry(delete, deadline).await?;
        while let Some(left) = self.find(&api, deadline).await? {
            if left.metadata.uid != uid {
                return Err(
                    "deleted, but created again by something else: remove its owner first \
                     (a GitOps tool or an operator)"
                        .to_owned(),
                );
            }
            if Instant::now() + RETRY_PAUSE >= deadline {
                return Err(still_there(&left));
            }
            sleep(RETRY_PAUSE).await;
        }
        Ok(Removed::Deleted)
    }

    async fn find(
        &self,
        api: &Api<DynamicObject>,
        deadline: Instant,
    ) -> Result<Option<Metadata>, String> {
        retry(async || api.get_metadata_opt(&self.name).await, deadline).await
    }
}

fn still_there(left: &Metadata) -> String {
    match left.metadata.finalizers.as_deref().unwrap_or_default() {
        [] => "deleted, but still present after the timeout".to_owned(),
        finalizers => format!(
            "deleted, but still held by its finalizers after the timeout: {}",
            cluster::bounded(&finalizers.join(", "))
        ),
    }
}

/// Repeats a request until the deadline while the API server does not answer, for example during its restart.
async fn retry<T>(ask: impl AsyncFn() -> kube::Result<T>, deadline: Instant) -> Result<T, String> {
    let mut last = None;
    loop {
        match timeout_at(deadline, ask()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) if is_transient(&error) => last = Some(one_line(&error)),
            Ok(Err(error)) => return Err(one_line(&error)),
            Err(_) => return Err(no_answer(last)),
        }
        if Instant::now() + RETRY_PAUSE >= deadline {
            return Err(no_answer(last));
        }
        sleep(RETRY_PAUSE).await;
    }
}

fn no_answer(last: Option<String>) -> String {
    let why = last.map_or_else(String::new, |last| format!(": {last}"));
    format!("the API server did not answer within the timeout{why}")
}

/// Whether the same request may succeed soon.
fn is_transient(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => status.code == 429 || status.code >= 500,
        kube::Error::HyperError(_) | kube::Error::Service(_) => true,
        _ => false,
    }
}

/// Whether the object to delete is gone: not found, or replaced by another of the same name.
fn is_absent(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404 || status.code == 409)
}

//! Who of the replicas does what only one is to do: by a Lease, as client-go does it.
//!
//! Every replica serves; the leader writes. Nothing may rest on there being one leader only: for a moment there can
//! be two, and whatever the leader writes must be safe then.
//!
//! No clock of another machine is believed: a lease is over when nobody was seen to renew it for as long as it
//! holds, by our own clock, counted from when we saw it change.

use std::{future::Future, time::Duration};

use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
    jiff::Timestamp,
};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

use crate::cluster::{Retrying, one_line};

/// How long the holder may be silent. Whole seconds: that is what a Lease has.
const HOLDS: Duration = Duration::from_secs(15);
/// A lease that says that it holds for years does not keep everybody from leading.
const LONGEST: Duration = Duration::from_secs(60);
/// The holder gives up leading sooner than others may take over.
const GIVES_UP: Duration = Duration::from_secs(10);
const EVERY: Duration = Duration::from_secs(2);

/// The lease, and who we are.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Of the Lease.
    pub namespace: String,
    /// The Lease's name. It is created where there is none.
    pub lease: String,
    /// What tells this replica from the others: the pod's name.
    pub identity: String,
}

/// Whether this replica leads, and the task that keeps that up to date. The task ends when `until` does, and
/// lets go of the lease, so that another one need not wait.
pub fn elect(
    client: Client,
    settings: Settings,
    until: impl Future<Output = ()> + Send + 'static,
) -> (watch::Receiver<bool>, impl Future<Output = ()> + Send + 'static) {
    let (leads, receiver) = watch::channel(false);
    let api = Api::namespaced(client, &settings.namespace);
    let mut candidate = Candidate { api, settings, seen: None, renewed: None };
    let task = async move {
        tokio::select! {
            () = candidate.run(&leads) => {}
            () = until => {}
        }
        leads.send_replace(false);
        candidate.let_go().await;
    };
    (receiver, task)
}

struct Candidate {
    api: Api<Lease>,
    settings: Settings,
    /// The version of the lease that was seen last, and since when.
    seen: Option<(String, Instant)>,
    /// When we last renewed it, if it is ours.
    renewed: Option<Instant>,
}

impl Candidate {
    async fn run(&mut self, leads: &watch::Sender<bool>) {
        let mut retrying = Retrying::new("cannot take part in the election of a leader");
        loop {
            match timeout(GIVES_UP / 2, self.try_once()).await {
                Ok(Ok(holds)) => {
                    retrying.succeeded();
                    self.renewed = holds.then(Instant::now);
                }
                Ok(Err(error)) => retrying.failed(&one_line(&error)),
                Err(_) => {}
            }
            let holds = self.renewed.is_some_and(|renewed| renewed.elapsed() < GIVES_UP);
            leads.send_if_modified(|leads| {
                let changed = *leads != holds;
                if changed {
                    tracing::info!(leads = holds, "leader election");
                    *leads = holds;
                }
                changed
            });
            sleep(EVERY).await;
        }
    }

    /// Whether the lease is ours now.
    async fn try_once(&mut self) -> kube::Result<bool> {
        let Some(lease) = self.api.get_opt(&self.settings.lease).await? else {
            let metadata =
                ObjectMeta { name: Some(self.settings.lease.clone()), ..ObjectMeta::default() };
            let lease = Lease { metadata, spec: Some(self.ours(None)) };
            return written(self.api.create(&PostParams::default(), &lease).await);
        };
        let spec = lease.spec.clone().unwrap_or_default();
        let holder = spec.holder_identity.as_deref().unwrap_or_default();
        let version = lease.metadata.resource_version.clone().unwrap_or_default();
        if holder != self.settings.identity && !holder.is_empty() && !self.is_over(version, &spec) {
            return Ok(false);
        }
        let lease = Lease { spec: Some(self.ours(Some(&spec))), ..lease };
        let name = &self.settings.lease;
        written(self.api.replace(name, &PostParams::default(), &lease).await)
    }

    /// Whether nobody renewed it for as long as it holds.
    fn is_over(&mut self, version: String, spec: &LeaseSpec) -> bool {
        let seconds = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        let holds = seconds.map_or(HOLDS, Duration::from_secs).min(LONGEST);
        match &self.seen {
            Some((seen, since)) if *seen == version => since.elapsed() >= holds,
            _ => {
                self.seen = Some((version, Instant::now()));
                false
            }
        }
    }

    fn ours(&self, before: Option<&LeaseSpec>) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        let mine = Some(self.settings.identity.clone());
        let is_held = before.is_some_and(|spec| spec.holder_identity == mine);
        let transitions = before.and_then(|spec| spec.lease_transitions).unwrap_or_default();
        LeaseSpec {
            holder_identity: mine,
            lease_duration_seconds: i32::try_from(HOLDS.as_secs()).ok(),
            acquire_time: before
                .filter(|_| is_held)
                .and_then(|spec| spec.acquire_time.clone())
                .or(Some(now.clone())),
            renew_time: Some(now),
            lease_transitions: Some(if is_held { transitions } else { transitions + 1 }),
            ..LeaseSpec::default()
        }
    }

    async fn let_go(&self) {
        if self.renewed.is_none() {
            return;
        }
        let letting_go = async {
            let lease = self.api.get(&self.settings.lease).await?;
            let spec = lease.spec.clone().unwrap_or_default();
            if spec.holder_identity.as_deref() != Some(&self.settings.identity) {
                return Ok(());
            }
            let spec = Some(LeaseSpec { holder_identity: None, ..spec });
            let lease = Lease { spec, ..lease };
            self.api.replace(&self.settings.lease, &PostParams::default(), &lease).await.map(drop)
        };
        let _: Result<kube::Result<()>, _> = timeout(EVERY, letting_go).await;
    }
}

/// Whether it was written: `false` where another one was faster.
fn written(result: kube::Result<Lease>) -> kube::Result<bool> {
    match result {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_lease_holds_as_long_as_it_says_and_never_for_years() {
        let nobody = tower::service_fn(async |_: http::Request<kube::client::Body>| {
            Ok::<_, std::convert::Infallible>(http::Response::new(kube::client::Body::empty()))
        });
        let settings =
            Settings { namespace: "n".to_owned(), lease: "l".to_owned(), identity: "i".to_owned() };
        let api = Api::namespaced(Client::new(nobody, "n"), "n");
        let mut candidate = Candidate { api, settings, seen: None, renewed: None };
        let mut is_over = |holds: Option<i32>, silent: u64| {
            let since = Instant::now().checked_sub(Duration::from_secs(silent)).unwrap();
            candidate.seen = Some(("7".to_owned(), since));
            let spec = LeaseSpec { lease_duration_seconds: holds, ..LeaseSpec::default() };
            candidate.is_over("7".to_owned(), &spec)
        };
        assert!(!is_over(Some(20), 19) && is_over(Some(20), 20));
        assert!(!is_over(None, 14) && is_over(None, 15) && is_over(Some(-1), 15));
        assert!(!is_over(Some(i32::MAX), 59) && is_over(Some(i32::MAX), 60));
        // It changed: whoever holds it lives.
        assert!(!candidate.is_over("8".to_owned(), &LeaseSpec::default()));
    }
}

//! Leader election among replicas by a Lease, as in client-go.
//!
//! Every replica serves; the leader writes. There can be two leaders for a moment, so concurrent writes must be safe.
//!
//! Clocks of other machines do not matter: a lease is expired if this replica has not seen it change for the lease's
//! duration, measured by its own clock.

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

use super::{RetryLog, one_line};

/// The duration of the lease, in whole seconds as the Lease stores it.
const HOLDS: Duration = Duration::from_secs(15);
/// Upper limit for the duration in a Lease, so that a value of years cannot keep all replicas from leading.
const LONGEST: Duration = Duration::from_secs(60);
/// The leader steps down this long after its last renewal, before others may take over.
const GIVES_UP: Duration = Duration::from_secs(10);
const EVERY: Duration = Duration::from_secs(2);

/// The lease, and the identity of this replica.
#[derive(Clone, Debug)]
pub(crate) struct ElectionSettings {
    pub(crate) namespace: String,
    /// The name of the Lease, which is created if it does not exist.
    pub(crate) lease: String,
    /// Identifies this replica: the name of its pod.
    pub(crate) identity: String,
}

/// Whether this replica leads, and the task that keeps the value up to date. When `until` completes, the task releases
/// the lease, so that another replica can take over at once, and ends.
pub(crate) fn elect(
    client: Client,
    settings: ElectionSettings,
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
        candidate.release().await;
    };
    (receiver, task)
}

struct Candidate {
    api: Api<Lease>,
    settings: ElectionSettings,
    /// The lease version that was seen last, and since when.
    seen: Option<(String, Instant)>,
    /// The time of the last renewal, if this replica holds the lease.
    renewed: Option<Instant>,
}

impl Candidate {
    async fn run(&mut self, leads: &watch::Sender<bool>) {
        let mut retrying = RetryLog::new("cannot take part in the election of a leader");
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

    /// Tries to acquire or renew. Returns whether this replica holds the lease.
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
        if holder != self.settings.identity
            && !holder.is_empty()
            && !self.is_expired(version, &spec)
        {
            return Ok(false);
        }
        let lease = Lease { spec: Some(self.ours(Some(&spec))), ..lease };
        let name = &self.settings.lease;
        written(self.api.replace(name, &PostParams::default(), &lease).await)
    }

    /// Whether the lease has expired: no change for its duration.
    fn is_expired(&mut self, version: String, spec: &LeaseSpec) -> bool {
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

    async fn release(&self) {
        if self.renewed.is_none() {
            return;
        }
        let releasing = async {
            let lease = self.api.get(&self.settings.lease).await?;
            let spec = lease.spec.clone().unwrap_or_default();
            if spec.holder_identity.as_deref() != Some(&self.settings.identity) {
                return Ok(());
            }
            let spec = Some(LeaseSpec { holder_identity: None, ..spec });
            let lease = Lease { spec, ..lease };
            self.api.replace(&self.settings.lease, &PostParams::default(), &lease).await.map(drop)
        };
        let _: Result<kube::Result<()>, _> = timeout(EVERY, releasing).await;
    }
}

/// Whether the write succeeded: `false` on a conflict with another replica.
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
        let settings = ElectionSettings {
            namespace: "n".to_owned(),
            lease: "l".to_owned(),
            identity: "i".to_owned(),
        };
        let api = Api::namespaced(Client::new(nobody, "n"), "n");
        let mut candidate = Candidate { api, settings, seen: None, renewed: None };
        let mut is_expired = |holds: Option<i32>, silent: u64| {
            let since = Instant::now().checked_sub(Duration::from_secs(silent)).unwrap();
            candidate.seen = Some(("7".to_owned(), since));
            let spec = LeaseSpec { lease_duration_seconds: holds, ..LeaseSpec::default() };
            candidate.is_expired("7".to_owned(), &spec)
        };
        assert!(!is_expired(Some(20), 19) && is_expired(Some(20), 20));
        assert!(!is_expired(None, 14) && is_expired(None, 15) && is_expired(Some(-1), 15));
        assert!(!is_expired(Some(i32::MAX), 59) && is_expired(Some(i32::MAX), 60));
        // A change proves that the holder is alive.
        assert!(!candidate.is_expired("8".to_owned(), &LeaseSpec::default()));
    }
}

//! Carries out the decisions of `plan`.

use std::time::{Duration, SystemTime};

use k8s_openapi::api::core::v1::Secret;
use rustls::crypto::aws_lc_rs;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, sleep_until, timeout},
};

use crate::cluster::one_line;

use super::{
    authority::AuthorityError,
    bundle::WatchedConfiguration,
    follow::{Followed, Observed},
    manager::{CertificateManager, CertificateSettings, CertificateStatus, LABEL},
    plan::{self, Bundles, Signed, Step, Trust, TrustedSince},
    state::Authorities,
};

/// Minimum time between writes of a `caBundle`, in case another client, such as a second installation of the same name,
/// keeps overwriting it.
const APART: Duration = Duration::from_secs(1);

/// Timeout of a turn: an API server that does not answer must not keep a replica from renewing its certificate.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Takes reconciler: at every event, and at every tick of the clock.
pub(super) struct Reconciler<'a> {
    manager: &'a CertificateManager,
    secret: &'a Followed<Secret>,
    configurations: &'a [WatchedConfiguration],
    /// The last good state. It survives an emptied Secret, because clients trust its authorities.
    last: Option<Authorities>,
    started: Instant,
    known: TrustedSince,
    signed: Option<Signed>,
    last_publish: Option<Instant>,
}

/// Why a turn did not complete.
enum Problem {
    /// Another replica must act first.
    Waiting(String),
    Failed(String),
}

impl From<AuthorityError> for Problem {
    fn from(error: AuthorityError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl<'a> Reconciler<'a> {
    pub(super) fn new(
        manager: &'a CertificateManager,
        secret: &'a Followed<Secret>,
        configurations: &'a [WatchedConfiguration],
    ) -> Self {
        Self {
            manager,
            secret,
            configurations,
            last: None,
            known: TrustedSince::default(),
            signed: None,
            last_publish: None,
            started: Instant::now(),
        }
    }

    pub(super) async fn run(&mut self, mut is_leader: watch::Receiver<bool>, changed: &Notify) {
        let identity = &self.manager.identity;
        loop {
            tokio::select! {
                () = changed.notified() => {}
                Ok(()) = is_leader.changed() => {}
                () = sleep(self.manager.settings.lifetimes.tick()) => {}
            }
            let leads = *is_leader.borrow_and_update();
            let result = timeout(TIMEOUT, self.reconcile(leads)).await.unwrap_or_else(|_| {
                Err(Problem::Failed("the API server did not answer in time".to_owned()))
            });
            match result {
                Ok(()) => identity.settle(),
                Err(Problem::Waiting(why)) => identity.wait(&why, SystemTime::now()),
                Err(Problem::Failed(why)) => identity.complain(&why, SystemTime::now()),
            }
        }
    }

    /// Checks everything once. The next turn retries failures.
    async fn reconcile(&mut self, leads: bool) -> Result<(), Problem> {
        let now = SystemTime::now();
        let secret = match self.our_secret() {
            Ok(secret) => secret,
            Err(problem) => {
                // Keep using the last good state, or the certificate would expire.
                if self.last.is_some() {
                    self.renew(now)?;
                }
                return Err(problem);
            }
        };
        match Authorities::read(&secret.data.clone().unwrap_or_default(), &self.service()) {
            Ok(Some(state)) => self.take_over(state, leads, &secret, now).await?,
            Ok(None) => self.restore(leads, &secret, "it was emptied").await?,
            Err(problem) => self.restore(leads, &secret, &problem).await?,
        }
        let renewed = self.renew(now);
        if leads {
            self.lead(now, &secret).await?;
        }
        renewed
    }

    /// Continues from the content of the Secret. If it lacks the authority that signed until now (after a restored
    /// backup), the leader adds that one: clients must trust the served certificates until replicas have renewed them.
    async fn take_over(
        &mut self,
        state: Authorities,
        leads: bool,
        secret: &Secret,
        now: SystemTime,
    ) -> Result<(), Problem> {
        let is_gone = |last: &&Authorities| !state.bundle().contains(last.current.certificate());
        match self.last.as_ref().filter(|last| leads && is_gone(last)) {
            Some(last) => {
                tracing::warn!(
                    "the Secret holds other authorities: those before stay trusted for a while"
                );
                let state = state.trusting(last, now);
                self.store(secret, &state).await?;
                self.last = Some(state);
            }
            None => self.last = Some(state),
        }
        Ok(())
    }

    fn our_secret(&self) -> Result<Secret, Problem> {
        let CertificateSettings { namespace, secret: name, .. } = &self.manager.settings;
        let name = format!("Secret {namespace}/{name}");
        let (key, value) = LABEL;
        let problem = match &*self.secret.seen() {
            Observed::Unknown(why) => {
                return Err(Problem::Waiting(format!("{name} is not known: {why}")));
            }
            Observed::Absent => {
                format!("{name} must be there, with the label {key}={value}: the chart has it")
            }
            Observed::Present(secret) => {
                let labels = secret.metadata.labels.as_ref();
                if labels.and_then(|all| all.get(key)).is_some_and(|is| is == value) {
                    return Ok(secret.clone());
                }
                format!(
                    "{name} must have the label {key}={value}: without it, it is not written to"
                )
            }
        };
        Err(Problem::Failed(problem))
    }

    /// Writes back the last good state, if the Secret contains something else.
    async fn restore(&self, leads: bool, secret: &Secret, problem: &str) -> Result<(), Problem> {
        match &self.last {
            Some(state) if leads => {
                tracing::warn!(
                    problem,
                    "the Secret of the authorities is written anew from memory"
                );
                self.store(secret, state).await
            }
            _ => Ok(()),
        }
    }

    /// The part that every replica does.
    fn renew(&mut self, now: SystemTime) -> Result<(), Problem> {
        let Some(state) = self.last.clone() else {
            return Err(Problem::Waiting("the leader has not made an authority yet".to_owned()));
        };
        let current = &state.current;
        let lifetimes = self.manager.settings.lifetimes;
        let is_trusted = self.is_trusted(current.certificate());
        let shown = self.signed.as_ref().map(|signed| signed.issuer.as_str());
        let trust = Trust {
            current: self.known.observe(current, is_trusted, self.started.elapsed()),
            issuer: shown.is_some_and(|issuer| self.is_trusted(issuer)),
        };
        if plan::is_due(self.signed.as_ref(), &state, trust, now, lifetimes) {
            let service = self.service();
            let leaf = current.sign(&[&service], now, lifetimes.leaf)?;
            let signed = Signed::new(current, leaf.validity, now, jitter());
            self.manager.identity.replace(leaf.chain, leaf.key).map_err(Problem::Failed)?;
            self.signed = Some(signed);
        }
        let issuer = self.signed.as_ref().map(|signed| signed.issuer.as_str());
        self.manager.set_status(CertificateStatus {
            ca_until: Some(current.validity().until),
            is_trusted: issuer.is_some_and(|issuer| self.is_trusted(issuer)),
        });
        if self.signed.is_none() {
            let why = "the webhook configurations do not trust the authority yet";
            return Err(Problem::Waiting(why.to_owned()));
        }
        Ok(())
    }

    /// The part that only the leader does.
    async fn lead(&mut self, now: SystemTime, secret: &Secret) -> Result<(), Problem> {
        let state = self.last.as_ref();
        let lifetimes = self.manager.settings.lifetimes;
        let trusted_for = self.known.trusted_for(self.started.elapsed());
        let step = plan::step(state, self.bundles(), trusted_for, now, lifetimes);
        if let (Step::Publish, Some(state)) = (step, state) {
            return publish(self.configurations, state, &mut self.last_publish).await;
        }
        match plan::after(step, state, &self.service(), now, lifetimes)? {
            Some(new) => {
                tracing::info!(?step, "certificate authorities");
                self.store(secret, &new).await
            }
            None => Ok(()),
        }
    }

    async fn store(&self, secret: &Secret, state: &Authorities) -> Result<(), Problem> {
        let secret = Secret { data: Some(state.write()), ..secret.clone() };
        match self.secret.replace(&secret).await {
            Ok(()) => Ok(()),
            // A conflict: the next event brings what the other replica wrote.
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
            Err(error) => {
                let (name, error) = (&self.manager.settings.secret, one_line(&error));
                Err(Problem::Failed(format!("cannot write Secret {name}: {error}")))
            }
        }
    }

    fn bundles(&self) -> Bundles {
        let Some(state) = &self.last else { return Bundles::Lacking };
        let all = self.configurations.iter().map(|configuration| configuration.compare(state));
        all.max().unwrap_or(Bundles::Exact)
    }

    fn is_trusted(&self, certificate: &str) -> bool {
        self.configurations.iter().all(|configuration| configuration.trusts(certificate))
    }

    fn service(&self) -> String {
        let CertificateSettings { service, namespace, .. } = &self.manager.settings;
        format!("{service}.{namespace}.svc")
    }
}

async fn publish(
    configurations: &[WatchedConfiguration],
    state: &Authorities,
    last: &mut Option<Instant>,
) -> Result<(), Problem> {
    if let Some(last) = last {
        sleep_until(*last + APART).await;
    }
    *last = Some(Instant::now());
    let mut result = Ok(());
    for configuration in configurations {
        if configuration.compare(state) == Bundles::Exact {
            continue;
        }
        let name = configuration.name();
        tracing::info!(name, "writing caBundle");
        if let Err(error) = configuration.publish(&state.bundle()).await {
            let problem = format!("cannot write caBundle of {name}: {}", one_line(&error));
            result = Err(Problem::Failed(problem));
        }
    }
    result
}

fn jitter() -> u8 {
    let mut byte = [0];
    // Without randomness TLS fails anyway; the jitter is optional.
    let _ = aws_lc_rs::default_provider().secure_random.fill(&mut byte);
    byte[0]
}

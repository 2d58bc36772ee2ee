//! The life of one pod, from its network to its deletion.

use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::launch::{Site, command};
use super::probes::{Probe, Verdict};
use super::replica::Replica;
use super::status::{State, now, status};
use super::volumes::Volumes;
use super::{Orders, Restarts};
use crate::support::{process::Process, services::DNS, user::User};

/// How often a pod is looked at.
const TICK: Duration = Duration::from_millis(20);

/// How soon a program that ended again is started again. A kubelet takes ten seconds and more.
const BACKOFF: Duration = Duration::from_secs(1);

/// How soon a change of a ConfigMap or Secret is in its volumes. A kubelet takes up to two minutes.
const REFRESH: Duration = Duration::from_secs(1);

pub(super) struct Life {
    user: User,
    replica: Arc<Replica>,
    orders: Arc<Orders>,
    volumes: Volumes,
    refreshed: Option<Instant>,
    started: Option<Instant>,
    readiness: Option<Probe>,
    liveness: Option<Probe>,
    startup: Option<Probe>,
    state: State,
    /// What the API server was told last.
    reported: Option<(String, State, u32)>,
}

impl Life {
    pub(super) fn new(user: User, replica: Arc<Replica>, orders: Arc<Orders>) -> Self {
        let volumes = Volumes::new(replica.folder.join("volumes"));
        Self {
            user,
            replica,
            orders,
            volumes,
            refreshed: None,
            started: None,
            readiness: None,
            liveness: None,
            startup: None,
            state: State::Waiting("starting".to_owned()),
            reported: None,
        }
    }

    /// Lives until the pod is deleted.
    pub(super) async fn live(mut self) {
        while !self.replica.is_terminating() {
            self.refresh().await;
            match self.ended() {
                None if self.is_running() => self.probe().await,
                None => self.start().await,
                Some(status) => self.after(status).await,
            }
            self.report().await;
            sleep(TICK).await;
        }
        self.end().await;
    }

    fn is_running(&self) -> bool {
        self.replica.is_running()
    }

    fn pod(&self) -> &Value {
        &self.replica.pod
    }

    async fn refresh(&mut self) {
        if self.refreshed.is_some_and(|at| at.elapsed() < REFRESH) {
            return;
        }
        let replica = Arc::clone(&self.replica);
        match self.volumes.refresh(&self.user, &replica.pod).await {
            Ok(()) => self.refreshed = Some(Instant::now()),
            // What was there stays, and the next look tries again.
            Err(why) if self.refreshed.is_none() => self.state = State::Waiting(why),
            Err(_) => {}
        }
    }

    /// Starts the program, once all that it needs is there.
    async fn start(&mut self) {
        if self.refreshed.is_none() {
            return;
        }
        let path = format!("/api/v1/namespaces/{}/services", self.namespace());
        let Ok(services) = self.user.try_get(&path).await else {
            return;
        };
        let services = services.body["items"].as_array().cloned().unwrap_or_default();
        let network = self.replica.network.file();
        let folder: &Path = &self.replica.folder;
        let site = Site { network: &network, folder, services: &services, dns: DNS };
        let command = command(self.pod(), &self.volumes, &site);
        let process = Process::start(&command, &self.replica.log_file());
        *self.replica.process.lock().unwrap() = Some(process);
        self.replica.running.store(true, Ordering::SeqCst);
        let container = &self.replica.pod["spec"]["containers"][0];
        self.startup = Probe::read(container, "startupProbe");
        self.readiness = Probe::read(container, "readinessProbe");
        self.liveness = Probe::read(container, "livenessProbe");
        self.started = Some(Instant::now());
        self.state = State::Running { since: now(), ready: self.readiness.is_none() };
    }

    /// How the program ended, if it has been started and runs no more.
    fn ended(&self) -> Option<ExitStatus> {
        self.replica.process.lock().unwrap().as_mut()?.ended()
    }

    async fn probe(&mut self) {
        let address = self.replica.address();
        if let Some(startup) = &mut self.startup
            && startup.verdict != Some(Verdict::Good)
        {
            startup.ask(address).await;
            if startup.verdict == Some(Verdict::Bad) {
                self.replica.kill9();
            }
            return;
        }
        if let Some(liveness) = &mut self.liveness {
            liveness.ask(address).await;
            if liveness.verdict == Some(Verdict::Bad) {
                self.replica.kill9();
            }
        }
        if let Some(readiness) = &mut self.readiness {
            readiness.ask(address).await;
            self.set_ready();
        }
    }

    fn set_ready(&mut self) {
        let is_good = |probe: &Probe| probe.verdict == Some(Verdict::Good);
        if let State::Running { ready, .. } = &mut self.state {
            *ready = self.readiness.as_ref().is_none_or(is_good);
        }
    }

    /// Starts the program again, where the pod wants that.
    async fn after(&mut self, status: ExitStatus) {
        self.replica.running.store(false, Ordering::SeqCst);
        self.state = State::Ended(status);
        if self.phase() != "Running" || self.orders.restarts() == Restarts::Held {
            return;
        }
        let is_first = self.replica.restarts() == 0;
        if is_first || self.started.is_none_or(|at| at.elapsed() > BACKOFF) {
            // The end is seen by others before the next start.
            self.report().await;
            self.replica.restarts.fetch_add(1, Ordering::SeqCst);
            self.start().await;
        }
    }

    fn phase(&self) -> &'static str {
        let policy = self.pod()["spec"]["restartPolicy"].as_str().unwrap_or("Always");
        match &self.state {
            State::Waiting(_) => "Pending",
            State::Running { .. } => "Running",
            State::Ended(status) => match (policy, status.success()) {
                ("Always", _) | ("OnFailure", false) => "Running",
                (_, true) => "Succeeded",
                (_, false) => "Failed",
            },
        }
    }

    /// Tells the API server what it does not know. Where it is away, the next look tries again.
    async fn report(&mut self) {
        let now = (self.phase().to_owned(), self.state.clone(), self.replica.restarts());
        let is_ready = matches!(self.state, State::Running { ready: true, .. });
        self.replica.ready.store(is_ready, Ordering::SeqCst);
        if self.reported.as_ref() == Some(&now) {
            return;
        }
        let status = status(&self.replica, &now.0, &now.1);
        let path = format!("{}/status", self.path());
        let content = Some(("application/merge-patch+json", &status));
        let answer = self.user.try_ask(Method::PATCH, &path, content).await;
        if answer.is_ok_and(|answer| answer.code == 200) {
            self.reported = Some(now);
        }
    }

    /// Ends the program as gently as the pod says, and lets the API server forget the pod.
    async fn end(&mut self) {
        let grace = self.replica.deletion.lock().unwrap().unwrap_or_default();
        let deadline = Instant::now() + Duration::from_secs(grace);
        let hook = &self.pod()["spec"]["containers"][0]["lifecycle"]["preStop"];
        if let Some(seconds) = hook["sleep"]["seconds"].as_u64() {
            sleep(Duration::from_secs(seconds.min(grace))).await;
        }
        if self.is_running() && self.ended().is_none() {
            self.replica.terminate();
        }
        while self.is_running() && self.ended().is_none() {
            if Instant::now() >= deadline {
                self.replica.kill9();
            }
            // Endpoints that are ending still tell whether they serve.
            self.probe().await;
            self.report().await;
            sleep(TICK).await;
        }
        self.replica.running.store(false, Ordering::SeqCst);
        self.replica.ready.store(false, Ordering::SeqCst);
        let options = json!({
            "gracePeriodSeconds": 0,
            "preconditions": {"uid": self.pod()["metadata"]["uid"]},
        });
        let content = Some(("application/json", &options));
        let path = self.path();
        while self.user.try_ask(Method::DELETE, &path, content).await.is_err() {
            sleep(TICK).await;
        }
    }

    fn namespace(&self) -> &str {
        self.pod()["metadata"]["namespace"].as_str().unwrap()
    }

    fn path(&self) -> String {
        format!("/api/v1/namespaces/{}/pods/{}", self.namespace(), self.replica.name())
    }
}

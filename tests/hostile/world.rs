//! The complete path of a review without the network: decode, decide, respond, record.

use std::{
    collections::BTreeMap,
    io,
    path::Path,
    time::{Duration, SystemTime},
};

use admission::{Hook, Request, Review, Unlisted};
use http::HeaderMap;
use policy::{
    config::{Config, Mode},
    exceptions::{Allowed, Exception, Exceptions, Match, Namespaces, Relaxation},
    pss::NEWEST,
    verdict::{Context, ExceptionsAt},
};
use portcullis::{
    config,
    events::Events,
    telemetry::{self, Decision, Metrics, Traces},
};
use tokio::runtime::Runtime;

pub(crate) const CONFIG: &str = include_str!("config.yaml");

/// Everything enabled.
pub(crate) struct World {
    config: Config,
    exceptions: Exceptions,
    metrics: Metrics,
    traces: Traces,
    events: Events,
    _runtime: Runtime,
}

/// The circumstances of a review.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) hook: Hook,
    pub(crate) mode: Mode,
    /// Labels of the namespace.
    pub(crate) labels: &'static [(&'static str, &'static str)],
}

const ENFORCE: &str = "pod-security.kubernetes.io/enforce";
const VERSION: &str = "pod-security.kubernetes.io/enforce-version";
const AUDIT: &str = "pod-security.kubernetes.io/audit";
const WARN: &str = "pod-security.kubernetes.io/warn";
const PROFILE: &str = "portcullis.dev/profile";

/// By level, by versions that read other fields, and by profile, in every mode.
const LABELS: [&[(&str, &str)]; 5] = [
    &[(ENFORCE, "restricted"), (AUDIT, "restricted"), (WARN, "baseline")],
    &[(ENFORCE, "baseline"), (VERSION, "v1.18"), (AUDIT, "restricted"), (WARN, "restricted")],
    &[(ENFORCE, "privileged"), (AUDIT, "restricted"), (WARN, "restricted")],
    &[(PROFILE, "agent"), (AUDIT, "restricted"), (WARN, "restricted")],
    &[(ENFORCE, "nonsense"), (VERSION, "v1.8")],
];

pub(crate) fn asks() -> Vec<Asked> {
    let hooks = [Hook::Validate, Hook::Mutate].into_iter();
    let modes = |hook| [Mode::Enforce, Mode::DryRun].into_iter().map(move |mode| (hook, mode));
    let asked = |(hook, mode)| LABELS.into_iter().map(move |labels| Asked { hook, mode, labels });
    hooks.flat_map(modes).flat_map(asked).collect()
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(CONFIG)
    }

    /// With every rule in mode enforce.
    pub(crate) fn enforcing() -> Self {
        Self::with(&CONFIG.replace(": warn", ": enforce").replace(": audit", ": enforce"))
    }

    fn with(config: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let metrics = Metrics::new(10).unwrap();
        // Nothing listens there, so traces are dropped.
        let away = "http://127.0.0.1:9/v1/traces".parse().unwrap();
        let traces = Traces::to(&away, None, runtime.handle().clone()).unwrap();
        let _entered = runtime.enter();
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let client =
            kube::Client::try_from(kube::Config::new("http://127.0.0.1:9".parse().unwrap()));
        let (events, _) =
            Events::new(client.unwrap(), "test".to_owned(), metrics.events().unwrap());
        drop(_entered);
        Self {
            config: config::parse(config, Path::new("config.yaml")).unwrap(),
            exceptions: exceptions(),
            metrics,
            traces,
            events,
            _runtime: runtime,
        }
    }

    /// Judges a body. Returns the response, which may be empty.
    pub(crate) fn review(&self, body: &[u8], asked: Asked) -> Vec<u8> {
        let Ok(request) = Request::decode(body, policy::workloads::Kinds::default()) else {
            return Vec::new();
        };
        let config = Config { mode: asked.mode, ..self.config.clone() };
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let excepted = ExceptionsAt { exceptions: Some(&self.exceptions), now };
        let context = Context { config: &config, newest: NEWEST, excepted };
        let labels =
            asked.labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let labels: BTreeMap<_, _> = labels.collect();
        let outcome = match admission::review(asked.hook, &request, context) {
            Review::Decided(outcome) => outcome,
            Review::AwaitsPolicy(review) => review.with(Ok(&labels)),
            Review::AwaitsPods(review) => {
                let none = review.scan().finish(Unlisted::Known(0));
                review.with(none)
            }
        };
        let answer = admission::answer(&outcome, &request, asked.mode);
        let response = admission::respond(&answer, &request.uid);
        let decision = Decision {
            hook: asked.hook,
            request: &request,
            outcome: &outcome,
            answer: &answer,
            context,
            took: Duration::from_micros(100),
        };
        telemetry::record(&self.metrics, &decision);
        self.traces.record(&decision, &HeaderMap::new());
        self.events.queue(&request, &outcome, &answer);
        response
    }
}

/// For all pods, for one image, and an expired one; each allows some values and lifts some requirements.
fn exceptions() -> Exceptions {
    let mut allow = Relaxation::default();
    for allowed in [
        Allowed::Capability("SYS_ADMIN"),
        Allowed::HostPorts("8080"),
        Allowed::Sysctl("kernel.msgmax"),
        Allowed::VolumeType("iscsi"),
        Allowed::Control("runAsNonRoot"),
        Allowed::Control("rules/imageTag"),
        Allowed::Control("rules/resources"),
    ] {
        allow.add(allowed).unwrap();
    }
    let exception = |name: &str, images: &[&str], expires: Option<u64>| {
        let mut namespaces = Namespaces::default();
        namespaces.add("*").unwrap();
        let images = images.iter().map(|image| image.parse().unwrap()).collect();
        Exception {
            name: format!("security/{name}"),
            matches: Match { namespaces, images, ..Match::default() },
            allow: allow.clone(),
            reason: "tried".to_owned(),
            owner: "team".to_owned(),
            expires: expires.map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)),
        }
    };
    [
        exception("image", &["agent:*", "registry.example/*"], Some(2000)),
        exception("over", &[], Some(500)),
    ]
    .into_iter()
    .collect()
}

/// Logs at debug to nowhere.
pub(crate) fn logged<T>(then: impl FnOnce() -> T) -> T {
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(io::sink);
    tracing::subscriber::with_default(subscriber.finish(), then)
}

/// Users: one that is trusted as a controller, and one that is not.
pub(crate) fn users() -> [&'static str; 2] {
    ["system:serviceaccount:kube-system:replicaset-controller", "alice"]
}

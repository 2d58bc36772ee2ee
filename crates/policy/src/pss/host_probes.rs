//! `hostProbesAndHostLifecycle` (baseline, since v1.34): the kubelet is not made to call other hosts.
//!
//! Fields, of every container: `{livenessProbe,readinessProbe,startupProbe}.{httpGet,tcpSocket}.host` and
//! `lifecycle.{postStart,preStop}.{httpGet,tcpSocket}.host`.
//! Allowed: unset, empty.

use super::{
    container::{Container, Handler},
    control::{Control, Revision},
    findings::Findings,
    level::{Level, Minor},
    pod::Pod,
    violation::Finding,
};

pub(super) static HOST_PROBES_AND_HOST_LIFECYCLE: Control = Control {
    id: "hostProbesAndHostLifecycle",
    level: Level::Baseline,
    reason: "probe or lifecycle handler names a host",
    overrides: None,
    revisions: &[Revision { since: Minor(34), check }],
};

fn check(pod: &Pod<'_>, found: &mut Findings) {
    found.extend(pod.containers().flat_map(|(place, container)| {
        hosts(container).map(move |(handler, action)| {
            let path = format!("{handler}.{action}.host");
            let fix = format!("remove {path}");
            Finding::new(place, path, fix)
        })
    }));
}

/// The handlers of a container that name a host, and how they would call it.
fn hosts(container: &Container<'_>) -> impl Iterator<Item = (&'static str, &'static str)> {
    let lifecycle = container.lifecycle.as_ref();
    let handlers: [(_, Option<&Handler>); 5] = [
        ("livenessProbe", container.liveness_probe.as_ref()),
        ("readinessProbe", container.readiness_probe.as_ref()),
        ("startupProbe", container.startup_probe.as_ref()),
        ("lifecycle.postStart", lifecycle.and_then(|hooks| hooks.post_start.as_ref())),
        ("lifecycle.preStop", lifecycle.and_then(|hooks| hooks.pre_stop.as_ref())),
    ];
    handlers.into_iter().flat_map(|(name, handler)| {
        let (http, tcp) = handler.map_or((None, None), |handler| {
            (handler.http_get.as_ref(), handler.tcp_socket.as_ref())
        });
        [("httpGet", http), ("tcpSocket", tcp)]
            .into_iter()
            .filter(|(_, target)| target.is_some_and(|target| target.is_named))
            .map(move |(action, _)| (name, action))
    })
}

//! The status of a pod, as a kubelet reports it.

use std::process::ExitStatus;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::replica::Replica;

/// How a container fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// For want of what is said.
    Waiting(String),
    Running {
        since: String,
        ready: bool,
    },
    Ended(ExitStatus),
}

/// Now, as the API writes it.
pub(super) fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// What to merge into the pod; `phase` is final where it is not Pending or Running.
pub(super) fn status(replica: &Replica, phase: &str, state: &State) -> Value {
    let ready = matches!(state, State::Running { ready: true, .. });
    let condition = |kind: &str, holds: bool| {
        let status = if holds { "True" } else { "False" };
        json!({"type": kind, "status": status, "lastTransitionTime": now()})
    };
    let container = &replica.pod["spec"]["containers"][0];
    let described = match state {
        State::Waiting(message) => {
            json!({"waiting": {"reason": "ContainerCreating", "message": message}})
        }
        State::Running { since, .. } => json!({"running": {"startedAt": since}}),
        State::Ended(status) => json!({"terminated": {
            "exitCode": status.code().unwrap_or(255), "reason": if status.success() { "Completed" } else { "Error" },
        }}),
    };
    let address = replica.address().to_string();
    json!({"status": {
        "phase": phase,
        "hostIP": address,
        "podIP": address,
        "podIPs": [{"ip": address}],
        "startTime": replica.pod["metadata"]["creationTimestamp"],
        "conditions": [
            condition("PodScheduled", true),
            condition("Initialized", true),
            condition("ContainersReady", ready),
            condition("Ready", ready),
        ],
        "containerStatuses": [{
            "name": container["name"],
            "image": container["image"],
            "imageID": "tests",
            "containerID": format!("tests://{}", replica.name()),
            "restartCount": replica.restarts(),
            "ready": ready,
            "started": matches!(state, State::Running { .. }),
            "state": described,
        }],
    }})
}

//! A slow API server: each response may take minutes.

use std::time::Duration;

use serde_json::{Value, json};

use crate::reach::{program::audit, world::World};

#[test]
fn an_audit_waits_for_a_slow_api_server() {
    let world = World::new("slow");
    let kubeconfig = world.kubeconfig(&json!({}), &json!({}));
    world.api.slow_down(Duration::from_millis(700));

    let outcome = audit(&kubeconfig, &[]);

    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    let report: Value = serde_json::from_str(&outcome.out).unwrap();
    assert_eq!(report["namespaces"], json!([]));
    assert_eq!(report["summary"]["unreadable"], 0);
    let asked: Vec<_> = world.api.seen().into_iter().map(|seen| seen.path).collect();
    let lists = asked.iter().filter(|path| path.as_str() == "/api/v1/pods").count();
    assert_eq!(lists, 1, "each list is asked for once: {asked:?}");
}

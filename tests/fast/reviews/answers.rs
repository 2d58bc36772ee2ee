//! Complete responses. `cargo insta review` shows the effect of a change.

use admission::Hook;
use base64::Engine as _;
use policy::config::Config;
use serde_json::Value;

use crate::reviews::ask::Server;

/// The response to a review in this folder, with its decoded patch.
fn answer(hook: Hook, review: &str) -> Value {
    let mut response = Server::new(Config::standalone()).ask(hook, review.to_owned()).response();
    if let Some(patch) = response["patch"].as_str() {
        let patch = base64::engine::general_purpose::STANDARD.decode(patch).unwrap();
        response["patch"] = serde_json::from_slice(&patch).unwrap();
    }
    response
}

macro_rules! answers {
    ($($name:ident: $hook:ident $file:literal,)*) => {$(
        #[test]
        fn $name() {
            insta::assert_json_snapshot!(answer(Hook::$hook, include_str!($file)));
        }
    )*};
}

answers! {
    a_denied_pod: Validate "../../../src/cli/serve/samples/denied.json",
    a_pod_as_it_is_hardened: Mutate "../../../src/cli/serve/samples/hardened.json",
    a_pod_that_was_not_hardened: Validate "../../../src/cli/serve/samples/hardened.json",
    a_privileged_agent: Validate "../../reviews/agent.json",
    a_deployment_that_will_be_hardened: Validate "../../reviews/deployment.json",
    a_cron_job_whose_pods_will_be_rejected: Validate "../../reviews/cronjob.json",
    a_debug_container: Validate "../../reviews/debug.json",
    a_debug_container_as_it_is_hardened: Mutate "../../reviews/debug.json",
    a_namespace_with_a_bad_label: Validate "../../reviews/namespace.json",
}

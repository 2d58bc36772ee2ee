//! The chart on a real node: the kubelet starts our image in pods under the level that they enforce, and the effects of
//! our verdicts are visible on the node.

// clippy.toml's exceptions for tests apply to all of it.
#![cfg(test)]

#[path = "../support/mod.rs"]
mod support;

mod image;
mod release;
mod rights;
mod setup;
mod upgrade;
mod workloads;

use setup::{NodeSetup, PROGRAMS};
use support::namespaces::{build_all, in_namespaces_after};
use support::node::cgroup::Cgroup;
use support::node::parts::Parts;

/// The life of a release in one test, because each step needs the previous ones.
#[test]
fn the_chart_runs_on_a_node() {
    in_namespaces_after(
        || {
            build_all(PROGRAMS)?;
            Parts::fetch()?;
            image::prepare();
            Cgroup::make()
        },
        async || {
            let setup = NodeSetup::start().await;
            release::is_installed_and_runs_restricted(&setup).await;
            workloads::a_deployment_is_denied_and_then_hardened(&setup).await;
            workloads::an_image_that_runs_as_root_is_warned_about_and_refused(&setup).await;
            release::is_tested(&setup);
            release::refuses_a_bad_configuration(&setup).await;
            upgrade::upgrades_cause_no_failed_requests(&setup).await;
            release::is_uninstalled_and_pods_start(&setup).await;
        },
    );
}

//! CAs are rotated, and clients always trust the certificates of all replicas.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::installation::{Installation, MUTATING, VALIDATING};

/// CAs sign for 8 s and certificates last 5 s, instead of months.
const FAST: [&str; 6] = ["--ca-lifetime", "24s", "--leaf-lifetime", "5s", "--ca-publish", "3s"];

/// `just faults` sets it for the long form.
fn rotations() -> usize {
    std::env::var("PORTCULLIS_ROTATIONS").map_or(2, |text| text.parse().unwrap())
}

/// Clients read the caBundle up to a second late, as API servers do.
#[tokio::test]
async fn no_client_ever_meets_an_authority_that_it_does_not_trust() {
    let Ok(installation) = Installation::new().await else { return };
    let mut replicas = [installation.launch(&FAST), installation.launch(&FAST)];
    for replica in &mut replicas {
        replica.wait_ready().await;
    }

    let mut authorities = vec![installation.stored("current.crt").await];
    let mut leaves = std::collections::BTreeSet::new();
    let (mut dials, mut failures) = (0_u32, Vec::new());
    while authorities.len() <= rotations() {
        let mut trusted = installation.bundles(VALIDATING).await;
        trusted.extend(installation.bundles(MUTATING).await);
        let read = Instant::now();
        while read.elapsed() < Duration::from_secs(1) {
            for replica in &replicas {
                for bundle in &trusted {
                    dials += 1;
                    match replica.dial(bundle).await {
                        Ok(leaf) => drop(leaves.insert(leaf)),
                        Err(error) => failures.push(error.to_string()),
                    }
                }
            }
            sleep(Duration::from_millis(20)).await;
        }
        let current = installation.stored("current.crt").await;
        if !authorities.contains(&current) {
            authorities.push(current);
        }
    }

    eprintln!(
        "{} authorities, {} leaves, {dials} handshakes, {} failures",
        authorities.len(),
        leaves.len(),
        failures.len()
    );
    assert_eq!(failures, [""; 0], "of {dials}");
    assert!(leaves.len() > 2 * rotations(), "{}", leaves.len());
}

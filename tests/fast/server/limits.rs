//! The division of the process' memory, and the relations between deadlines.

use std::time::Duration;

use portcullis::server::{BodyLimits, Limits, Memory};

const MIB: usize = 1 << 20;

#[test]
fn memory_is_shared_out() {
    for (memory, budget, reserve, largest, connections) in [
        (32, 12 * MIB, 3 * MIB / 2, 8 * MIB, (128, 64)),
        (64, 24 * MIB, 3 * MIB, 16 * MIB, (256, 128)),
        (128, 48 * MIB, 6 * MIB, 32 * MIB, (512, 256)),
        (256, 96 * MIB, 8 * MIB, 40 * MIB, (1024, 512)),
        (4096, 96 * MIB, 8 * MIB, 40 * MIB, (1024, 512)),
    ] {
        let bytes = memory * MIB;
        let memory = Memory::new(bytes).unwrap();
        let bodies = memory.bodies();
        assert_eq!((bodies.budget, bodies.reserve), (budget, reserve), "{memory:?}");
        assert_eq!(bodies.largest, largest, "{memory:?}");
        assert!(bodies.largest <= bodies.budget - bodies.reserve, "one always fits");
        assert!(bodies.small <= bodies.reserve, "the reserve has room for a small one");
        assert!(2 * bodies.page < bodies.budget - bodies.reserve, "pages leave room for bodies");
        assert!(bodies.page >= 3 * MIB, "the largest pod fits");
        assert_eq!(memory.connections(), connections, "{memory:?}");
        let shares = bodies.budget + bodies.largest / 4 * 5 + connections.0 * (64 << 10);
        assert!(shares + 2 * MIB <= bytes, "{memory:?}: {shares}");
    }
    assert_eq!(Memory::new(32 * MIB - 1), None);
}

#[test]
fn threads_are_no_more_than_processors_or_memory_allow() {
    let threads =
        |memory: usize, processors| Memory::new(memory * MIB).unwrap().threads(processors);
    assert_eq!([threads(32, 1), threads(64, 64), threads(1024, 8)], [1, 4, 8]);
}

#[test]
fn the_api_server_closes_idle_connections_before_we_do() {
    let limits = Limits::default();
    let api_server = Duration::from_secs(90);
    assert!(limits.idle > api_server);
    assert!(limits.idle_in_drain > api_server);
    assert!(limits.drain_at_most > limits.idle_in_drain + limits.tick());
}

#[test]
fn the_tick_follows_the_shortest_deadline() {
    let mut limits = Limits::default();
    assert_eq!(limits.tick(), Duration::from_secs(1));
    limits.head = Duration::from_millis(80);
    assert_eq!(limits.tick(), Duration::from_millis(20));
}

#[test]
fn two_largest_bodies_fit_besides_the_reserve() {
    let limits = BodyLimits::default();
    assert!(2 * limits.largest <= limits.budget - limits.reserve);
}

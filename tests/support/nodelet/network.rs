//! The network of a pod: a namespace with one address, and a route to the test's own.

use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::namespaces::ROUTER;

const ATTACH: &str = r#"
set -e
ip netns add "$1"
ip link add "$1" type veth peer name eth0 netns "$1"
ip link set "$1" up
ip route add "$2" dev "$1" src "$3"
ip -n "$1" link set lo up
ip -n "$1" link set eth0 up
ip -n "$1" addr add "$2/32" dev eth0
ip -n "$1" route add "$3" dev eth0
ip -n "$1" route add default via "$3"
"#;

/// A pod's network. Dropping it takes it away.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) address: Ipv4Addr,
    name: String,
}

impl Network {
    /// Makes one with an address that no other pod of this test had.
    pub(super) fn attach() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let [_, _, high, low] = (count + 1).to_be_bytes();
        let network =
            Self { address: Ipv4Addr::new(10, 99, high, low), name: format!("pod{count}") };
        let address = network.address.to_string();
        let script = ["-c", ATTACH, "attach", &network.name, &address, ROUTER];
        let output = Command::new("sh").args(script).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        network
    }

    /// The file that stands for the namespace.
    pub(super) fn file(&self) -> String {
        format!("/run/netns/{}", self.name)
    }

    /// Cuts the pod off, or connects it again: packets are lost, nobody is told.
    pub(super) fn set(&self, link: Link) {
        let state = match link {
            Link::Cut => "down",
            Link::Whole => "up",
        };
        let set = Command::new("ip").args(["link", "set", &self.name, state]).status().unwrap();
        assert!(set.success(), "ip link set {} {state}", self.name);
        if link == Link::Whole {
            // It went with the link.
            let route = [&self.address.to_string(), "dev", &self.name, "src", ROUTER];
            let set = Command::new("ip").args(["route", "replace"]).args(route).status().unwrap();
            assert!(set.success(), "ip route replace {route:?}");
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // At the end of the test it goes with everything.
        let _ = Command::new("ip").args(["link", "del", &self.name]).status();
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

/// Whether a pod's packets pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    Whole,
    Cut,
}

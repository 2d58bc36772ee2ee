//! A queue for work with limited concurrency, fair between peers.
//!
//! The address of a peer has one place in the queue, however many connections it opens: many requests from one address
//! delay another address by one turn for each of its own turns.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The address that a request came from, which the server adds to the request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Peer(pub IpAddr);

impl Default for Peer {
    /// For requests that did not arrive over a network.
    fn default() -> Self {
        Self(Ipv4Addr::UNSPECIFIED.into())
    }
}

/// Limits the turns of all peers together, and each peer to one at a time.
#[derive(Debug)]
pub(crate) struct FairQueue {
    all: Arc<Semaphore>,
    by_peer: Mutex<HashMap<Peer, Weak<Semaphore>>>,
}

/// A turn, which ends on drop.
#[derive(Debug)]
pub(crate) struct Turn {
    _all: OwnedSemaphorePermit,
    _own: OwnedSemaphorePermit,
}

impl FairQueue {
    pub(crate) fn new(at_once: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(at_once)), by_peer: Mutex::default() }
    }

    /// Waits for a turn. Never returns `None`, because the semaphores are never closed.
    pub(crate) async fn turn(&self, peer: Peer) -> Option<Turn> {
        let own = self.queue(peer).acquire_owned().await.ok()?;
        let all = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Turn { _all: all, _own: own })
    }

    /// The queue of one peer. It is removed when no request waits in it or has a turn.
    fn queue(&self, peer: Peer) -> Arc<Semaphore> {
        let mut queues = self.by_peer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = queues.get(&peer).and_then(Weak::upgrade) {
            return queue;
        }
        queues.retain(|_, queue| queue.strong_count() > 0);
        let queue = Arc::new(Semaphore::new(1));
        queues.insert(peer, Arc::downgrade(&queue));
        queue
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use futures::{FutureExt, future::poll_immediate};

    use super::*;

    type Waiting<'t> = Pin<Box<dyn Future<Output = Option<Turn>> + 't>>;

    fn peer(last: u8) -> Peer {
        Peer(Ipv4Addr::new(10, 0, 0, last).into())
    }

    async fn ready(waiting: &mut Waiting<'_>) -> Option<Turn> {
        poll_immediate(waiting).await.flatten()
    }

    #[tokio::test]
    async fn a_crowd_behind_one_address_delays_another_by_one_turn() {
        let queue = FairQueue::new(1);
        let first = queue.turn(peer(1)).await.unwrap();
        let mut crowd: Vec<Waiting<'_>> =
            (0..100).map(|_| queue.turn(peer(1)).boxed_local()).collect();
        for one in &mut crowd {
            assert!(ready(one).await.is_none());
        }
        let mut honest: Waiting<'_> = queue.turn(peer(2)).boxed_local();
        assert!(ready(&mut honest).await.is_none(), "one turn for all");
        drop(first);
        // The next request of the crowd was not in the common queue while its peer had a turn.
        let turn = ready(&mut honest).await.expect("the next turn is the other peer's");
        assert!(ready(&mut crowd[0]).await.is_none());
        drop(turn);
        assert!(ready(&mut crowd[0]).await.is_some());
    }

    #[tokio::test]
    async fn one_peer_has_one_turn_and_others_the_rest() {
        let queue = FairQueue::new(2);
        let _first = queue.turn(peer(1)).await.unwrap();
        assert!(poll_immediate(queue.turn(peer(1))).await.is_none());
        assert!(poll_immediate(queue.turn(peer(2))).await.is_some());
    }

    #[tokio::test]
    async fn peers_are_forgotten() {
        let queue = FairQueue::new(1);
        for last in 0..=255 {
            drop(queue.turn(peer(last)).await);
        }
        assert_eq!(queue.by_peer.lock().unwrap().len(), 1, "the last, until the next one comes");
    }
}

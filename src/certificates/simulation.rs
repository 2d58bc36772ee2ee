//! A simulated cluster under random events: replicas with clocks of their own, one Secret, two webhook configurations,
//! and API servers that see changes late.

use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::{
    plan::{self, Bundles, Lifetimes, Signed, Trust, TrustedSince},
    state::Authorities,
};

const NAME: &str = "portcullis.security.svc";
/// Time between the turns of all replicas, unless stated otherwise.
const TICK: Duration = Duration::from_secs(12_500);
/// An API server applies a changed `caBundle` after this many ticks.
const LAG: usize = 2;
const REPLICAS: usize = 3;
/// Ticks after an event until its consequences are over.
const CALM: usize = 10;

/// A certificate lives 40 ticks, an authority 192, and an authority counts as known after 4.
fn lifetimes() -> Lifetimes {
    let seconds = Duration::from_secs;
    Lifetimes::new(seconds(2_400_000), seconds(500_000), seconds(50_000)).unwrap()
}

/// `just faults` runs more cases.
fn cases() -> u32 {
    let is_full = std::env::var("PORTCULLIS_FAULTS").is_ok_and(|value| value == "full");
    if is_full { 200 } else { 8 }
}

#[derive(Clone, Debug)]
enum Event {
    Ticks(usize),
    /// The whole cluster is suspended for this many ticks.
    Suspend(u32),
    Lead(usize),
    Restart(usize),
    EmptySecret,
    /// The Secret is restored to its state before this many events.
    Backup(usize),
    /// A replica's clock is off by this many seconds for some ticks.
    Clock(usize, i64, usize),
    /// Another client writes its own `caBundle`.
    Overwrite(usize, &'static str),
}

/// Events that clients must not notice.
fn harmless() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (1..80_usize).prop_map(Event::Ticks),
        1 => (1..400_u32).prop_map(Event::Suspend),
        1 => (0..REPLICAS).prop_map(Event::Lead),
        1 => (0..REPLICAS).prop_map(Event::Restart),
        1 => Just(Event::EmptySecret),
        1 => (0..10_usize).prop_map(Event::Backup),
        2 => (0..REPLICAS, -5_000_000..5_000_000_i64, 1..5_usize)
            .prop_map(|(replica, off, ticks)| Event::Clock(replica, off, ticks)),
    ]
}

fn any_event() -> impl Strategy<Value = Event> {
    let bundle = prop_oneof![Just(""), Just("\n"), Just("rubbish")];
    prop_oneof![
        3 => harmless(),
        1 => (0..2_usize, bundle).prop_map(|(which, text)| Event::Overwrite(which, text)),
    ]
}

#[derive(Default)]
struct Replica {
    /// Seconds that the clock is ahead.
    off: i64,
    /// The clock was wrong recently, so the served certificate is not checked.
    is_astray: bool,
    last: Option<Authorities>,
    known: TrustedSince,
    signed: Option<Signed>,
}

struct World {
    now: SystemTime,
    /// Excludes suspended time.
    uptime: Duration,
    secret: Option<Authorities>,
    backups: Vec<Authorities>,
    /// The bundles of the two configurations at each tick, the current ones last.
    bundles: Vec<[String; 2]>,
    replicas: Vec<Replica>,
    leader: usize,
    /// Whether to check trust at each tick, while clients must not notice anything.
    checks: bool,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            now: SystemTime::now(),
            uptime: Duration::ZERO,
            secret: None,
            backups: Vec::new(),
            bundles: vec![Default::default()],
            replicas: (0..REPLICAS).map(|_| Replica::default()).collect(),
            leader: 0,
            checks: false,
        };
        // No replica serves before it is ready, which requires a certificate; the webhooks need not be callable before
        // the first bundle has spread.
        world.ticks(LAG + 1);
        world
    }

    fn bundle(&mut self) -> &mut [String; 2] {
        self.bundles.last_mut().unwrap()
    }

    fn ticks(&mut self, ticks: usize) {
        for _ in 0..ticks {
            self.now += TICK;
            self.uptime += TICK;
            let bundles = self.bundle().clone();
            self.bundles.push(bundles);
            // All replicas see each change at once, which leads to further changes.
            for _ in 0..8 {
                for index in 0..REPLICAS {
                    self.reconcile(index);
                }
            }
            if self.checks {
                self.check_trust();
            }
        }
    }

    fn happen(&mut self, event: &Event) {
        self.backups.extend(self.secret.clone());
        match *event {
            Event::Ticks(ticks) => self.ticks(ticks),
            Event::Suspend(ticks) => {
                self.now += TICK * ticks;
                // Certificates that lapsed during the suspension are renewed first, so service resumes a little later.
                let checks = std::mem::take(&mut self.checks);
                self.ticks(CALM);
                self.checks = checks;
            }
            Event::Lead(index) => self.leader = index,
            Event::Restart(index) => {
                self.ticks(CALM);
                let off = self.replicas[index].off;
                self.replicas[index] = Replica { off, ..Replica::default() };
            }
            Event::EmptySecret => self.secret = None,
            Event::Backup(age) => self.secret = self.backups.iter().rev().nth(age).cloned(),
            Event::Clock(index, off, ticks) => {
                (self.replicas[index].off, self.replicas[index].is_astray) = (off, true);
                self.ticks(ticks);
                self.replicas[index].off = 0;
                self.ticks(LAG + 2);
                self.replicas[index].is_astray = false;
            }
            Event::Overwrite(which, text) => text.clone_into(&mut self.bundle()[which]),
        }
        self.ticks(1);
    }

    /// Takes a turn as the manager does.
    fn reconcile(&mut self, index: usize) {
        let replica = &self.replicas[index];
        let now = if replica.off < 0 {
            self.now - Duration::from_secs(replica.off.unsigned_abs())
        } else {
            self.now + Duration::from_secs(replica.off.unsigned_abs())
        };
        let leads = index == self.leader;
        let last = match (self.secret.clone(), replica.last.clone()) {
            (Some(state), Some(last))
                if leads && !state.bundle().contains(last.current.certificate()) =>
            {
                Some(state.trusting(&last, now))
            }
            (Some(state), _) => Some(state),
            (None, last) => last,
        };
        if leads && last.is_some() {
            self.secret.clone_from(&last);
        }
        if let Some(state) = &last {
            self.renew(index, state, now);
        }
        self.replicas[index].last.clone_from(&last);
        if leads {
            let state = last.as_ref();
            let trusted_for = self.replicas[index].known.trusted_for(self.uptime);
            let bundles = self.compare(state);
            let step = plan::step(state, bundles, trusted_for, now, lifetimes());
            if let (plan::Step::Publish, Some(state)) = (step, state) {
                let bundle = state.bundle();
                *self.bundle() = [bundle.clone(), bundle];
            }
            let after = plan::after(step, state, NAME, now, lifetimes()).unwrap();
            self.secret = after.or(self.secret.take());
        }
    }

    fn renew(&mut self, index: usize, state: &Authorities, now: SystemTime) {
        let trusted =
            |issuer: &str| self.bundles.last().unwrap().iter().all(|it| it.contains(issuer));
        let is_trusted = trusted(state.current.certificate());
        let uptime = self.uptime;
        let known = self.replicas[index].known.observe(&state.current, is_trusted, uptime);
        let shown = self.replicas[index].signed.clone();
        let trust = Trust {
            current: known,
            issuer: shown.as_ref().is_some_and(|signed| trusted(&signed.issuer)),
        };
        if plan::is_due(shown.as_ref(), state, trust, now, lifetimes()) {
            assert!(trusted(state.current.certificate()), "signed by whom not all trust");
            let leaf = state.current.sign(&[NAME], now, lifetimes().leaf).unwrap();
            assert!(leaf.validity.until <= state.current.validity().until);
            let signed = Signed::new(&state.current, leaf.validity, now, 128);
            self.replicas[index].signed = Some(signed);
        }
    }

    fn compare(&mut self, state: Option<&Authorities>) -> Bundles {
        let Some(state) = state else { return Bundles::Lacking };
        let both = [state.current.certificate(), state.next.certificate()];
        let compare = |bundle: &String| match bundle {
            exact if *exact == state.bundle() => Bundles::Exact,
            more if both.iter().all(|one| more.contains(one)) => Bundles::Sufficient,
            _ => Bundles::Lacking,
        };
        self.bundle().iter().map(compare).max().unwrap()
    }

    /// Every valid certificate is trusted even by late API servers.
    fn check_trust(&self) {
        let late = &self.bundles[self.bundles.len().saturating_sub(LAG + 1)];
        for (index, replica) in self.replicas.iter().enumerate() {
            if let Some(signed) = &replica.signed
                && signed.validity.contains(self.now)
                && !replica.is_astray
            {
                let all_trust = late.iter().all(|bundle| bundle.contains(&signed.issuer));
                assert!(all_trust, "replica {index} shows what is not trusted");
            }
        }
    }

    /// After a period without events, the state is healthy and stays so.
    fn check_health(&mut self) {
        self.ticks(100);
        self.checks = true;
        for _ in 0..400 {
            self.ticks(1);
            let state = self.secret.clone().unwrap();
            assert!(state.current.validity().contains(self.now));
            for replica in &self.replicas {
                let signed = replica.signed.as_ref().unwrap();
                assert!(signed.validity.contains(self.now), "a certificate lapsed");
            }
        }
        let state = self.secret.clone().unwrap();
        assert!(state.since <= self.now && state.since + lifetimes().ca / 2 > self.now);
        assert!(state.published.is_some());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    /// One clock at a time is wrong and recovers, leaders change, the Secret is emptied or an old one restored,
    /// replicas restart, the cluster is suspended: no API server ever meets a certificate that it does not trust.
    #[test]
    fn no_valid_certificate_is_ever_unknown(events in prop::collection::vec(harmless(), 1..12)) {
        let mut world = World::new();
        world.checks = true;
        for event in &events {
            world.happen(event);
            world.ticks(CALM);
        }
        world.check_health();
    }

    /// The cluster recovers from any sequence of events.
    #[test]
    fn it_never_gets_stuck(events in prop::collection::vec(any_event(), 1..12)) {
        let mut world = World::new();
        for event in &events {
            world.happen(event);
        }
        world.check_health();
    }
}

/// Regression: an old Secret whose two authorities expire soon.
#[test]
fn authorities_that_end_together_are_replaced_in_time() {
    let mut world = World::new();
    world.checks = true;
    for event in [Event::Ticks(54), Event::Ticks(50), Event::Backup(2)] {
        world.happen(&event);
        world.ticks(CALM);
    }
    world.check_health();
}

/// Regression: an old Secret is restored just after a promotion, while all replicas still serve certificates of the
/// previous authority.
#[test]
fn an_old_secret_in_the_middle_of_a_promotion_is_taken_over() {
    let mut world = World::new();
    world.checks = true;
    let (forth, back) = (Event::Clock(0, 32, 3), Event::Clock(0, -648_078, 4));
    let again = Event::Clock(1, -4_117_450, 3);
    for event in [forth, Event::EmptySecret, back, Event::Ticks(33), again, Event::Backup(5)] {
        world.happen(&event);
        world.ticks(CALM);
    }
    world.check_health();
}

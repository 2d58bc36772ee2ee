//! A cluster in miniature, and whatever may happen to it in any order: replicas with clocks of their own, one Secret,
//! two webhook configurations, and API servers that hear of their changes late.

use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::{
    plan::{self, Bundles, Known, Lifetimes, Signed, Trust},
    state::State,
};

const NAME: &str = "portcullis.security.svc";
/// As long as nothing else is said, all replicas take a turn after so long.
const TICK: Duration = Duration::from_secs(12_500);
/// So many ticks later an API server acts on a changed `caBundle`.
const LAG: usize = 2;
const REPLICAS: usize = 3;
/// One thing happens at a time: what it has led to is over after so many ticks.
const CALM: usize = 10;

/// 40 ticks a certificate, 192 an authority, and 4 until it is taken for known.
fn lifetimes() -> Lifetimes {
    let seconds = Duration::from_secs;
    Lifetimes::new(seconds(2_400_000), seconds(500_000), seconds(50_000)).unwrap()
}

/// More of them in `just faults`.
fn cases() -> u32 {
    let is_full = std::env::var("PORTCULLIS_FAULTS").is_ok_and(|value| value == "full");
    if is_full { 200 } else { 8 }
}

#[derive(Clone, Debug)]
enum Event {
    Ticks(usize),
    /// The whole cluster sleeps for so many ticks.
    Suspend(u32),
    Lead(usize),
    Restart(usize),
    EmptySecret,
    /// The Secret is put back as it was so many events ago.
    Backup(usize),
    /// A replica's clock is so many seconds off for some ticks.
    Clock(usize, i64, usize),
    /// Somebody writes a `caBundle` of their own.
    Overwrite(usize, &'static str),
}

/// What clients must not feel.
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
    /// Seconds that its clock is ahead.
    off: i64,
    /// Its clock was wrong a moment ago: what it shows is its own affair.
    is_astray: bool,
    last: Option<State>,
    known: Known,
    signed: Option<Signed>,
}

struct World {
    now: SystemTime,
    /// Without the time that it slept.
    uptime: Duration,
    secret: Option<State>,
    backups: Vec<State>,
    /// What the two configurations trust, at each tick; the last one is what they are now.
    bundles: Vec<[String; 2]>,
    replicas: Vec<Replica>,
    leader: usize,
    /// Whether trust is checked at each tick, as long as clients must not feel anything.
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
        // Nobody is served before it is ready, which it says when it has a certificate: and the webhooks are
        // called before the first bundle is known everywhere no more than after.
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
            // Each change is seen by all at once, and leads to further ones.
            for _ in 0..8 {
                for index in 0..REPLICAS {
                    self.turn(index);
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
                // What lapsed meanwhile has to be made anew: whoever wakes up is served a little later.
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

    /// As the keeper does it.
    fn turn(&mut self, index: usize) {
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

    fn renew(&mut self, index: usize, state: &State, now: SystemTime) {
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
            let leaf = state.current.sign(&[NAME], now, lifetimes().leaf()).unwrap();
            assert!(leaf.validity.until <= state.current.validity().until);
            let signed = Signed::new(&state.current, leaf.validity, now, 128);
            self.replicas[index].signed = Some(signed);
        }
    }

    fn compare(&mut self, state: Option<&State>) -> Bundles {
        let Some(state) = state else { return Bundles::Lacking };
        let both = [state.current.certificate(), state.next.certificate()];
        let compare = |bundle: &String| match bundle {
            exact if *exact == state.bundle() => Bundles::Exact,
            more if both.iter().all(|one| more.contains(one)) => Bundles::Sufficient,
            _ => Bundles::Lacking,
        };
        self.bundle().iter().map(compare).max().unwrap()
    }

    /// What is valid is trusted by API servers that are late, too.
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

    /// After a while without events everything is as it should be, and goes on being so.
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
        assert!(state.since <= self.now && state.since + lifetimes().ca() / 2 > self.now);
        assert!(state.published.is_some());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    /// One clock is wrong at a time and comes right again, leaders change, the Secret is emptied or an old one put
    /// back, replicas start anew, the cluster sleeps: no API server ever meets what it does not trust.
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

    /// Whatever happened, it comes right by itself.
    #[test]
    fn it_never_gets_stuck(events in prop::collection::vec(any_event(), 1..12)) {
        let mut world = World::new();
        for event in &events {
            world.happen(event);
        }
        world.check_health();
    }
}

/// What was found once: an old Secret whose authorities both end soon.
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

/// What was found once: an old Secret is put back just after a promotion, when all still show what the authority before
/// signed.
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

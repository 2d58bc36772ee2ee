//! Decides the next step from observed state. No clock, no I/O.
//!
//! The order that keeps every request working: a new authority is published to every webhook, stays published for
//! [`Lifetimes::publish`], and then signs. The previous authority is dropped only after everything that it signed has
//! expired. A replica signs with an authority only after it has read that authority back from every webhook.

use std::time::{Duration, SystemTime};

use crate::server::tls::Validity;

use super::{
    authority::{Authority, AuthorityError},
    state::Authorities,
};

/// Lifetimes of authorities and certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lifetimes {
    pub(super) ca: Duration,
    pub(super) leaf: Duration,
    publish: Duration,
}

/// Why they do not go together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "--leaf-lifetime and --ca-publish together must be at most a third of --ca-lifetime, each at least 1s, and --ca-lifetime at most 876000h"
)]
pub(crate) struct InvalidLifetimes;

/// A hundred years: keeps sums of times in the range that certificates can express.
const LONGEST: Duration = Duration::from_secs(876_000 * 3600);

impl Lifetimes {
    /// An authority signs for a third of its lifetime. Its successor, created at the same time, can then sign as long,
    /// and all certificates expire before their issuer.
    ///
    /// # Errors
    /// Lifetimes that leave no time for that.
    pub(crate) fn new(
        ca: Duration,
        leaf: Duration,
        publish: Duration,
    ) -> Result<Self, InvalidLifetimes> {
        let least = ca.min(leaf).min(publish);
        let fits = leaf.checked_add(publish).is_some_and(|sum| sum <= ca / 3);
        let good = fits && least >= Duration::from_secs(1) && ca <= LONGEST;
        good.then_some(Self { ca, leaf, publish }).ok_or(InvalidLifetimes)
    }

    /// How often to check the clock, besides on events: sleeps do not count time while a machine is suspended.
    pub(super) fn tick(self) -> Duration {
        (self.leaf / 20).clamp(Duration::from_millis(100), Duration::from_secs(10))
    }
}

/// The current authority, and since when this replica finds it trusted by all webhooks. Measured by the uptime of the
/// process, because clocks can jump and differ between replicas.
#[derive(Clone, Debug, Default)]
pub(super) struct TrustedSince(Option<(String, Duration)>);

impl TrustedSince {
    /// Updates it with what the replica observes, and returns for how long the authority has been trusted, if it is.
    pub(super) fn observe(
        &mut self,
        authority: &Authority,
        is_trusted: bool,
        uptime: Duration,
    ) -> Option<Duration> {
        let certificate = authority.certificate();
        let before = self.0.take().filter(|(known, _)| known == certificate);
        let since = is_trusted.then(|| before.map_or(uptime, |(_, at)| at));
        self.0 = since.map(|at| (certificate.to_owned(), at));
        self.trusted_for(uptime)
    }

    /// For how long all webhooks have trusted it.
    pub(super) fn trusted_for(&self, uptime: Duration) -> Option<Duration> {
        self.0.as_ref().map(|(_, since)| uptime.saturating_sub(*since))
    }
}

/// The authorities that webhooks trust, compared with those that they should trust. Missing webhooks trust none and
/// need none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Bundles {
    /// Exactly the expected ones.
    Exact,
    /// The current and the next authority are trusted, but the bundle is not exactly the expected one.
    Sufficient,
    /// A webhook lacks the current or the next authority.
    Lacking,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// No usable authority exists: create two.
    Mint,
    /// Let the next authority sign.
    Promote,
    /// A webhook lost trust in the next authority: restart the waiting period.
    Unpublished,
    Publish,
    /// All webhooks trust it: record since when.
    Published,
    /// Drop the previous authorities: everything that they signed has expired.
    Drop,
    Wait,
}

/// The leader's next step. `trusted_for` is how long it has seen all webhooks trust the current authority.
pub(super) fn step(
    state: Option<&Authorities>,
    bundles: Bundles,
    trusted_for: Option<Duration>,
    now: SystemTime,
    lifetimes: Lifetimes,
) -> Step {
    let Some(state) = state else { return Step::Mint };
    let is_usable = |authority: &Authority| authority.validity().contains(now);
    if !is_usable(&state.current) {
        return if is_usable(&state.next) { Step::Promote } else { Step::Mint };
    }
    match (bundles, state.published) {
        (Bundles::Lacking, Some(_)) => return Step::Unpublished,
        (Bundles::Lacking | Bundles::Sufficient, _) => return Step::Publish,
        (Bundles::Exact, None) => return Step::Published,
        (Bundles::Exact, Some(_)) => {}
    }
    let has_passed = |since: SystemTime, time: Duration| now >= since + time;
    // Measured by uptime, since clocks may be wrong: until all replicas have exchanged their certificates.
    let exchanged = lifetimes.publish + lifetimes.publish.min(lifetimes.leaf);
    let is_settled = trusted_for.is_some_and(|time| time >= exchanged);
    if state.previous.is_some() && is_settled && has_passed(state.since, lifetimes.leaf) {
        return Step::Drop;
    }
    let is_known = state.published.is_some_and(|at| has_passed(at, lifetimes.publish));
    // Happens after an old Secret was restored.
    let ends_soon = !state.current.validity().contains(now + lifetimes.leaf);
    if is_known && (ends_soon || has_passed(state.since, lifetimes.ca / 3)) {
        return Step::Promote;
    }
    Step::Wait
}

/// The new content of the Secret after a step; `None` if the step does not change the Secret.
///
/// # Errors
/// See [`Authorities::mint`].
pub(super) fn after(
    step: Step,
    state: Option<&Authorities>,
    service: &str,
    now: SystemTime,
    lifetimes: Lifetimes,
) -> Result<Option<Authorities>, AuthorityError> {
    let ca = lifetimes.ca;
    match (step, state) {
        (Step::Wait | Step::Publish, _) => Ok(None),
        (_, None) => Authorities::mint(service, now, ca).map(Some),
        (Step::Mint, Some(state)) => state.replace(now, ca).map(Some),
        (Step::Promote, Some(state)) => state.promote(now, ca).map(Some),
        (Step::Published, Some(state)) => {
            Ok(Some(Authorities { published: Some(now), ..state.clone() }))
        }
        (Step::Unpublished, Some(state)) => {
            Ok(Some(Authorities { published: None, ..state.clone() }))
        }
        (Step::Drop, Some(state)) => Ok(Some(Authorities { previous: None, ..state.clone() })),
    }
}

/// The renewal data of a replica's own certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signed {
    /// The issuer's certificate, PEM.
    pub(super) issuer: String,
    pub(super) validity: Validity,
    pub(super) renew: SystemTime,
}

impl Signed {
    /// Renewal is due after two thirds of the lifetime, shifted by up to a tenth of it by `jitter` (0 to 255), so that
    /// replicas that start together do not renew together.
    pub(super) fn new(issuer: &Authority, validity: Validity, now: SystemTime, jitter: u8) -> Self {
        let life = validity.until.duration_since(now).unwrap_or_default();
        let renew = now + life * 2 / 3 - life / 10 + (life / 5) * u32::from(jitter) / 255;
        Self { issuer: issuer.certificate().to_owned(), validity, renew }
    }
}

/// What a replica has read back from every webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trust {
    /// For how long all webhooks have trusted the current authority, if they do.
    pub(super) current: Option<Duration>,
    /// Whether all webhooks trust the issuer of the served certificate.
    pub(super) issuer: bool,
}

/// Whether a replica needs a new certificate. It keeps a trusted certificate rather than use an authority that some
/// clients may not trust yet, unless that certificate is about to expire.
pub(super) fn is_due(
    signed: Option<&Signed>,
    state: &Authorities,
    trust: Trust,
    now: SystemTime,
    lifetimes: Lifetimes,
) -> bool {
    let Some(trusted_for) = trust.current else { return false };
    if !state.current.validity().contains(now) {
        return false;
    }
    let Some(signed) = signed.filter(|signed| signed.validity.contains(now)) else { return true };
    if signed.issuer == state.current.certificate() {
        return now >= signed.renew;
    }
    let margin = (lifetimes.leaf / 20).max(lifetimes.tick() * 4);
    let is_ending = now + margin >= signed.validity.until;
    !trust.issuer || is_ending || trusted_for >= lifetimes.publish
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const DAY: Duration = Duration::from_secs(86_400);
    const LONG: Option<Duration> = Some(DAY);
    const NAME: &str = "portcullis.security.svc";

    fn lifetimes() -> Lifetimes {
        Lifetimes::new(365 * DAY, 7 * DAY, Duration::from_secs(600)).unwrap()
    }

    fn published(now: SystemTime) -> Authorities {
        let state = Authorities::mint(NAME, now, 365 * DAY).unwrap();
        Authorities { published: Some(now), ..state }
    }

    #[test]
    fn lifetimes_must_go_together() {
        assert!(Lifetimes::new(30 * DAY, 10 * DAY, HOUR).is_err());
        assert!(Lifetimes::new(30 * DAY, 9 * DAY, HOUR).is_ok());
        assert!(Lifetimes::new(30 * DAY, 9 * DAY, Duration::ZERO).is_err());
        assert!(Lifetimes::new(DAY, Duration::MAX, Duration::MAX).is_err());
        assert!(Lifetimes::new(LONGEST, DAY, HOUR).is_ok());
        assert!(Lifetimes::new(LONGEST + HOUR, DAY, HOUR).is_err());
    }

    #[test]
    fn the_first_steps() {
        let now = SystemTime::now();
        let step =
            |state: Option<&Authorities>, bundles| step(state, bundles, LONG, now, lifetimes());
        assert_eq!(step(None, Bundles::Exact), Step::Mint);
        let minted = Authorities::mint(NAME, now, 365 * DAY).unwrap();
        assert_eq!(step(Some(&minted), Bundles::Lacking), Step::Publish);
        assert_eq!(step(Some(&minted), Bundles::Exact), Step::Published);
        assert_eq!(step(Some(&published(now)), Bundles::Exact), Step::Wait);
    }

    #[test]
    fn what_was_overwritten_is_published_again_and_counts_from_anew() {
        let now = SystemTime::now();
        let state = published(now);
        assert_eq!(step(Some(&state), Bundles::Lacking, LONG, now, lifetimes()), Step::Unpublished);
        let state = Authorities { published: None, ..state };
        assert_eq!(step(Some(&state), Bundles::Lacking, LONG, now, lifetimes()), Step::Publish);
        // Excess trust does not revoke any.
        assert_eq!(
            step(Some(&published(now)), Bundles::Sufficient, LONG, now, lifetimes()),
            Step::Publish
        );
    }

    #[test]
    fn the_next_authority_signs_after_a_third_of_a_life_and_never_sooner_than_it_is_known() {
        let now = SystemTime::now();
        let mut state = published(now);
        let third = now + 365 * DAY / 3;
        let at =
            |state: &Authorities, now| step(Some(state), Bundles::Exact, LONG, now, lifetimes());
        assert_eq!(at(&state, third - HOUR), Step::Wait);
        assert_eq!(at(&state, third), Step::Promote);
        state.published = Some(third);
        assert_eq!(at(&state, third + Duration::from_secs(599)), Step::Wait);
        assert_eq!(at(&state, third + Duration::from_secs(600)), Step::Promote);
    }

    #[test]
    fn the_previous_authority_is_dropped_when_all_that_it_signed_has_expired() {
        let now = SystemTime::now();
        let state = published(now).promote(now, 365 * DAY).unwrap();
        let state = Authorities { published: Some(now), ..state };
        let at = |now| step(Some(&state), Bundles::Exact, LONG, now, lifetimes());
        assert_eq!(at(now + 7 * DAY - HOUR), Step::Wait);
        assert_eq!(at(now + 7 * DAY), Step::Drop);
        // An authority that is current only by a wrong clock, and was seen a moment ago.
        let soon = Some(Duration::from_secs(1199));
        let step = step(Some(&state), Bundles::Exact, soon, now + 7 * DAY, lifetimes());
        assert_eq!(step, Step::Wait);
    }

    #[test]
    fn after_a_long_absence_what_is_still_valid_is_used() {
        let now = SystemTime::now();
        let old = published(now);
        let mut state = old.promote(now + 100 * DAY, 365 * DAY).unwrap();
        state.published = Some(now);
        let at = |now| step(Some(&state), Bundles::Lacking, LONG, now, lifetimes());
        assert_eq!(at(now + 400 * DAY), Step::Promote);
        assert_eq!(at(now + 500 * DAY), Step::Mint);
        // After a clock went back, a certificate that is not valid yet is unusable, too.
        assert_eq!(at(now - DAY), Step::Mint);
    }

    #[test]
    fn a_whole_life_never_shows_what_is_not_trusted() {
        let lifetimes = lifetimes();
        let mut now = SystemTime::now();
        let mut state = published(now);
        let mut promotions = 0;
        // The fifteenth would be due at the very end.
        for _ in 1..365 * 24 * 5 {
            now += HOUR;
            match step(Some(&state), Bundles::Exact, LONG, now, lifetimes) {
                Step::Promote => {
                    promotions += 1;
                    state = state.promote(now, lifetimes.ca).unwrap();
                    // A new certificate outlives neither its issuer nor the trust in its issuer.
                    let leaf = state.current.sign(&[NAME], now, lifetimes.leaf).unwrap();
                    assert!(leaf.validity.until <= state.current.validity().until);
                    assert!(state.current.validity().contains(now + 365 * DAY / 3 + 7 * DAY));
                }
                Step::Published => state.published = Some(now),
                Step::Drop => state.previous = None,
                Step::Wait => {}
                step => panic!("{step:?}"),
            }
        }
        assert_eq!(promotions, 14);
    }

    #[test]
    fn a_leaf_is_renewed_in_time_by_an_authority_that_all_trust() {
        let now = SystemTime::now();
        let state = published(now);
        let leaf = state.current.sign(&[NAME], now, 9 * DAY).unwrap();
        let early = Signed::new(&state.current, leaf.validity, now, 0);
        let late = Signed::new(&state.current, leaf.validity, now, 255);
        assert!(
            early.renew > now + 5 * DAY && late.renew < now + 7 * DAY && early.renew < late.renew
        );
        let lifetimes = lifetimes();
        let known = Duration::from_secs(600);
        let due = |signed, is_trusted: bool, at| {
            let trust = Trust { current: is_trusted.then_some(known), issuer: true };
            is_due(signed, &state, trust, at, lifetimes)
        };
        assert!(due(None, true, now));
        assert!(!due(None, false, now));
        assert!(!due(Some(&early), true, now));
        assert!(due(Some(&early), true, now + 7 * DAY));
        assert!(!due(Some(&early), false, now + 7 * DAY));
        // A certificate of another authority, while the clients of all API servers trust the new one, or no longer the
        // old one.
        let promoted = state.promote(now, 365 * DAY).unwrap();
        let due = |trusted_for, issuer, at| {
            let trust = Trust { current: Some(trusted_for), issuer };
            is_due(Some(&early), &promoted, trust, at, lifetimes)
        };
        assert!(!due(known / 2, true, now));
        assert!(due(known, true, now));
        assert!(due(known / 2, false, now));
        assert!(due(known / 2, true, now + 9 * DAY - HOUR));
    }
}

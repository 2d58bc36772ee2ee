//! The levels of the Standard that the pods of a workload meet.

use crate::{
    pss::{self, Control, Level, Minor, Pod},
    requirement::Requirement,
};

/// The levels of the Standard that a pod meets, independent of its policy.
#[derive(Clone, Debug)]
pub struct LevelsMet {
    /// The highest level that it meets now.
    pub now: Level,
    /// The highest level that it would meet once hardened.
    pub hardened: Level,
    /// The baseline controls that it violates.
    pub baseline: Vec<&'static Control>,
    /// The restricted controls that it violates.
    pub restricted: Vec<&'static Control>,
}

impl LevelsMet {
    /// The value for a pod without violations.
    pub const TOP: Self = Self {
        now: Level::Restricted,
        hardened: Level::Restricted,
        baseline: Vec::new(),
        restricted: Vec::new(),
    };

    /// The levels that two pods of an object meet both.
    #[must_use]
    pub(super) fn and(self, other: Self) -> Self {
        let all = |mut one: Vec<&'static Control>, other: Vec<&'static Control>| {
            one.extend(other);
            one.sort_by_key(|control| Requirement::Control(control).position());
            one.dedup_by_key(|control| control.id);
            one
        };
        Self {
            now: self.now.min(other.now),
            hardened: self.hardened.min(other.hardened),
            baseline: all(self.baseline, other.baseline),
            restricted: all(self.restricted, other.restricted),
        }
    }

    /// Judges a pod by every level, as it is and, if different, as it would be hardened.
    pub fn of(pod: &Pod<'_>, hardened: Option<&Pod<'_>>, version: Minor) -> Self {
        let broken = |level| pss::broken(level, version, pod).collect::<Vec<_>>();
        let (baseline, restricted) = (broken(Level::Baseline), broken(Level::Restricted));
        let now = match (baseline.is_empty(), restricted.is_empty()) {
            (_, true) => Level::Restricted,
            (true, false) => Level::Baseline,
            (false, false) => Level::Privileged,
        };
        let hardened = match hardened {
            Some(hardened) if now < Level::Restricted => highest(hardened, version),
            _ => now,
        };
        Self { now, hardened, baseline, restricted }
    }
}

fn highest(pod: &Pod<'_>, version: Minor) -> Level {
    let meets = |level: &Level| pss::broken(*level, version, pod).next().is_none();
    let levels = [Level::Restricted, Level::Baseline];
    levels.into_iter().find(meets).unwrap_or(Level::Privileged)
}

//! Compares the processor time of a large input with that of the same amount of small ones. Linear code takes as long for
//! both, and a nested loop takes sixteen times as long.
//!
//! The runs alternate, and the shortest counts, because other work on the machine only adds time.

use std::fmt;

use cpu_time::ThreadTime;

/// The size of the large one relative to the small one.
pub(crate) const TIMES: usize = 16;
/// The maximum time of the large one relative to the same amount of small ones. Sorting takes up to 2; caches and other
/// processes add to it.
const MOST: f64 = 4.0;
/// The number of pairs of runs, if the first is not conclusive.
const PAIRS: usize = 7;
/// The number of small runs per pair.
const RUNS: u32 = 4;

/// Processor time in microseconds of the large one, and of the same amount of small ones.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    large: f64,
    small: f64,
}

impl Times {
    /// The time per byte of the large one relative to the small one.
    pub(crate) fn ratio(self) -> f64 {
        self.large / self.small
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (large, small) = (self.large, self.small);
        write!(f, "{large:.0} us, and {small:.0} us in {TIMES} parts: {:.1} times", self.ratio())
    }
}

fn time(run: impl FnOnce()) -> f64 {
    let start = ThreadTime::now();
    run();
    start.elapsed().as_secs_f64() * 1e6
}

/// Both take what is to be run. What takes less than `floor` microseconds has no loop worth finding. `parts` is how many
/// small ones are as large as the large one.
///
/// # Errors
/// What takes too long.
pub(crate) fn compared(
    floor: f64,
    parts: f64,
    mut small: impl FnMut(),
    mut large: impl FnMut(),
) -> Result<Option<Times>, Times> {
    let mut least = Times { large: f64::INFINITY, small: f64::INFINITY };
    for _ in 0..PAIRS {
        least.large = least.large.min(time(&mut large));
        if least.large < floor {
            return Ok(None);
        }
        let one = time(|| (0..RUNS).for_each(|_| small())) / f64::from(RUNS);
        least.small = least.small.min(one * parts);
        if least.ratio() < MOST {
            return Ok(Some(least));
        }
    }
    Err(least)
}

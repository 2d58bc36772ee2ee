//! Records decisions in metrics, log and traces. Decides nothing.

mod exceptions;
mod gauges;
mod log;
mod metrics;
#[cfg_attr(not(feature = "otel"), path = "no_traces.rs")]
mod traces;

use std::time::Duration;

pub(crate) use exceptions::Exceptions;
pub(crate) use gauges::{Gauges, ProcessState, count, timestamp};
pub use metrics::Metrics;
pub use traces::Traces;

use admission::{Answer, Hook, Outcome, Request};
use policy::{pss::Minor, verdict::Context};

/// A decision with everything that is recorded about it.
#[derive(Debug)]
pub struct Decision<'r> {
    /// The webhook that was called.
    pub hook: Hook,
    /// The request.
    pub request: &'r Request<'r>,
    /// The decision.
    pub outcome: &'r Outcome<'r>,
    /// The response.
    pub answer: &'r Answer,
    /// The configuration that the decision used.
    pub context: Context<'r>,
    /// The duration, from the first byte of the body.
    pub took: Duration,
}

impl Decision<'_> {
    fn newest(&self) -> Minor {
        self.context.newest
    }
}

/// Counts a decision and logs it.
pub fn record(metrics: &Metrics, decision: &Decision<'_>) {
    metrics.count(decision);
    log::write(decision);
}

//! What was decided, told to metrics and log. Says nothing of its own, and decides nothing.

mod audits;
mod exceptions;
mod gauges;
mod log;
mod metrics;
#[cfg_attr(not(feature = "otel"), path = "no_traces.rs")]
mod traces;

use std::time::Duration;

pub use audits::Audits;
pub use exceptions::Exceptions;
pub use gauges::{Gauges, State};
pub use metrics::Metrics;
pub use traces::Traces;

use crate::{
    admission::{Answer, Hook, Outcome, Request},
    policy::Context,
    pss::Minor,
};

/// One decision with all that is told of it.
#[derive(Debug)]
pub struct Decision<'r> {
    /// Which webhook was asked.
    pub hook: Hook,
    /// What was asked.
    pub request: &'r Request<'r>,
    /// What was decided.
    pub outcome: &'r Outcome<'r>,
    /// What is answered.
    pub answer: &'r Answer,
    /// By which configuration.
    pub context: Context<'r>,
    /// How long it took, from the first byte of the body.
    pub took: Duration,
}

impl Decision<'_> {
    fn newest(&self) -> Minor {
        self.context.newest
    }
}

/// Counts a decision and writes its line.
pub fn record(metrics: &Metrics, decision: &Decision<'_>) {
    metrics.count(decision);
    log::write(decision);
}

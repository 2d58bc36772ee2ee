//! The namespaces of a cluster, the worst first.

use std::{
    cmp::Reverse,
    io::{self, Write},
};

use unicode_width::UnicodeWidthStr as _;

use policy::{findings::Namespace, pss::Level};

use crate::output::{namespace, words::PLACE};

use super::{fit, more};

/// Namespaces that have a line.
const MAX_LINES: usize = 25;

/// The worst namespaces so far, and the number of all.
#[derive(Default)]
pub(in crate::output) struct Namespaces {
    worst: Vec<(Rank, String, String)>,
    pub(in crate::output) count: u64,
}

/// The lowest is the worst: pods that violate what is enforced, workloads that do, what could not be read, the level that
/// it meets, and the order of the API server.
type Rank = (Reverse<usize>, Reverse<usize>, Reverse<usize>, Level, u64);

impl Namespaces {
    pub(in crate::output) fn add(&mut self, namespace: &Namespace) {
        let denied = namespace.workloads.iter().filter(|audited| audited.workload.is_denied());
        let rank = (
            Reverse(namespace.breaking.len()),
            Reverse(denied.count()),
            Reverse(namespace.unread.len()),
            namespace.now,
            self.count,
        );
        self.count += 1;
        let at = self.worst.partition_point(|(known, ..)| *known < rank);
        if at < MAX_LINES {
            let (name, what) = namespace::words(namespace);
            self.worst.insert(at, (rank, name, what));
            self.worst.truncate(MAX_LINES);
        }
    }

    /// Writes a line for each of the worst namespaces.
    pub(super) fn write(&self, out: &mut impl Write, width: usize) -> io::Result<()> {
        for (_, name, what) in &self.worst {
            let what = fit::start(&format!(": {what}"), width.saturating_sub(name.width()));
            writeln!(out, "{PLACE}{name}{PLACE:#}{what}")?;
        }
        match self.count - self.worst.len() as u64 {
            0 => Ok(()),
            left => writeln!(out, "{}", more(left)),
        }?;
        if self.count > 0 { writeln!(out) } else { Ok(()) }
    }
}

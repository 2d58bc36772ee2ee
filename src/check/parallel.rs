//! Judges sources on all processors and reports them in order, as if sequentially.
//!
//! Each thread takes every n-th run of sources and works only a little ahead. The reporting thread collects the runs
//! from one thread after the other. This keeps the order, and bounds the memory even if the report is read slowly.

use std::{
    io, mem,
    num::NonZero,
    sync::{
        Arc,
        mpsc::{self, SendError, SyncSender},
    },
    thread,
};

use manifest::{Line, Unreadable};
use policy::findings::{Lint, Workload};

use crate::{input::SkipReason, namespaces::Input};

/// Maximum number of consecutive sources that one thread judges: waking another thread costs as much as judging a small
/// source.
const MAX_RUN: usize = 16;
/// Minimum number of runs per thread, so that none is left working alone at the end.
const RUNS: usize = 4;
/// A part of this size, in bytes, is handed over before its run is complete.
const ENOUGH: usize = 256 << 10;
/// Maximum number of runs, or parts of one, that a thread has handed over and that are not reported yet.
const AHEAD: usize = 2;
/// Larger files are judged only when they are reported, object by object, because findings may be many times as long.
const MAX_AHEAD_BYTES: u64 = 1 << 20;
/// More threads have nothing to do: disks and the report are slower.
const MAX_THREADS: usize = 8;

pub(super) enum Judged<'s> {
    Found { input: &'s Input<'s>, name: Arc<str>, text: Vec<u8>, reported: Vec<Reported> },
    Later(&'s Input<'s>),
}

impl Judged<'_> {
    fn bytes(&self) -> usize {
        match self {
            Self::Found { text, .. } => text.len(),
            Self::Later(_) => 0,
        }
    }
}

/// A result to report for one object.
pub(super) enum Reported {
    Workload(Box<Workload>),
    Lint(Box<Lint>),
    Ignored,
    Skipped(Option<Line>, SkipReason, String),
    /// An object with containers in a place that is not known: its line, its kind, and why.
    Unjudged(Line, String, String),
    Unreadable(Unreadable),
}

/// Judges sources with `judge`, and passes each to `report` in order.
///
/// # Errors
/// The first error of `report`, and a failure to create a thread.
pub(super) fn run<'s>(
    sources: &'s [Input<'s>],
    judge: impl Fn(&Input<'_>, &Arc<str>, &[u8]) -> Vec<Reported> + Sync,
    mut report: impl FnMut(Judged<'s>) -> io::Result<()>,
) -> io::Result<()> {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = processors.min(MAX_THREADS).min(sources.len());
    let run = (sources.len() / (threads * RUNS).max(1)).clamp(1, MAX_RUN);
    let judge = &judge;
    thread::scope(|scope| {
        let mut judged = Vec::with_capacity(threads);
        for first in 0..threads {
            let (send, receive) = mpsc::sync_channel(AHEAD);
            judged.push(receive);
            let work = move || {
                let runs = sources.chunks(run).skip(first).step_by(threads);
                // Sending fails after the report could not be written.
                let _ = runs.into_iter().try_for_each(|run| judge_run(run, judge, &send));
            };
            // The accepted depth of a manifest must not depend on `ulimit -s`.
            thread::Builder::new().stack_size(manifest::STACK).spawn_scoped(scope, work)?;
        }
        for (run, receive) in sources.chunks(run).zip(judged.iter().cycle()) {
            let mut left = run.len();
            while left > 0 {
                // The thread panicked, and the scope propagates its panic.
                let Ok(part) = receive.recv() else { return Ok(()) };
                left = left.saturating_sub(part.len());
                part.into_iter().try_for_each(&mut report)?;
            }
        }
        Ok(())
    })
}

/// Judges a run and hands it over, in one part or several.
fn judge_run<'s>(
    run: &'s [Input<'s>],
    judge: impl Fn(&Input<'_>, &Arc<str>, &[u8]) -> Vec<Reported>,
    send: &SyncSender<Vec<Judged<'s>>>,
) -> Result<(), SendError<Vec<Judged<'s>>>> {
    let (mut part, mut bytes) = (Vec::with_capacity(run.len()), 0);
    for source in run {
        let judged = ahead(source, &judge);
        bytes += judged.bytes();
        part.push(judged);
        if bytes >= ENOUGH {
            send.send(mem::take(&mut part))?;
            bytes = 0;
        }
    }
    if part.is_empty() { Ok(()) } else { send.send(part) }
}

fn ahead<'s>(
    input: &'s Input<'s>,
    judge: impl Fn(&Input<'_>, &Arc<str>, &[u8]) -> Vec<Reported>,
) -> Judged<'s> {
    let Some(text) = input.read_file_within(MAX_AHEAD_BYTES) else { return Judged::Later(input) };
    let name: Arc<str> = input.source.to_string().into();
    let reported = judge(input, &name, &text);
    Judged::Found { input, name, text, reported }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use policy::config::Config;

    use super::*;
    use crate::{
        input::{Origin, Source},
        namespaces::scan,
    };

    fn inputs(sources: &[Source]) -> Vec<Input<'_>> {
        scan(sources, &Config::embedded()).unwrap().0
    }

    fn sources(directory: &tempfile::TempDir, files: usize) -> Vec<Source> {
        let path = |index: usize| directory.path().join(format!("{index}.yaml"));
        (0..files)
            .map(|index| {
                // Some sources are not judged ahead, and some take longer than others.
                let is_large = index % 13 == 5;
                let bytes = if is_large { 1 + (1 << 20) } else { index % 7 * 1000 };
                fs::write(path(index), vec![b'#'; bytes]).unwrap();
                Source::File(path(index), Origin::Named)
            })
            .collect()
    }

    fn judge(_: &Input<'_>, _: &Arc<str>, text: &[u8]) -> Vec<Reported> {
        text.iter().map(|_| Reported::Ignored).collect()
    }

    #[test]
    fn all_are_reported_once_and_in_their_order() {
        let directory = tempfile::tempdir().unwrap();
        let sources = sources(&directory, 200);
        let mut reported = Vec::new();
        let result = run(&inputs(&sources), judge, |judged| {
            reported.push(match judged {
                Judged::Found { name, text, reported, .. } => {
                    assert_eq!(text.len(), reported.len());
                    name.to_string()
                }
                Judged::Later(input) => {
                    assert!(input.read_file_within(1 << 20).is_none());
                    input.source.to_string()
                }
            });
            Ok(())
        });
        result.unwrap();
        let expected: Vec<_> = sources.iter().map(ToString::to_string).collect();
        assert_eq!(reported, expected);
    }

    #[test]
    fn a_report_that_cannot_be_written_ends_it() {
        let directory = tempfile::tempdir().unwrap();
        let sources = sources(&directory, 100);
        let mut left = 3;
        let result = run(&inputs(&sources), judge, |_| {
            left -= 1;
            if left == 0 { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
        });
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(left, 0);
    }

    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn a_panic_is_propagated_to_the_caller() {
        let directory = tempfile::tempdir().unwrap();
        let sources = sources(&directory, 50);
        let judge = |_: &Input<'_>, name: &Arc<str>, _: &[u8]| {
            assert!(!name.ends_with("/20.yaml"), "a bug");
            Vec::new()
        };
        let _ = run(&inputs(&sources), judge, |_| Ok(()));
    }
}

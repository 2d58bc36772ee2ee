//! Sources judged on all processors, and told in their order: whoever reads the report cannot tell.
//!
//! Each thread takes every n-th source and keeps a few ahead; whoever tells takes them from one thread after the
//! other. So their order is theirs, and what is held is bounded, however slow the reader of the report is.

use std::{
    io,
    num::NonZero,
    sync::{Arc, mpsc},
    thread,
};

use crate::{
    findings::Workload,
    manifest::{self, Unreadable},
    source::Source,
};

/// Sources that a thread has judged and nobody has told yet.
const AHEAD: usize = 8;
/// Larger files are read when they are told, object by object: what is found of one may be many times as long.
const MAX_AHEAD_BYTES: u64 = 1 << 20;
/// More threads than this have nothing to do: disks and the report are slower.
const MAX_THREADS: usize = 8;

/// What is known of a source when it is to be told.
pub(super) enum Judged<'s> {
    /// All that is in it.
    Found { name: Arc<str>, text: Vec<u8>, said: Vec<Said> },
    /// Nothing yet: it is not one to be judged ahead.
    Later(&'s Source),
}

/// What is to be told of one object.
pub(super) enum Said {
    Workload(Box<Workload>),
    Ignored,
    Unreadable(Unreadable),
}

/// Judges sources by `judge`, and hands each to `tell` in their order.
///
/// # Errors
/// Those of `tell`, with which it ends, and where no thread can be made.
pub(super) fn run<'s>(
    sources: &'s [Source],
    judge: impl Fn(&Arc<str>, &[u8]) -> Vec<Said> + Sync,
    mut tell: impl FnMut(Judged<'s>) -> io::Result<()>,
) -> io::Result<()> {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = processors.min(MAX_THREADS).min(sources.len());
    let judge = &judge;
    thread::scope(|scope| {
        let mut judged = Vec::with_capacity(threads);
        for first in 0..threads {
            let (send, receive) = mpsc::sync_channel(AHEAD);
            judged.push(receive);
            let work = move || {
                for source in sources.iter().skip(first).step_by(threads) {
                    // Nobody listens any more where the report could not be written.
                    if send.send(ahead(source, judge)).is_err() {
                        return;
                    }
                }
            };
            // How deep a manifest may be must not depend on `ulimit -s`.
            thread::Builder::new().stack_size(manifest::STACK).spawn_scoped(scope, work)?;
        }
        for receive in judged.iter().cycle().take(sources.len()) {
            // Nothing comes from a thread that panicked: the scope hands its panic on.
            let Ok(one) = receive.recv() else { break };
            tell(one)?;
        }
        Ok(())
    })
}

fn ahead<'s>(source: &'s Source, judge: impl Fn(&Arc<str>, &[u8]) -> Vec<Said>) -> Judged<'s> {
    if !source.is_file_within(MAX_AHEAD_BYTES) {
        return Judged::Later(source);
    }
    // Whoever tells it will meet what is wrong with it.
    let Ok(text) = source.read() else { return Judged::Later(source) };
    let name: Arc<str> = source.to_string().into();
    let said = judge(&name, &text);
    Judged::Found { name, text, said }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn sources(directory: &tempfile::TempDir, files: usize) -> Vec<Source> {
        let path = |index: usize| directory.path().join(format!("{index}.yaml"));
        (0..files)
            .map(|index| {
                // Now and then one that is not judged ahead, and some that take longer than others.
                let is_large = index % 13 == 5;
                let bytes = if is_large { 1 + (1 << 20) } else { index % 7 * 1000 };
                fs::write(path(index), vec![b'#'; bytes]).unwrap();
                Source::File(path(index))
            })
            .collect()
    }

    fn judge(_: &Arc<str>, text: &[u8]) -> Vec<Said> {
        text.iter().map(|_| Said::Ignored).collect()
    }

    #[test]
    fn all_are_told_once_and_in_their_order() {
        let directory = tempfile::tempdir().unwrap();
        let sources = sources(&directory, 200);
        let mut told = Vec::new();
        let result = run(&sources, judge, |judged| {
            told.push(match judged {
                Judged::Found { name, text, said } => {
                    assert_eq!(text.len(), said.len());
                    name.to_string()
                }
                Judged::Later(source) => {
                    assert!(!source.is_file_within(1 << 20));
                    source.to_string()
                }
            });
            Ok(())
        });
        result.unwrap();
        let expected: Vec<_> = sources.iter().map(ToString::to_string).collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn a_report_that_cannot_be_written_ends_it() {
        let directory = tempfile::tempdir().unwrap();
        let sources = sources(&directory, 100);
        let mut left = 3;
        let result = run(&sources, judge, |_| {
            left -= 1;
            if left == 0 { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
        });
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(left, 0);
    }

    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn a_panic_is_whoever_calls_it() {
        let directory = tempfile::tempdir().unwrap();
        let sources = sources(&directory, 50);
        let judge = |name: &Arc<str>, _: &[u8]| {
            assert!(!name.ends_with("/20.yaml"), "a bug");
            Vec::new()
        };
        let _ = run(&sources, judge, |_| Ok(()));
    }
}

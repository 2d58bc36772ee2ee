//! Searches all sources of a run for Namespaces, on all processors.

use std::{borrow::Cow, fs, io, num::NonZero, thread};

use policy::config::Config;

use crate::input::{self, MAX_TEXT, Source};

use super::Definitions;

/// More threads have nothing to do: disks are slower.
const MAX_THREADS: usize = 8;

/// A source that was searched for Namespaces.
#[derive(Debug)]
pub struct Input<'s> {
    /// The source.
    pub source: &'s Source,
    /// Its text or the error, if it can be read only once (standard input, pipes, renderings), or if it is no manifest.
    text: Option<Result<Vec<u8>, String>>,
}

impl Input<'_> {
    /// Reads the whole text, or returns the one that was read before.
    ///
    /// # Errors
    /// A message for people.
    pub fn read(&self) -> Result<Cow<'_, [u8]>, String> {
        match &self.text {
            Some(Ok(text)) => Ok(text.into()),
            Some(Err(why)) => Err(why.clone()),
            None => self.source.read().map(Cow::Owned),
        }
    }

    /// Reads the whole text of a regular file of at most this many bytes. `None` for anything else and on errors, which
    /// [`Self::read`] reports.
    pub fn read_file_within(&self, bytes: u64) -> Option<Vec<u8>> {
        if self.text.is_some() { None } else { self.source.read_file_within(bytes) }
    }
}

/// Searches all sources for Namespaces. Returns the sources in their order, and the Namespaces.
///
/// # Errors
/// A failure to create a thread.
pub fn scan<'s>(
    sources: &'s [Source],
    config: &Config,
) -> io::Result<(Vec<Input<'s>>, Definitions)> {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = processors.min(MAX_THREADS).min(sources.len());
    thread::scope(|scope| {
        let mut running = Vec::with_capacity(threads);
        for first in 0..threads {
            let work = move || {
                let mut definitions = Definitions::default();
                let sources = sources.iter().skip(first).step_by(threads);
                let inputs = sources.map(|source| search(source, config, &mut definitions));
                (inputs.collect::<Vec<_>>(), definitions)
            };
            // The accepted depth of a manifest must not depend on `ulimit -s`.
            let thread = thread::Builder::new().stack_size(manifest::STACK);
            running.push(thread.spawn_scoped(scope, work)?);
        }
        let (mut inputs, mut all) = (Vec::with_capacity(threads), Definitions::default());
        for thread in running {
            let (part, definitions) =
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            inputs.push(part.into_iter());
            all.extend(definitions);
        }
        let in_order = (0..sources.len()).filter_map(|index| {
            let part = index.checked_rem(threads).and_then(|thread| inputs.get_mut(thread));
            part?.next()
        });
        Ok((in_order.collect(), all))
    })
}

fn search<'s>(source: &'s Source, config: &Config, definitions: &mut Definitions) -> Input<'s> {
    if !is_read_once(source) {
        // Errors are reported when it is judged.
        if let Some(text) = source.read_file_within(MAX_TEXT) {
            definitions.add(&source.to_string(), &text, config);
            // Most files of a repository are no manifests, and are not read again.
            if let Some(sample) = input::sample_of_no_manifest(&text, source.origin()) {
                return Input { source, text: Some(Ok(sample)) };
            }
        }
        return Input { source, text: None };
    }
    let text = source.read();
    if let Ok(text) = &text {
        definitions.add(&source.to_string(), text, config);
    }
    Input { source, text: Some(text) }
}

fn is_read_once(source: &Source) -> bool {
    match source {
        Source::Stdin | Source::Rendered(_) => true,
        Source::File(path, _) => {
            fs::metadata(path).is_ok_and(|about| !about.is_file() && !about.is_dir())
        }
        Source::Unlisted(..) | Source::Skipped(..) => false,
    }
}

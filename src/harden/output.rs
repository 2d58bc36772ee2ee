//! Writes hardened texts to their destinations.

use std::{
    fmt,
    io::{self, Write},
};

use manifest::Line;

use crate::{
    input::{self, Origin, Skip, SkipCounts, Source},
    namespaces::Input,
    sanitize,
};

use super::{
    diff, file,
    text::{Hardened, Hardener, Refused},
};

/// A link may lead to a file that the user does not expect to change.
const OUTSIDE: &str =
    "is a link that leads out of the directory that was named: name it, or where it leads to";

/// A diff is printed where CI runners read commands.
const ALTERED: &str = "the diff shows text that a terminal or a CI runner would take for a command, in another form: \
                       git apply does not take it. Use --in-place";

/// What to do with a text that hardening changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HardenOutput {
    Diff(Colours),
    /// Print all texts, hardened or already complete, one after the other.
    Yaml,
    InPlace,
    Check,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colours {
    Never,
    Always,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HardenTotals {
    pub(crate) changed: usize,
    /// Sources that are hardened already, or contain nothing to harden.
    pub(crate) unchanged: usize,
    pub(crate) refused: usize,
    /// Sources and documents that are not for hardening.
    pub(crate) skipped: usize,
    /// Those in directories that are not named one by one.
    pub(crate) counted: SkipCounts,
    /// Whether hardening sets `runAsNonRoot` for any pod.
    pub(crate) sets_non_root: bool,
}

/// Hardens all sources in order. Writes results to `out`, and failures to `log`, one line each.
pub(crate) fn run<W: Write + Send, L: Write + Send>(
    inputs: &[Input<'_>],
    hardener: &Hardener,
    form: HardenOutput,
    out: W,
    log: L,
) -> io::Result<HardenTotals> {
    let mut run = Run { form, out, log, summary: HardenTotals::default(), before: Before::Nothing };
    input::on_deep_stack(|| run.all(inputs, hardener))?;
    Ok(run.summary)
}

struct Run<W, L> {
    form: HardenOutput,
    out: W,
    log: L,
    summary: HardenTotals,
    /// How the previous text ended, for [`HardenOutput::Yaml`].
    before: Before,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Nothing,
    Line,
    /// It has no final line break.
    CutLine,
}

impl<W: Write, L: Write> Run<W, L> {
    fn all(&mut self, inputs: &[Input<'_>], hardener: &Hardener) -> io::Result<()> {
        for input in inputs {
            let source = input.source;
            match source {
                Source::File(_, Origin::Outside) | Source::Skipped(_, Skip::LinkOutside, _)
                    if self.form != HardenOutput::Yaml =>
                {
                    self.refused(source, &[Refused::whole(OUTSIDE)])?;
                    continue;
                }
                Source::Skipped(_, why, _) => {
                    self.skipped(source, None, why)?;
                    continue;
                }
                _ => {}
            }
            let read = input.read().map_err(|why| vec![Refused::whole(why)]);
            let (name, origin) = (source.to_string(), source.origin());
            let hardened =
                read.and_then(|text| Ok((hardener.harden_from(&name, &text, origin)?, text)));
            match hardened {
                Ok((hardened, text)) => self.hardened(source, &text, &hardened)?,
                Err(refused) => self.refused(source, &refused)?,
            }
        }
        self.out.flush()
    }

    fn hardened(&mut self, source: &Source, old: &[u8], hardened: &Hardened) -> io::Result<()> {
        for (line, why) in &hardened.skipped {
            self.summary.skipped += 1;
            self.say_skipped(source, Some(*line), why)?;
        }
        for (line, why) in &hardened.left_out {
            self.skipped(source, *line, why)?;
        }
        if hardened.text.is_empty() && !hardened.left_out.is_empty() {
            return Ok(());
        }
        if self.form == HardenOutput::Yaml {
            self.text(&hardened.text)?;
        }
        if hardened.edits.is_empty() {
            self.summary.unchanged += 1;
            return Ok(());
        }
        match (self.form, source) {
            (HardenOutput::Diff(colours), source) => {
                let old = str::from_utf8(old).unwrap_or_default();
                let exact = diff::unified(&name(source), old, &hardened.text, &hardened.edits);
                let diff = sanitize::text(&exact);
                if diff != exact {
                    self.say(source, None, ALTERED)?;
                }
                let diff = match colours {
                    Colours::Never => diff,
                    Colours::Always => diff::coloured(&diff),
                };
                self.out.write_all(diff.as_bytes())?;
            }
            (HardenOutput::Check, source) => {
                writeln!(self.out, "{}", sanitize::one_line(&source.to_string()))?;
            }
            (HardenOutput::Yaml, _) => {}
            (HardenOutput::InPlace, Source::File(path, _)) => {
                if let Err(error) = file::replace(path, old, hardened.text.as_bytes()) {
                    let why = format!("cannot be replaced: {error}");
                    return self.refused(source, &[Refused::whole(why)]);
                }
            }
            (HardenOutput::InPlace, _) => {
                let why = "is no file that could be replaced";
                return self.refused(source, &[Refused::whole(why)]);
            }
        }
        self.summary.changed += 1;
        self.summary.sets_non_root |= hardened.sets_non_root;
        Ok(())
    }

    /// Writes a text after others, so that it begins a new document.
    fn text(&mut self, text: &str) -> io::Result<()> {
        let text = match self.before {
            Before::Nothing => text,
            Before::Line | Before::CutLine => text.strip_prefix('\u{feff}').unwrap_or(text),
        };
        if text.is_empty() {
            return Ok(());
        }
        if self.before == Before::CutLine {
            self.out.write_all(b"\n")?;
        }
        if self.before != Before::Nothing {
            self.out.write_all(separator(text).as_bytes())?;
        }
        self.before = if text.ends_with('\n') { Before::Line } else { Before::CutLine };
        self.out.write_all(text.as_bytes())
    }

    /// Names a skipped input, or counts it if it is in a directory and no patch.
    fn skipped(&mut self, source: &Source, line: Option<Line>, why: &Skip) -> io::Result<()> {
        self.summary.skipped += 1;
        let is_listed = matches!(why, Skip::Patch(_));
        if source.origin() == Origin::Named || is_listed || !why.reason().is_common() {
            return self.say_skipped(source, line, why);
        }
        self.summary.counted.add(why.reason());
        Ok(())
    }

    fn say_skipped(
        &mut self,
        source: &Source,
        line: Option<Line>,
        why: &dyn fmt::Display,
    ) -> io::Result<()> {
        self.say(source, line, &format!("skipped: {why}"))
    }

    fn refused(&mut self, source: &Source, refused: &[Refused]) -> io::Result<()> {
        self.summary.refused += 1;
        for Refused { line, why, .. } in refused {
            self.say(source, *line, why)?;
        }
        Ok(())
    }

    /// Writes one line for a source with any name.
    fn say(&mut self, source: &Source, line: Option<Line>, what: &str) -> io::Result<()> {
        let place = line.map_or_else(|| source.to_string(), |line| format!("{source}:{line}"));
        let message = format!("portcullis: {place}: {what}");
        writeln!(self.log, "{}", sanitize::one_line(&message))
    }
}

fn name(source: &Source) -> String {
    match source {
        Source::File(path, _) => diff::name(path),
        Source::Stdin | Source::Rendered(_) | Source::Unlisted(..) | Source::Skipped(..) => {
            "stdin".to_owned()
        }
    }
}

/// The separator between a text and the previous one.
fn separator(text: &str) -> &'static str {
    let mut code = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    match code.next() {
        Some(line) if line.starts_with("---") => "",
        // A directive: the previous document must be ended.
        Some(line) if line.starts_with('%') => "...\n",
        Some(_) | None => "---\n",
    }
}

//! The destination of a report format: `-o json`, or `-o json=report.json`.

use std::{
    fmt,
    io::{self, IsTerminal as _, Write},
    path::{Path, PathBuf},
    str::FromStr,
};

use anstream::adapter::StripBytes;
use clap::ValueEnum as _;

use crate::{
    output_file::{self, OutputFile},
    sanitize::{Harmless, Styles},
};

use super::Format;

/// Names of standard output on Linux.
const STDOUT: [&str; 4] = ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

/// A format and its destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The report format.
    pub format: Format,
    /// The file; none for standard output.
    pub file: Option<PathBuf>,
}

/// The argument is not a format with an optional file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be FORMAT or FORMAT=FILE, where FORMAT is one of {}", formats())]
pub struct InvalidOutput;

fn formats() -> String {
    let formats = Format::value_variants().iter().filter_map(clap::ValueEnum::to_possible_value);
    formats.map(|value| value.get_name().to_owned()).collect::<Vec<_>>().join(", ")
}

impl FromStr for Output {
    type Err = InvalidOutput;

    fn from_str(text: &str) -> Result<Self, InvalidOutput> {
        let (format, file) = match text.split_once('=') {
            Some((_, "")) => return Err(InvalidOutput),
            Some((format, file)) if STDOUT.contains(&file) => (format, None),
            Some((format, file)) => (format, Some(PathBuf::from(file))),
            None => (text, None),
        };
        let format = Format::from_str(format, false).map_err(|_| InvalidOutput)?;
        Ok(Self { format, file })
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(format) = self.format.to_possible_value() {
            f.write_str(format.get_name())?;
        }
        match &self.file {
            Some(file) => write!(f, "={}", file.display()),
            None => Ok(()),
        }
    }
}

impl Format {
    fn is_for_people(self) -> bool {
        matches!(self, Self::Human | Self::Concise)
    }
}

impl Output {
    /// The requested outputs; `human` on standard output by default. At most one may go to standard output, and no two
    /// to one file.
    ///
    /// # Errors
    /// The outputs that conflict.
    pub fn all(asked: &[Self]) -> Result<Vec<Self>, String> {
        for (index, output) in asked.iter().enumerate() {
            let end = output.end();
            if let Some(other) = asked.iter().take(index).find(|other| other.end() == end) {
                let target = match &output.file {
                    Some(file) => file.display().to_string(),
                    None => "standard output".to_owned(),
                };
                return Err(format!(
                    "-o {other} and -o {output} both go to {target}: name a file, as -o FORMAT=FILE"
                ));
            }
        }
        if asked.is_empty() {
            return Ok(vec![Self { format: Format::Human, file: None }]);
        }
        Ok(asked.to_vec())
    }

    /// The file behind all names and links: two outputs with the same one would overwrite each other.
    fn end(&self) -> PathBuf {
        let Some(file) = &self.file else { return output_file::own_stdout() };
        // Opening the file reports the error.
        output_file::end(file).unwrap_or_else(|_| file.clone())
    }

    pub(super) fn open(&self) -> io::Result<To> {
        let Some(file) = &self.file else {
            return Ok(self.to(Stream::Standard(stdout(self.format)), width()));
        };
        let out = OutputFile::create(file).map_err(|error| named(file, &error))?;
        let strip = (self.format.is_for_people() && !out.is_terminal()).then(StripBytes::new);
        Ok(self.to(Stream::File { out: Box::new(out), strip, path: file.clone() }, None))
    }

    fn to(&self, out: Stream, width: Option<usize>) -> To {
        let styles = match self.format {
            Format::Human | Format::Concise => Styles::Kept,
            Format::Yaml | Format::Junit | Format::Html => Styles::Removed,
            Format::Json | Format::Jsonl | Format::Sarif | Format::Github => Styles::Exact,
        };
        To { out: Harmless::new(out, styles), width }
    }
}

/// Colour appears only on a terminal, and only in the format for people.
fn stdout(format: Format) -> super::Out {
    const BUFFER: usize = 1 << 16;
    let out: super::Out = match format.is_for_people() {
        true => Box::new(anstream::AutoStream::auto(io::stdout())),
        false => Box::new(io::stdout()),
    };
    Box::new(io::BufWriter::with_capacity(BUFFER, out))
}

/// The terminal's width in columns, if there is a terminal.
fn width() -> Option<usize> {
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let of_terminal = || terminal_size::terminal_size().map(|(columns, _)| columns.0.into());
    columns.or_else(of_terminal).filter(|columns| *columns > 0 && io::stdout().is_terminal())
}

fn named(file: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", file.display()))
}

pub(super) struct To {
    out: Harmless<Stream>,
    /// The terminal's width in columns, if the destination is one.
    pub(super) width: Option<usize>,
}

enum Stream {
    Standard(super::Out),
    File {
        out: Box<OutputFile>,
        /// Removes colours, which only a terminal shows.
        strip: Option<StripBytes>,
        path: PathBuf,
    },
}

impl To {
    /// Ends the output: a file now gets its name.
    pub(super) fn finish(self) -> io::Result<()> {
        self.out.finish()?.finish()
    }
}

impl Write for To {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Stream {
    fn finish(self) -> io::Result<()> {
        match self {
            Self::Standard(mut out) => out.flush(),
            Self::File { out, path, .. } => out.commit().map_err(|error| named(&path, &error)),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Standard(out) => out.write(bytes),
            Self::File { out, strip: None, path } => {
                out.write(bytes).map_err(|error| named(path, &error))
            }
            Self::File { out, strip: Some(strip), path } => {
                for part in strip.strip_next(bytes) {
                    out.write_all(part).map_err(|error| named(path, &error))?;
                }
                Ok(bytes.len())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Standard(out) => out.flush(),
            Self::File { out, path, .. } => out.flush().map_err(|error| named(path, &error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_read_as_they_are_written() {
        for text in ["human", "json=report.json", "yaml=a=b.yaml"] {
            assert_eq!(text.parse::<Output>().unwrap().to_string(), text);
        }
        for text in ["json=-", "json=/dev/stdout", "json=/proc/self/fd/1"] {
            assert_eq!(text.parse::<Output>().unwrap().to_string(), "json");
        }
        for text in ["", "xml", "json=", "=file"] {
            let error = text.parse::<Output>().unwrap_err().to_string();
            assert!(error.contains("human, concise, json"), "{error}");
        }
    }

    #[test]
    fn two_never_go_to_one_place() {
        let outputs = |texts: &[&str]| {
            let outputs: Vec<_> = texts.iter().map(|text| text.parse().unwrap()).collect();
            Output::all(&outputs)
        };
        assert_eq!(outputs(&[]).unwrap()[0].to_string(), "human");
        assert!(outputs(&["human", "json=a", "yaml=b"]).is_ok());
        assert!(outputs(&["human", "json"]).unwrap_err().contains("standard output"));
        assert!(outputs(&["json=a", "yaml=a"]).unwrap_err().contains("both go to a"));
        assert!(outputs(&["human", "json=//dev/../dev/stdout"]).is_err());
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::os::unix::fs::symlink("a", at("link")).unwrap();
        for other in ["a", "./a", "link"] {
            let other = format!("yaml={}/{other}", folder.path().display());
            let first = format!("json={}", at("a").display());
            assert!(outputs(&[&first, &other]).is_err(), "{other}");
        }
    }
}

//! Manifests from another program: `kubectl kustomize`, `kustomize build`, `helm template`. The programs are found in
//! PATH and run with the user's rights.

use std::{
    env,
    ffi::OsString,
    io::{self, Read as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
};

use manifest::Line;

use super::bounded;

/// Maximum number of characters of a program's error output that are shown.
const MAX_WORDS: usize = 1000;
/// Maximum number of bytes of it that are read; the rest is discarded.
const MAX_COMPLAINT: u64 = 16 << 10;

/// What to render.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rendered {
    /// A directory with a kustomization.
    Kustomize(PathBuf),
    /// A chart.
    Helm {
        /// A directory, an archive or a reference.
        chart: OsString,
        /// Options for helm.
        options: Arc<Vec<OsString>>,
    },
}

impl Rendered {
    /// The manifests.
    ///
    /// # Errors
    /// A message for people: no such program, or its error output.
    pub(super) fn read(&self) -> Result<Vec<u8>, String> {
        let tools = self.tools();
        for tool in &tools {
            match tool.spawn() {
                Ok(child) => return output(child, &tool.name),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(format!("{} cannot be started: {error}", tool.name)),
            }
        }
        let names: Vec<_> = tools.iter().map(|tool| tool.name.as_str()).collect();
        Err(format!("cannot be rendered: there is no {} in PATH", names.join(" and no ")))
    }

    /// Whether a program that can render it is in PATH.
    pub(super) fn is_possible(&self) -> bool {
        let path = env::var_os("PATH").unwrap_or_default();
        let is_in_path =
            |tool: &Tool| env::split_paths(&path).any(|folder| folder.join(&tool.name).is_file());
        self.tools().iter().any(is_in_path)
    }

    /// The templates that Helm names in its output, each with the line of its name. The names begin with that of the chart,
    /// for which its directory is used if it is one.
    pub(super) fn templates(&self, text: &[u8]) -> Vec<(Line, Arc<str>)> {
        let Self::Helm { chart, .. } = self else { return Vec::new() };
        let directory = Some(Path::new(chart)).filter(|chart| chart.is_dir());
        let mut line = Line::FIRST;
        let mut templates = Vec::new();
        for text in text.split_inclusive(|byte| *byte == b'\n') {
            let name = text.strip_prefix(b"# Source: ").and_then(|name| str::from_utf8(name).ok());
            if let Some(name) = name.map(str::trim) {
                let in_chart = name.split_once('/').map(|(_, in_chart)| in_chart);
                let path = directory.zip(in_chart).map(|(chart, name)| chart.join(name));
                let path = path.map(|path| path.display().to_string());
                templates.push((line, path.unwrap_or_else(|| name.to_owned()).into()));
            }
            line = line.after_newlines(text);
        }
        templates
    }

    /// The programs that can render it, in order of preference.
    fn tools(&self) -> Vec<Tool> {
        match self {
            Self::Kustomize(directory) => vec![
                Tool::new("kubectl", ["kustomize".into(), operand(directory)]),
                Tool::new("kustomize", ["build".into(), operand(directory)]),
            ],
            Self::Helm { chart, options } => {
                let chart = operand(Path::new(chart));
                let arguments = ["template".into(), "release-name".into(), chart];
                vec![Tool::new("helm", arguments.into_iter().chain(options.iter().cloned()))]
            }
        }
    }
}

/// Protects a path from being read as an option.
fn operand(path: &Path) -> OsString {
    if path.as_os_str().as_encoded_bytes().starts_with(b"-") {
        Path::new(".").join(path).into_os_string()
    } else {
        path.into()
    }
}

struct Tool {
    name: String,
    arguments: Vec<OsString>,
}

impl Tool {
    fn new(name: &str, arguments: impl IntoIterator<Item = OsString>) -> Self {
        Self { name: name.to_owned(), arguments: arguments.into_iter().collect() }
    }

    fn spawn(&self) -> io::Result<Child> {
        Command::new(&self.name)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
    }
}

/// The standard output of a program that succeeds.
fn output(mut child: Child, name: &str) -> Result<Vec<u8>, String> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let complaint = thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(mut stderr) = stderr {
            let _ = stderr.by_ref().take(MAX_COMPLAINT).read_to_end(&mut text);
            let _ = io::copy(&mut stderr, &mut io::sink());
        }
        String::from_utf8_lossy(&text).into_owned()
    });
    // Closing the pipe also ends the program.
    let text = stdout.map_or_else(|| Ok(Vec::new()), bounded);
    let status = child.wait().map_err(|error| format!("{name} was lost: {error}"))?;
    let complaint = complaint.join().unwrap_or_default();
    let text = text?;
    if status.success() {
        return Ok(text);
    }
    let words = complaint.lines().map(message).flat_map(str::split_whitespace);
    let words = words.collect::<Vec<_>>().join(" ");
    Err(format!("{name} failed ({status}): {}", words.chars().take(MAX_WORDS).collect::<String>()))
}

/// Removes the header that klog writes before a message: `E1130 08:00:00.123456    4711 memcache.go:265] `. The
/// position in Kubernetes' source code is useless to users.
pub(crate) fn message(line: &str) -> &str {
    klog(line).unwrap_or(line)
}

fn klog(line: &str) -> Option<&str> {
    let (head, text) = line.split_once("] ")?;
    let mut words = head.split_whitespace();
    let severity_and_date = words.next()?.strip_prefix(['I', 'W', 'E', 'F'])?;
    let is_date =
        severity_and_date.len() == 4 && severity_and_date.bytes().all(|byte| byte.is_ascii_digit());
    let is_time = words.next()?.split(':').count() == 3;
    let is_thread = words.next()?.bytes().all(|byte| byte.is_ascii_digit());
    let (file, place) = words.next()?.rsplit_once(':')?;
    let is_place = file.ends_with(".go") && place.bytes().all(|byte| byte.is_ascii_digit());
    (is_date && is_time && is_thread && is_place && words.next().is_none()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_never_an_option() {
        assert_eq!(operand(Path::new("--post-renderer=x")), "./--post-renderer=x");
        assert_eq!(operand(Path::new("charts/web")), "charts/web");
    }

    #[test]
    fn what_klog_writes_before_a_line_is_left_out() {
        for (line, expected) in [
            (
                "E1130 08:00:00.123456    4711 memcache.go:265] couldn't get it: refused",
                "couldn't get it: refused",
            ),
            ("W1130 08:00:00.123456       1 warnings.go:70] a] b", "a] b"),
            ("error: no kustomization.yaml", "error: no kustomization.yaml"),
            ("E1130 is no head] of klog", "E1130 is no head] of klog"),
            ("Error: [a] b", "Error: [a] b"),
            ("", ""),
        ] {
            assert_eq!(message(line), expected);
        }
    }
}

//! Runs upstream's policy library in a Go program, connected by pipes.

use std::{
    io::{BufRead, BufReader, BufWriter, Write},
    path::Path,
    process::{Command, Stdio},
    sync::mpsc::sync_channel,
    thread,
};

use policy::pss::LevelVersion;
use serde::Deserialize;

/// A pod, as JSON without line breaks, and its policies.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) pod: String,
    pub(crate) policies: Vec<LevelVersion>,
}

/// Upstream's result for a pod under one policy.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Verdict<'a> {
    pub(crate) allowed: bool,
    /// The ids of the violated controls, in the order of evaluation.
    #[serde(borrow)]
    pub(crate) controls: Vec<&'a str>,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    results: Vec<Verdict<'a>>,
    error: Option<String>,
}

/// Maximum number of pending questions, so that neither side blocks the other.
const UNDERWAY: usize = 4_096;

/// Sends questions to the oracle from another thread, and passes each with its verdicts, one per policy, to `hear`.
pub(crate) fn ask(
    oracle: &Path,
    questions: impl Iterator<Item = Question> + Send,
    mut hear: impl FnMut(&Question, &[Verdict<'_>]),
) {
    let mut child =
        Command::new(oracle).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = BufWriter::with_capacity(1 << 16, child.stdin.take().unwrap());
    let mut output = BufReader::with_capacity(1 << 16, child.stdout.take().unwrap());
    let (asked, questions_asked) = sync_channel(UNDERWAY);
    thread::scope(|scope| {
        scope.spawn(move || {
            // The receiver of the answers notices if a question cannot be sent.
            for question in questions {
                if write(&mut input, &question).is_err() || asked.send(question).is_err() {
                    return;
                }
            }
            let _ = input.flush();
        });
        let mut line = String::new();
        for question in questions_asked {
            line.clear();
            output.read_line(&mut line).unwrap();
            let answer: Answer<'_> = serde_json::from_str(&line)
                .unwrap_or_else(|error| panic!("the oracle ended early ({error}): {line:?}"));
            if let Some(error) = answer.error {
                panic!("the oracle cannot read {}: {error}", question.pod);
            }
            assert_eq!(answer.results.len(), question.policies.len());
            hear(&question, &answer.results);
        }
    });
    assert!(child.wait().unwrap().success());
}

fn write(to: &mut impl Write, question: &Question) -> std::io::Result<()> {
    write!(to, "{{\"policies\":[")?;
    for (i, LevelVersion { level, version }) in question.policies.iter().enumerate() {
        let comma = if i == 0 { "" } else { "," };
        write!(to, "{comma}[\"{level}\",\"{version}\"]")?;
    }
    writeln!(to, "],\"pod\":{}}}", question.pod)
}

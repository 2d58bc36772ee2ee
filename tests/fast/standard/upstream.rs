//! Asks upstream's policy library, in a Go program that is fed through pipes.

use std::{
    io::{BufRead, BufReader, BufWriter, Write},
    path::Path,
    process::{Command, Stdio},
    sync::mpsc::sync_channel,
    thread,
};

use policy::pss::LevelVersion;
use serde::Deserialize;

/// A pod, as JSON without line breaks, and what it is to be judged by.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) pod: String,
    pub(crate) policies: Vec<LevelVersion>,
}

/// What upstream says of a pod under one policy.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Verdict<'a> {
    pub(crate) allowed: bool,
    /// The ids of the controls that the pod breaks, in the order of evaluation.
    #[serde(borrow)]
    pub(crate) controls: Vec<&'a str>,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    results: Vec<Verdict<'a>>,
    error: Option<String>,
}

/// How many questions may be on their way, so that neither side waits for the other.
const UNDERWAY: usize = 4_096;

/// Puts questions to the oracle, and hands each with its verdicts, one a policy, to `hear`. They are asked on
/// another thread while the first answers are heard.
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
            // What cannot be asked any more is noticed by who waits for the answer.
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

//! Runs the program. It asserts nothing.

use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
};

/// How it ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// To its end, with whatever standard input it has.
pub(crate) fn run(command: &mut Command) -> Outcome {
    ended(command.output().unwrap())
}

/// With a text as standard input.
pub(crate) fn run_with(command: &mut Command, input: &[u8]) -> Outcome {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // It may end without reading: that is no error of the test.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    ended(output)
}

fn ended(output: Output) -> Outcome {
    Outcome {
        status: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

//! YAML is read like Go's sigs.k8s.io/yaml reads it, which kubectl uses. The tests run that library.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use manifest::tree::{Booleans, Repeats, Tree};
use serde::Deserialize as _;
use serde_json::Value;

use crate::support::go::{Program, build};

/// Scalars that YAML readers interpret differently.
const SCALARS: &str = "yes no on off y n Y N Yes No On Off YES NO ON OFF true false True False TRUE FALSE \
    ~ null Null NULL nULL '' 'yes' \"no\" !!str,yes !!str,1 !!int,7 !!float,1 !!bool,yes !!null,x \
    0 -0 +0 7 -7 +7 007 0777 -0777 08 09 0o17 0o8 0O17 0x1F 0X1F 0xg 0b11 0b2 1_000 _1 1_ 1__0 0_7 \
    1. .5 1.0 -1.0 +1.5 1e3 1E3 1e+3 1e-3 1.5e3 0.0 -0.0 1e21 1e20 123456789012345678901234567890 \
    9007199254740993 9223372036854775807 9223372036854775808 18446744073709551615 18446744073709551616 \
    -9223372036854775808 -9223372036854775809 0.1 1.10 3.14 1e400000 .inf -.inf .nan .Inf .NaN inf nan \
    1:30 1:30:45 190:20 2001-01-01 2001-01-01T00:00:00Z 1,000 1.2.3 v1.30 1.30 1.31 0x 0b 0o - -- -1- 1-2 \
    = << a<<b @a `a %a 64Mi 100m 5Gi 1K 08:00 0.5.0 1e 1e+ e3 +.5 -.5 +1 ++1 0_ 0x_1 0x1_0 0b1_0";

/// Documents that YAML readers interpret differently.
const DOCUMENTS: &[&str] = &[
    "a: 1\nb: [1, two, 3.0]\n",
    "? a\n: b\n",
    "a:\n- 1\n- 2\nb:\n  - 3\n",
    "a: &x {b: 1, c: 2}\nd: *x\n",
    "a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3\n",
    "a: &x {b: 1}\ne: &y {b: 2, f: 3}\nd:\n  <<: [*x, *y]\n  g: 4\n",
    "d:\n  c: 3\n  <<: {c: 4, e: 5}\n",
    "1: a\ntrue: b\nnull: c\n2.5: d\nyes: e\n",
    "a: |\n  one\n  two\nb: |-\n  one\nc: |+\n  one\n\nd: >\n  one\n  two\n\n  three\ne: >-\n  x\n",
    "a: 'it''s'\nb: \"tab\\tnew\\nline \\u263a \\x41\"\nc: plain # comment\nd: no#comment\n",
    "a: {b: {c: [{d: e}]}}\n",
    "a: \nb:\nc: ''\n",
    "- a\n- - b\n  - c\n- d: e\n  f: g\n",
    "a: {}\nb: []\nc: {x}\n",
    "a: !!binary aGVsbG8=\n",
    "a: !custom x\n",
    "%YAML 1.1\n---\na: yes\n",
    "a: one\n  two\n  three\nb: x\n",
    "\"a b\": 1\n'c': 2\n",
    "a: [\n  1,\n  2,\n]\nb: {x: 1,\n  y: 2,}\n",
    "{\"a\": 1, \"b\": [true, null, \"x\", 1e3, 1.0]}",
    "a: 0x7fffffffffffffff\nb: 0xffffffffffffffff\nc: 0b1111\n",
    "key with spaces: v\nurl: http://a/b:c\ntime: 12:30:45\n",
    "emoji: ☸\nescaped: \"\\U0001F600\"\n",
    "a: - b\n",
    "a: b: c\n",
    "a: [1, 2\n",
    "a: *nowhere\n",
    "a: 'open\n",
    "a: @b\n",
    "a: \"one\ntwo\"\n",
    "a:\n  b: 'one\n\n two\nthree'\nc: d\n",
    "- a: \"{\n  \\\"b\\\": 1\n}\"\n- \"x\n\ty\"\n",
    "a: |\n  no line end",
    "a: >\n  no\n  line end",
    "a: |+\n  x\n\n",
    "a: x\u{feff}y\n",
    "d:\n  c: 3\n  <<: [{c: 4, e: 5}, {e: 6, f: 7}]\n  g: 8\n",
    "a: &x 1\n*x : b\n",
    "a: !!float 3\nb: !!str 3\nc: !!int \"3\"\nd: !!binary a\n",
    "a: ! 3\n",
];

/// Known differences for scalars, as a value, in a list or as a key. None changes the meaning of a pod: they are
/// numbers that API servers reject as users or ports, or texts that only kubectl refuses.
const DIFFERENT: [&str; 12] = [
    // JSON has no such numbers: we report an error, Go fails later.
    ".inf",
    "-.inf",
    ".Inf",
    ".nan",
    ".NaN",
    "1e400000",
    // "-0", which no reader of integers accepts.
    "-0.0",
    // The nearest float, which Go writes with an exponent; as keys, Go refuses the others.
    "-9223372036854775809",
    "9223372036854775808",
    "18446744073709551615",
    // Refused by Go, and by us.
    "!!null,x",
    "-",
];

#[test]
fn awkward_texts_read_as_in_go() {
    let Ok(program) = build(Program::Yaml) else { return };
    let scalars = SCALARS.split_whitespace().filter(|scalar| !DIFFERENT.contains(scalar));
    let scalars = scalars.map(|scalar| scalar.replace(',', " "));
    let in_a_map = scalars.clone().map(|scalar| format!("a: {scalar}\n"));
    let in_a_list = scalars.clone().map(|scalar| format!("[{scalar}]\n"));
    let as_a_key = scalars.map(|scalar| format!("{scalar}: a\n"));
    let documents = DOCUMENTS.iter().map(ToString::to_string);
    let texts: Vec<_> = in_a_map.chain(in_a_list).chain(as_a_key).chain(documents).collect();
    let mut wrong = Vec::new();
    for (text, go) in texts.iter().zip(asked(&program, &texts)) {
        let ours = read(text);
        if ours != go {
            wrong.push(format!("{text:?}: ours {ours:?}, Go's {go:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), texts.len(), wrong.join("\n"));
}

/// Numbers as they are written: 1 differs from 1.0.
fn read(text: &str) -> Option<String> {
    let tree = Tree::parse(text, 0..text.len(), Repeats::Refused).ok()?;
    let value = Value::deserialize(tree.root().value(Booleans::Go)).ok()?;
    Some(value.to_string())
}

/// The result of Go's library for each text; None if it refuses the text.
fn asked(program: &std::path::Path, texts: &[String]) -> Vec<Option<String>> {
    let mut child =
        Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let lines: Vec<_> = texts.iter().map(|text| serde_json::to_string(text).unwrap()).collect();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all((lines.join("\n") + "\n").as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let answers = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Value> =
        answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), texts.len());
    answers.iter().map(|answer| answer.get("json").map(Value::to_string)).collect()
}

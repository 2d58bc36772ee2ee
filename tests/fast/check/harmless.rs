//! No output format lets texts in a manifest or file names control a terminal or a CI runner: hostile texts in every
//! position, in every format.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use proptest::prelude::*;
use serde_json::json;
use tempfile::TempDir;

use crate::support::program::{Outcome, run};

/// Texts that a runner, a terminal or a reader would misinterpret.
const HOSTILE: [&str; 27] = [
    "##[set-output name=a]b",
    "##[error]a",
    "##vso[task.setvariable variable=a]b",
    "##teamcity[buildStatus text='a']",
    "::set-output name=a::b",
    "::add-mask::a",
    "::stop-commands::a",
    "\n::error file=a::b",
    "\n##[section]a",
    "\r::warning::a",
    "\u{1b}[31;47ma",
    "\u{1b}]8;;http://a\u{7}b\u{1b}]8;;\u{7}",
    "\u{1b}[2J\u{1b}[H",
    "\u{9b}31m",
    "\u{9d}0;a\u{9c}",
    "\u{202e}a\u{202c}",
    "\u{2066}a\u{2069}",
    "\u{200e}\u{200f}\u{61c}",
    "\u{200b}\u{200d}\u{feff}",
    "\u{2028}::error::a",
    "\u{85}##[a]",
    "\u{7}\u{8}\u{7f}",
    "\u{e0041}",
    "#",
    "[",
    ":",
    "word ",
];

fn hostile() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(HOSTILE.as_slice()), 1..4)
        .prop_map(|all| all.concat())
}

/// Cycles through the texts.
struct Texts<'t>(std::iter::Cycle<std::slice::Iter<'t, String>>);

impl Texts<'_> {
    fn next(&mut self) -> String {
        self.0.next().unwrap().clone()
    }
}

/// A pod with many violations and a hostile text in every string.
fn pod(texts: &mut Texts<'_>) -> serde_json::Value {
    let mut t = || texts.next();
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": t(), "namespace": t(), "labels": {t(): t()},
            "annotations": {t(): t(), "container.apparmor.security.beta.kubernetes.io/web": t()}},
        "spec": {
            "hostNetwork": true, t(): t(),
            "securityContext": {"sysctls": [{"name": t(), "value": t()}],
                "seLinuxOptions": {"type": t(), "user": t()}, "seccompProfile": {"type": t()}},
            "runtimeClassName": t(),
            "containers": [{"name": t(), "image": t(), "command": [t()], "env": [{"name": t(), "value": t()}],
                "securityContext": {"capabilities": {"add": [t(), t()]}, "procMount": t(),
                    "appArmorProfile": {"type": t()}},
                "ports": [{"hostPort": 1, "name": t()}], "livenessProbe": {"httpGet": {"host": t()}}}],
            "initContainers": [{"name": t(), "image": t()}],
            "volumes": [{"name": t(), "hostPath": {"path": t()}}, {"name": t(), t(): {}}],
        },
    })
}

/// The same as block YAML with comments, so that code frames show its lines.
fn yaml(value: &serde_json::Value, indent: usize, texts: &mut Texts<'_>, out: &mut String) {
    let comment = texts.next().replace(['\n', '\r', '\u{85}', '\u{2028}'], " ");
    let blank = " ".repeat(indent);
    match value {
        serde_json::Value::Object(map) => map.iter().for_each(|(key, value)| {
            let key = json!(key);
            match value {
                serde_json::Value::Object(inner) if !inner.is_empty() => {
                    *out += &format!("{blank}{key}: # {comment}\n");
                    yaml(value, indent + 2, texts, out);
                }
                serde_json::Value::Array(items) => {
                    *out += &format!("{blank}{key}:\n");
                    items.iter().for_each(|item| *out += &format!("{blank}- {item} # {comment}\n"));
                }
                value => *out += &format!("{blank}{key}: {value} # {comment}\n"),
            }
        }),
        other => *out += &format!("{blank}{other}\n"),
    }
}

fn world(all: &[String]) -> TempDir {
    let mut texts = Texts(all.iter().cycle());
    let folder = TempDir::new().unwrap();
    let write = |name: String, text: String| {
        fs::write(folder.path().join(name.replace('/', "|")), text).unwrap();
    };
    let one = pod(&mut texts);
    let mut block = String::new();
    yaml(&one, 0, &mut texts, &mut block);
    write(format!("{}.yaml", texts.next()), block);
    write(format!("{}.json", texts.next()), one.to_string());
    let printable = texts.next().replace(|c: char| c.is_control(), " ");
    write(
        format!("{}.yml", texts.next()),
        format!(
            "# {printable}\napiVersion: v1\nkind: Pod\nmetadata: {{name: web}} # {printable}\nspec:\n  hostPID: true # {printable}\n  containers: # {printable}\n  - name: web # {printable}\n    image: web # {printable}\n    {{a: \"##[b]\"}}\n"
        )
        .replace("    {a: \"##[b]\"}\n", ""),
    );
    write(format!("broken{}.yaml", texts.next()), format!("a: [{}\n", texts.next()));
    write(
        "patch.yaml".to_owned(),
        json!([{"op": "add", "path": "/a", "value": texts.next()}]).to_string(),
    );
    let patch = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": texts.next()},
        "spec": {"containers": [{"name": texts.next()}]}});
    write(format!("patch{}.json", texts.next()), patch.to_string());
    write("kustomization.yaml".to_owned(), format!("kind: {}\n", json!(texts.next())));
    let case = |texts: &mut Texts<'_>| {
        json!({"name": texts.next(), "manifest": pod(texts).to_string(),
            "expect": [{"workload": texts.next(), "verdict": "allowed"}]})
    };
    let suite = json!({"apiVersion": "portcullis.dev/v1alpha1", "kind": "PolicyTest", "name": texts.next(),
        "cases": [case(&mut texts), case(&mut texts)]});
    fs::create_dir(folder.path().join("tests")).unwrap();
    fs::write(folder.path().join("tests/portcullis-test.yaml"), suite.to_string()).unwrap();
    folder
}

fn portcullis(folder: &Path, args: &[&str], has_colours: bool) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(args).current_dir(folder).stdin(Stdio::null()).env_remove("CLICOLOR_FORCE");
    if has_colours {
        command.env("CLICOLOR_FORCE", "1");
    }
    run(&mut command)
}

/// Without the program's own colours.
fn unstyled(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_digit() && c != ';');
        match end.filter(|end| part[*end..].starts_with('m') && !part.starts_with("31;47")) {
            Some(end) => plain.push_str(&part[end + 1..]),
            None => plain.push_str(&format!("\u{1b}[{part}")),
        }
    }
    plain
}

fn is_harmless(text: &str, has_colours: bool, what: &dyn std::fmt::Debug) {
    let text = if has_colours { unstyled(text) } else { text.to_owned() };
    for line in text.split('\n') {
        let acts = |at: usize| {
            let rest = line[at + 2..].trim_start_matches(|c: char| c.is_ascii_alphabetic());
            rest.starts_with('[')
        };
        assert!(!line.match_indices("##").any(|(at, _)| acts(at)), "{what:?}: {line:?}");
        // The second of two overlapping commands.
        assert!(!line.contains("###["), "{what:?}: {line:?}");
        if let Some(command) = line.trim_start().strip_prefix("::") {
            let ours = ["error ", "warning ", "notice "];
            assert!(ours.iter().any(|own| command.starts_with(own)), "{what:?}: {line:?}");
            assert!(format!("{what:?}").contains("github"), "{what:?}: {line:?}");
        }
        let hidden = line.chars().find(|c| {
            (c.is_control() && *c != '\t')
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                    | '\u{61c}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
        });
        assert_eq!(hidden, None, "{what:?}: {line:?}");
    }
}

fn all_is_harmless(folder: &Path, args: &[&str]) {
    for has_colours in [false, true] {
        let outcome = portcullis(folder, args, has_colours);
        assert!(outcome.status.is_some_and(|status| status < 3), "{args:?}: {outcome:?}");
        is_harmless(&outcome.out, has_colours, &args);
        is_harmless(&outcome.err, has_colours, &args);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_others_wrote_acts(all in prop::collection::vec(hostile(), 7..40)) {
        let folder = world(&all);
        for form in ["human", "concise", "json", "jsonl", "yaml", "sarif", "junit", "github", "html"] {
            all_is_harmless(folder.path(), &["check", "-o", form, "--level", "restricted", "."]);
        }
        all_is_harmless(folder.path(), &["check", "--trace", "."]);
        for form in ["human", "json", "junit"] {
            all_is_harmless(folder.path(), &["test", "--trace", "-o", form, "tests"]);
        }
        all_is_harmless(folder.path(), &["harden", "."]);
        all_is_harmless(folder.path(), &["harden", "--check", "."]);
        let text = &*all[0];
        for args in [
            &["explain", text][..], &["check", text], &["harden", "-i", text], &["check", "--config", text],
            &["check", "--exceptions", text], &["check", "--level", text], &["check", "-o", text],
            &["check", "--label", text], &["test", text], &[text], &["check", "-k", text],
            &["check", "-o", &format!("json=none/{text}"), "patch.yaml"],
        ] {
            all_is_harmless(folder.path(), args);
        }
    }
}

/// A name of one character becomes a command only together with the text that the program prints after it.
#[test]
fn a_name_of_one_sign_begins_no_command() {
    for name in [":", "#", "##", "##error"] {
        let folder = world(&[name.to_owned()]);
        for args in [
            &["check", "-o", "human", name][..],
            &["check", "-o", "concise", name],
            &["check", "--config", name],
            &["test", name],
            &["harden", name],
            &["explain", name],
        ] {
            all_is_harmless(folder.path(), args);
        }
    }
}

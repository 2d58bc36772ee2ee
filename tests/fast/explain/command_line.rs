//! `portcullis explain` and `portcullis completion`: output and exit status.

use std::process::{Command, Stdio};

use policy::pss::CONTROLS;
use portcullis::explain;

use crate::{
    explain::program::{PORTCULLIS, link, portcullis, run},
    support::process::Folder,
};

#[test]
fn alone_it_lists_every_control_once() {
    let outcome = portcullis(&["explain"]);
    assert_eq!((outcome.status, &*outcome.err), (Some(0), ""));
    for control in CONTROLS {
        let start = format!("- `{}`", control.id);
        let lines = outcome.out.lines().filter(|line| line.starts_with(&start)).count();
        assert_eq!(lines, 1, "{}: {}", control.id, outcome.out);
    }
}

#[test]
fn a_control_is_explained_as_plain_markdown() {
    for control in CONTROLS {
        let outcome = portcullis(&["explain", control.id]);
        assert_eq!((outcome.status, &*outcome.err), (Some(0), ""));
        assert_eq!(outcome.out, explain::page(&explain::of(control.id).unwrap()));
        assert!(!outcome.out.contains('\u{1b}'));
    }
}

#[test]
fn a_rule_is_explained_by_its_name_and_listed_apart() {
    for word in ["imageTag", "rules/imageTag"] {
        let outcome = portcullis(&["explain", word]);
        assert_eq!((outcome.status, &*outcome.err), (Some(0), ""));
        assert_eq!(outcome.out, explain::page(&explain::of("rules/imageTag").unwrap()));
    }
    let list = portcullis(&["explain"]).out;
    let (controls, rules) = list.split_once("\n## Rules (off unless configured)\n").unwrap();
    assert!(!controls.contains("`rules/"), "{controls}");
    let (rules, lints) = rules.split_once("\n## Lints (settings without effect)\n").unwrap();
    assert_eq!(lints.matches("- `lint/").count(), explain::lints().count());
    let items: Vec<_> = rules.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(items.len(), 16, "{rules}");
    assert!(items.iter().all(|item| item.starts_with("- `rules/")), "{rules}");
}

#[test]
fn for_a_terminal_it_is_styled() {
    let outcome =
        run(Command::new(PORTCULLIS).args(["explain", "privileged"]).env("CLICOLOR_FORCE", "1"));
    assert_eq!(outcome.status, Some(0));
    assert!(outcome.out.contains("\u{1b}[1mWhat it forbids\u{1b}[0m\n"), "{}", outcome.out);
    assert!(!outcome.out.contains("```"), "{}", outcome.out);
}

#[test]
fn a_family_is_listed() {
    let outcome = portcullis(&["explain", "capabilities"]);
    assert_eq!(outcome.status, Some(0));
    let items: Vec<_> = outcome.out.lines().filter(|line| line.starts_with("- ")).collect();
    let [baseline, restricted, rule] = items[..] else { panic!("{items:?}") };
    assert!(baseline.starts_with("- `capabilities_baseline`: "), "{baseline}");
    assert!(restricted.starts_with("- `capabilities_restricted` (since v1.22): "), "{restricted}");
    assert!(rule.starts_with("- `rules/addedCapabilities`: "), "{rule}");
}

#[test]
fn an_unknown_one_is_answered_with_what_was_perhaps_meant() {
    let outcome = portcullis(&["explain", "runAsNoRoot"]);
    let expected =
        "portcullis: there is no control or rule \"runAsNoRoot\"; did you mean \"runAsNonRoot\"?\n";
    assert_eq!((outcome.status, &*outcome.out, &*outcome.err), (Some(2), "", expected));
}

#[test]
fn a_reader_that_closes_the_pipe_early_causes_no_error() {
    let mut child = Command::new(PORTCULLIS)
        .args(["explain", "runAsNonRoot"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn every_shell_gets_a_script_for_the_program_as_it_was_called() {
    let folder = Folder::new("completion");
    let own = link(&folder, "pc");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let outcome = portcullis(&["completion", shell]);
        assert_eq!((outcome.status, &*outcome.err), (Some(0), ""), "{shell}");
        assert!(outcome.out.contains("portcullis"), "{shell}");
        assert!(outcome.out.contains("explain"), "{shell}");
        let renamed = run(Command::new(&own).args(["completion", shell]));
        assert!(renamed.out.contains("pc"), "{shell}");
        assert_ne!(renamed.out, outcome.out, "{shell}");
    }
    let outcome = portcullis(&["completion", "tcsh"]);
    assert_eq!(outcome.status, Some(2));
    assert!(outcome.err.contains("bash, elvish, fish, powershell, zsh"), "{}", outcome.err);
}

/// A real shell sources the script and completes a line.
#[test]
fn bash_completes_commands_and_ids() {
    let asked = |words: &str, last: usize| {
        let script = format!(
            "source <({PORTCULLIS} completion bash)\n\
             COMP_WORDS=({words}); COMP_CWORD={last}\n\
             _portcullis portcullis \"${{COMP_WORDS[{last}]}}\" \"${{COMP_WORDS[{last}-1]}}\"\n\
             printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        run(Command::new("bash").args(["-c", &script])).out
    };
    assert_eq!(asked("portcullis exp", 1), "explain\n");
    assert_eq!(asked("portcullis explain runAs", 2), "runAsNonRoot\nrunAsUser\n");
}

//! The kubectl plugin, with kubectl if it is installed, and without.

use std::process::Command;

use portcullis::explain;

use crate::{
    explain::program::{Outcome, link, path_with, run},
    support::process::{Folder, is_installed},
};

const PLUGIN: &str = "kubectl-portcullis";
const COMPLETION: &str = "kubectl_complete-portcullis";

fn plugin(args: &[&str]) -> Outcome {
    let folder = Folder::new("plugin");
    run(Command::new(link(&folder, PLUGIN)).args(args))
}

fn complete(words: &[&str]) -> Vec<String> {
    let folder = Folder::new("plugin-complete");
    let outcome = run(Command::new(link(&folder, COMPLETION)).args(words));
    assert_eq!((outcome.status, &*outcome.err), (Some(0), ""));
    outcome.out.lines().map(str::to_owned).collect()
}

/// Runs kubectl, if it is installed, with both links in its PATH and no user settings.
fn kubectl(args: &[&str]) -> Option<Outcome> {
    if !is_installed("kubectl") {
        return None;
    }
    let folder = Folder::new("kubectl");
    link(&folder, PLUGIN);
    link(&folder, COMPLETION);
    let mut command = Command::new("kubectl");
    command.args(args).env("PATH", path_with(folder.path())).env("HOME", folder.path());
    Some(run(command.env("KUBECONFIG", "/dev/null")))
}

#[test]
fn help_and_errors_say_kubectl_portcullis() {
    let help = plugin(&["--help"]);
    assert_eq!(help.status, Some(0));
    assert!(help.out.contains("Usage: kubectl portcullis <COMMAND>"), "{}", help.out);
    let help = plugin(&["explain", "--help"]);
    assert!(help.out.contains("Usage: kubectl portcullis explain [CONTROL]"), "{}", help.out);
    let wrong = plugin(&["explian"]);
    assert_eq!(wrong.status, Some(2));
    assert!(wrong.err.starts_with("kubectl portcullis: unrecognized subcommand"), "{}", wrong.err);
    let unknown = plugin(&["explain", "runAsNoRoot"]);
    assert_eq!(unknown.status, Some(2));
    assert!(unknown.err.starts_with("kubectl portcullis: there is no control"), "{}", unknown.err);
}

#[test]
fn words_are_completed_in_cobra_s_words() {
    let commands = complete(&["exp"]);
    let [explain, directive] = &commands[..] else { panic!("{commands:?}") };
    assert!(explain.starts_with("explain\tExplain a control or a rule"), "{explain}");
    assert_eq!(directive, ":4");

    assert_eq!(
        complete(&["explain", "runAs"]),
        ["runAsNonRoot\tno container starts as root", "runAsUser\tno user id 0", ":4"]
    );
    assert_eq!(
        complete(&["explain", ""]).len(),
        explain::all().count() + explain::lints().count() + 1
    );
    assert_eq!(complete(&["completion", "z"]), ["zsh", ":4"]);
    assert_eq!(complete(&["check", ""]), [":0"]);
    assert_eq!(complete(&["check", "--level", ""]), ["privileged", "baseline", "restricted", ":4"]);
    let forms = complete(&["audit", "-o", "j"]);
    let names: Vec<_> = forms.iter().filter_map(|form| form.split('\t').next()).collect();
    assert_eq!(names, ["json", "jsonl", "junit", ":4"]);
    assert_eq!(complete(&["man", ""]), [":16"]);
    assert_eq!(complete(&["check", "web.yaml", "--", ""]), [":0"]);
    assert_eq!(complete(&["check", "--config", ""]), [":0"]);
    assert_eq!(complete(&["check", "--level=r"]), ["--level=restricted", ":4"]);
    assert_eq!(complete(&["check", "--level", "baseline", "web.yaml", "--lev"]).len(), 2);
    assert_eq!(complete(&["nothing-like-it"]), [":4"]);
    let flags = complete(&["check", "--lev"]);
    assert!(flags[0].starts_with("--level\tLevel to check"), "{flags:?}");
    assert_eq!(flags[1..], [":4"]);
    assert_eq!(complete(&[]), [":4"]);
}

#[test]
fn kubectl_runs_it() {
    let Some(outcome) = kubectl(&["portcullis", "explain", "privileged"]) else { return };
    let expected = explain::page(&explain::of("privileged").unwrap());
    assert_eq!((outcome.status, outcome.out), (Some(0), expected));
    let Some(wrong) = kubectl(&["portcullis", "explain", "nothing-like-it"]) else { return };
    assert_eq!(wrong.status, Some(2));
    assert!(wrong.err.contains("kubectl portcullis: there is no control"), "{}", wrong.err);
}

#[test]
fn kubectl_has_it_complete() {
    let Some(outcome) = kubectl(&["__complete", "portcullis", "exp"]) else { return };
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    let lines: Vec<&str> = outcome.out.lines().collect();
    let [explain, directive] = lines[..] else { panic!("{outcome:?}") };
    assert!(explain.starts_with("explain\tExplain a control or a rule"), "{outcome:?}");
    assert_eq!(directive, ":4");
    let Some(outcome) = kubectl(&["__complete", "portcullis", "explain", "seccomp"]) else {
        return;
    };
    let ids: Vec<_> = outcome.out.lines().filter_map(|line| line.split('\t').next()).collect();
    assert_eq!(ids, ["seccompProfile_baseline", "seccompProfile_restricted", ":4"], "{outcome:?}");
}

//! `action.yml`, `.pre-commit-hooks.yaml` and `docs/ci.md`: what they run exists, and the scripts of the action work in
//! a real bash.

use std::{
    collections::BTreeMap, fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command,
};

use serde::Deserialize;

use crate::{
    explain::program::{Outcome, PORTCULLIS, path_with, portcullis, run},
    support::process::Folder,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Action {
    name: String,
    description: String,
    author: String,
    branding: BTreeMap<String, String>,
    inputs: BTreeMap<String, Input>,
    outputs: BTreeMap<String, Output>,
    runs: Runs,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    description: String,
    default: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Output {
    description: String,
    value: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Runs {
    using: String,
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    name: String,
    id: String,
    shell: String,
    env: BTreeMap<String, String>,
    run: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hook {
    id: String,
    name: String,
    description: String,
    entry: String,
    language: String,
    types: Vec<String>,
    require_serial: bool,
}

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

fn action() -> Action {
    serde_saphyr::from_str(&read("action.yml")).unwrap()
}

/// Runs a step as GitHub would, with these variables instead of its inputs. Returns its outputs too.
fn step(id: &str, folder: &Folder, variables: &[(&str, &str)]) -> (Outcome, String) {
    let action = action();
    let step = action.runs.steps.iter().find(|step| step.id == id).unwrap();
    let outputs = folder.write("outputs", "");
    let script = folder.write("script", &step.run);
    let mut command = Command::new("bash");
    command.args(["--noprofile", "--norc", "-eo", "pipefail"]).arg(script);
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command.env("PATH", path_with(folder.path())).env("RUNNER_TEMP", folder.path());
    command.env("GITHUB_OUTPUT", &outputs);
    let unset = step.env.keys().filter(|name| variables.iter().all(|(set, _)| set != name));
    command.envs(unset.map(|name| (name.as_str(), "")));
    command.envs(variables.iter().copied());
    (run(&mut command), fs::read_to_string(outputs).unwrap())
}

fn executable(folder: &Folder, name: &str, script: &str) -> String {
    let path = folder.write(name, script);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn the_action_s_inputs_are_used_and_never_written_into_a_script() {
    let action = action();
    assert_eq!(action.runs.using, "composite");
    assert!(!action.name.is_empty() && !action.description.is_empty());
    assert!(!action.author.is_empty() && action.branding.contains_key("icon"));
    let mut used: Vec<String> = Vec::new();
    for step in &action.runs.steps {
        assert_eq!(step.shell, "bash", "{}", step.name);
        // An expression in a script would run code from the author of the input.
        assert!(!step.run.contains("${{"), "{}", step.name);
        used.extend(step.env.values().cloned());
    }
    for (name, input) in &action.inputs {
        assert!(!input.description.is_empty(), "{name}");
        assert!(used.contains(&format!("${{{{ inputs.{name} }}}}")), "{name} is not used");
        // The page names each input and its default.
        let row = match &*input.default {
            "" => format!("| `{name}` | |"),
            default => format!("| `{name}` | `{default}` |"),
        };
        assert!(read("docs/ci.md").contains(&row), "docs/ci.md lacks {row}");
    }
    for (name, output) in &action.outputs {
        assert!(!output.description.is_empty());
        assert_eq!(output.value, format!("${{{{ steps.check.outputs.{name} }}}}"));
    }
    let version = concat!("v", env!("CARGO_PKG_VERSION"));
    assert_eq!(action.inputs["version"].default, version);
}

#[test]
fn the_action_passes_its_inputs_to_check() {
    let folder = Folder::new("action-check");
    let recorder = executable(&folder, "recorder", "#!/bin/sh\nprintf '%s\\n' \"$@\"\nexit 1\n");
    let (outcome, outputs) = step(
        "check",
        &folder,
        &[
            ("PROGRAM", &recorder),
            ("PATHS", "deploy/a b\n\n$(touch x)/*.yaml\n"),
            ("EXCLUDE", "legacy/*\n\n-o=x\n"),
            ("RENDER", "true"),
            ("LEVEL", "restricted"),
            ("POLICY_VERSION", "v1.34"),
            ("FAIL_ON", "baseline"),
            ("FORMAT", "sarif"),
            ("SARIF_FILE", "out.sarif"),
        ],
    );
    let expected = "check\n-R\n--exclude=legacy/*\n--exclude=-o=x\n--render\n--level\nrestricted\n--policy-version\nv1.34\n--fail-on\nbaseline\n\
                    -o\nhuman\n-o\nsarif=out.sarif\n--\ndeploy/a b\n$(touch x)/*.yaml\n";
    assert_eq!((outcome.status, &*outcome.out), (Some(1), expected));
    assert_eq!(outputs, "sarif-file=out.sarif\nexit-status=1\n");

    let github = [("PROGRAM", &*recorder), ("PATHS", "."), ("FORMAT", "github")];
    let (outcome, _) = step("check", &folder, &github);
    assert_eq!(outcome.out, "check\n-R\n-o\ngithub\n--\n.\n");
    let (outcome, _) = step("check", &folder, &[("PROGRAM", &recorder), ("FORMAT", "xml")]);
    assert_eq!(outcome.status, Some(2));
    assert_eq!(outcome.out, "::error::the input format must be github, sarif or human\n");
}

#[test]
fn the_action_checks_with_the_real_program() {
    let folder = Folder::new("action-real");
    let sarif = folder.path().join("out.sarif");
    let good = folder.write("good.yaml", portcullis::explain::of("runAsNonRoot").unwrap().good);
    let bad = folder.write("bad.yaml", portcullis::explain::of("runAsNonRoot").unwrap().bad);
    for (file, status) in [(good, 0), (bad, 1)] {
        let (outcome, outputs) = step(
            "check",
            &folder,
            &[
                ("PROGRAM", PORTCULLIS),
                ("PATHS", file.to_str().unwrap()),
                ("LEVEL", "restricted"),
                ("FORMAT", "sarif"),
                ("SARIF_FILE", sarif.to_str().unwrap()),
            ],
        );
        assert_eq!(outcome.status, Some(status), "{outcome:?}");
        assert!(outputs.ends_with(&format!("exit-status={status}\n")), "{outputs}");
        let sarif: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(&sarif).unwrap()).unwrap();
        assert_eq!(sarif["version"], "2.1.0");
    }
}

/// With a curl that takes files from a folder.
#[test]
fn the_action_installs_what_has_the_checksum() {
    let folder = Folder::new("action-install");
    let archive = "portcullis-v9.9.9-linux-amd64.tar.gz";
    executable(&folder, "portcullis", "#!/bin/sh\necho installed\n");
    let tar = Command::new("tar")
        .current_dir(folder.path())
        .args(["-czf", archive, "portcullis"])
        .status();
    assert!(tar.unwrap().success());
    let sum = Command::new("sha256sum").current_dir(folder.path()).arg(archive).output().unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap();
    let sha256 = sum.split(' ').next().unwrap().to_owned();
    let script = format!(
        "#!/bin/sh\nfor last; do :; done\necho \"$last\" >&2\nwhile [ \"$1\" != --output ]; do shift; done\n\
         cp \"{}/${{last##*/}}\" \"$2\"\n",
        folder.path().display()
    );
    executable(&folder, "curl", &script);
    let machine = [
        ("RUNNER_OS", "Linux"),
        ("RUNNER_ARCH", "X64"),
        ("VERSION", "v9.9.9"),
        ("ACTION_REPOSITORY", "acme/portcullis"),
    ];
    let install = |more: &[(&str, &str)]| step("install", &folder, &[&machine, more].concat());
    let is_installed = |(outcome, outputs): (Outcome, String)| {
        assert_eq!(outcome.status, Some(0), "{outcome:?}");
        let program = outputs.trim().strip_prefix("program=").unwrap().to_owned();
        assert_eq!(run(&mut Command::new(program)).out, "installed\n");
    };

    folder.write("SHA256SUMS", format!("{sum}{}  other.tar.gz\n", "0".repeat(64)));
    is_installed(install(&[]));
    is_installed(install(&[("SHA256", &sha256)]));

    // Downloads from the releases of the action's own or the named repository, never from a fixed account.
    let asked = |more: &[(&str, &str)]| install(more).0.err.lines().next().map(str::to_owned);
    let release = |host: &str| format!("{host}/portcullis/releases/download/v9.9.9/{archive}");
    assert_eq!(asked(&[]), Some(release("https://github.com/acme")));
    let named = [("REPOSITORY", "b/portcullis"), ("GITHUB_SERVER_URL", "https://git.example")];
    assert_eq!(asked(&named), Some(release("https://git.example/b")));
    let (outcome, outputs) = install(&[("ACTION_REPOSITORY", "")]);
    assert_eq!((outcome.status, &*outputs), (Some(2), ""));
    assert!(outcome.out.starts_with("::error::it is not known who publishes"), "{outcome:?}");

    let refused = format!("::error::{archive} does not have the checksum that it must have\n");
    let wrong = "0".repeat(64);
    for (sums, given) in [(&*sum, &*wrong), (&*format!("{wrong}  {archive}\n"), ""), ("", "")] {
        folder.write("SHA256SUMS", sums);
        let (outcome, outputs) = install(&[("SHA256", given)]);
        assert_eq!(outcome.status, Some(2), "{outcome:?}");
        assert!(outcome.out.ends_with(&refused), "{outcome:?}");
        assert_eq!(outputs, "");
    }

    let (outcome, _) =
        step("install", &folder, &[("RUNNER_OS", "Windows"), ("RUNNER_ARCH", "X64")]);
    assert_eq!(outcome.status, Some(2));
    assert!(outcome.out.starts_with("::error::there is no release for Windows-X64"), "{outcome:?}");
    let (_, outputs) = step("install", &folder, &[("PROGRAM", "/opt/portcullis")]);
    assert_eq!(outputs, "program=/opt/portcullis\n");
}

#[test]
fn the_hooks_are_pre_commit_s() {
    let hooks: Vec<Hook> = serde_saphyr::from_str(&read(".pre-commit-hooks.yaml")).unwrap();
    let ids: Vec<_> = hooks.iter().map(|hook| (&*hook.id, &*hook.language)).collect();
    let expected = [
        ("portcullis-check", "rust"),
        ("portcullis-check-system", "system"),
        ("portcullis-harden", "rust"),
        ("portcullis-harden-system", "system"),
    ];
    assert_eq!(ids, expected);
    for hook in &hooks {
        assert!(!hook.name.is_empty() && !hook.description.is_empty());
        assert_eq!(hook.types, ["yaml"]);
        let command = hook.id.split('-').nth(1).unwrap();
        assert!(hook.entry.starts_with(&format!("portcullis {command}")), "{}", hook.entry);
        assert!(hook.entry.ends_with(" --"), "{}: pre-commit appends names of files", hook.entry);
        // One report: two processes must not write the same file.
        assert!(hook.require_serial);
    }
}

/// As pre-commit runs them: the words of the entry, then file names.
#[test]
fn a_hook_s_files_are_never_options() {
    let hooks: Vec<Hook> = serde_saphyr::from_str(&read(".pre-commit-hooks.yaml")).unwrap();
    let names = ["--config=x.yaml", "-o=json.yaml", "--help.yaml", "-i.yaml", "--level.yaml", "--"];
    for hook in hooks {
        let folder = Folder::new(&format!("hook-{}", hook.id));
        for name in names {
            folder.write(name, portcullis::explain::of("runAsNonRoot").unwrap().bad);
        }
        let (program, arguments) = hook.entry.split_once(' ').unwrap();
        assert_eq!(program, "portcullis");
        let mut command = Command::new(PORTCULLIS);
        command.args(arguments.split(' ')).args(names).current_dir(folder.path());
        let outcome = run(&mut command);
        let output = format!("{}{}", outcome.out, outcome.err);
        if arguments.starts_with("check") {
            assert_eq!(outcome.status, Some(0), "{outcome:?}");
            assert!(outcome.out.contains("6 objects judged"), "{outcome:?}");
        } else {
            assert_eq!(outcome.status, Some(0), "{outcome:?}");
            assert!(output.contains("6 files hardened"), "{output}");
        }
    }
}

/// The flags in the help of a command.
fn flags(command: &str) -> Vec<String> {
    let help = portcullis(&[command, "--help"]);
    assert_eq!(help.status, Some(0), "there is no command {command}");
    let words = help.out.split([' ', ',', '\n', '=', '[', ']']);
    words.filter(|word| word.starts_with('-')).map(str::to_owned).collect()
}

/// Lines that run the program, each with its command and arguments.
fn uses(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().flat_map(|line| line.split("portcullis ").skip(1));
    lines
        .filter_map(|rest| {
            let (command, rest) = rest.split_once(' ')?;
            let is_command = ["check", "harden", "audit"].contains(&command);
            let end = rest.find(['`', '|', ';']).unwrap_or(rest.len());
            is_command.then(|| (command.to_owned(), rest[..end].to_owned()))
        })
        .collect()
}

#[test]
fn every_flag_that_is_used_exists() {
    let hooks = read(".pre-commit-hooks.yaml");
    let mut uses_ = [uses(&read("docs/ci.md")), uses(&hooks)].concat();
    let check = &action().runs.steps[1].run;
    for line in check.lines().filter(|line| line.contains("arguments")) {
        uses_.push(("check".to_owned(), line.replace(['(', ')', ';'], " ")));
    }
    let mut count = 0;
    for (command, words) in uses_ {
        let known = flags(&command);
        for word in words.split_whitespace() {
            // `[ -n` belongs to the shell.
            if word.starts_with('-') && !word.trim_matches('-').is_empty() && word != "-n" {
                let flag = word.split('=').next().unwrap();
                assert!(
                    known.iter().any(|known| known == flag),
                    "{command} has no {flag}: {words}"
                );
                count += 1;
            }
        }
    }
    assert!(count > 20, "only {count} flags are used");
}

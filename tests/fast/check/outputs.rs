//! Output files: devices and pipes are written to directly, links are kept, and no temporary file remains.

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::fs::{FileTypeExt as _, MetadataExt as _, symlink},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::check::program::{check, command};

const POD: &str = "tests/manifests/clean.yaml";

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap();
    names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn is_report(text: &str) {
    let report: Value = serde_json::from_str(text).unwrap();
    assert_eq!(report["schema"], "portcullis.dev/report/v1");
}

/// Runs a script with the program as `$0`.
fn shell(script: &str, folder: &Path) -> std::process::Output {
    let mut command = Command::new("bash");
    command.args(["-c", script, env!("CARGO_BIN_EXE_portcullis")]).current_dir(folder);
    command.env("POD", Path::new(env!("CARGO_MANIFEST_DIR")).join(POD)).output().unwrap()
}

#[test]
fn a_device_stays_a_device() {
    let is_device = || fs::symlink_metadata("/dev/null").unwrap().file_type().is_char_device();
    assert!(is_device());
    for form in ["human", "concise", "json", "jsonl", "yaml", "sarif", "junit", "github", "html"] {
        let outcome = check(&["-o", &format!("{form}=/dev/null"), POD]);
        assert_eq!((outcome.status, outcome.out.as_str()), (Some(0), ""), "{}", outcome.err);
        assert!(is_device(), "{form}");
    }
}

/// Colours are for terminals, whatever the environment asks for on standard output.
#[test]
fn a_file_has_no_colours() {
    let folder = TempDir::new().unwrap();
    for form in ["human", "concise"] {
        let script = format!(
            "CLICOLOR_FORCE=1 $0 check --level restricted $BAD -o {form}=report; cat report"
        );
        let mut command = Command::new("bash");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_portcullis")]).current_dir(folder.path());
        let bad = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/check/shop/storefront.yaml");
        let output = command.env("BAD", bad).output().unwrap();
        assert!(!output.stdout.is_empty() && !output.stdout.contains(&0x1b), "{form}");
    }
}

#[test]
fn what_a_shell_has_opened_is_written_to() {
    let folder = TempDir::new().unwrap();
    for (script, is_in) in [
        ("$0 check $POD -o json=/dev/stdout", ""),
        ("$0 check $POD -o json=/dev/stdout | cat", ""),
        ("$0 check $POD -o json=/proc/self/fd/1 | cat", ""),
        ("$0 check $POD -o human=/dev/null -o json=/dev/stderr 2>&1", ""),
        ("$0 check $POD -o json=/dev/fd/5 5>&1 | cat", ""),
        ("$0 check $POD -o json=>(cat >substituted) && wait $! && cat substituted", ""),
        ("echo before >file; $0 check $POD -o json=/dev/stdout >>file; echo after >>file", "file"),
        ("{ echo before; $0 check $POD -o json=/dev/stdout; echo after; } >file", "file"),
        ("{ echo before; $0 check $POD -o json=/dev/stderr; echo after >&2; } >file 2>&1", "file"),
        ("{ echo before >&5; $0 check $POD -o json=/dev/fd/5; } 5>file; echo after >>file", "file"),
    ] {
        let output = shell(script, folder.path());
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        let text = match is_in {
            "" => String::from_utf8(output.stdout).unwrap(),
            file => {
                let text = fs::read_to_string(folder.path().join(file)).unwrap();
                let inner = text.strip_prefix("before\n").and_then(|it| it.strip_suffix("after\n"));
                inner.unwrap_or_else(|| panic!("{script}: {text}")).to_owned()
            }
        };
        is_report(&text);
    }
}

#[test]
fn a_socket_as_standard_output_is_written_to() {
    use std::os::{fd::OwnedFd, unix::net::UnixStream};
    for args in [["-o", "json"], ["-o", "json=/dev/stdout"]] {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let mut command = command(&args);
        command.arg(POD).stdout(Stdio::from(OwnedFd::from(theirs)));
        let mut child = command.spawn().unwrap();
        drop(command);
        let mut text = String::new();
        ours.read_to_string(&mut text).unwrap();
        assert!(child.wait().unwrap().success());
        is_report(&text);
    }
}

#[test]
fn links_and_modes_stay_and_forms_go_to_several_files() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("old.json"), "old").unwrap();
    fs::set_permissions(at("old.json"), std::os::unix::fs::PermissionsExt::from_mode(0o640))
        .unwrap();
    symlink("old.json", at("link")).unwrap();
    let (link, new) = (at("link"), at("new.xml"));
    let outputs = [format!("json={}", link.display()), format!("junit={}", new.display())];
    let outcome = check(&["-o", &outputs[0], "-o", &outputs[1], POD]);
    assert_eq!(outcome.status, Some(0), "{}", outcome.err);
    assert!(fs::symlink_metadata(link).unwrap().is_symlink());
    assert_eq!(fs::metadata(at("old.json")).unwrap().mode() & 0o7777, 0o640);
    is_report(&fs::read_to_string(at("old.json")).unwrap());
    assert!(fs::read_to_string(new).unwrap().contains("<testsuites"));
    assert_eq!(names(folder.path()).len(), 3);
}

#[test]
fn what_cannot_be_written_is_one_line_and_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let directory = folder.path().display();
    for (target, why) in [
        (format!("{directory}"), "directory"),
        (format!("{directory}/none/report.json"), "No such file"),
        ("/proc/report.json".to_owned(), "report.json"),
    ] {
        let outcome = check(&["-o", &format!("json={target}"), POD]);
        assert_eq!((outcome.status, outcome.out.as_str()), (Some(2), ""));
        assert_eq!(outcome.err.lines().count(), 1, "{}", outcome.err);
        assert!(outcome.err.contains(&target) && outcome.err.contains(why), "{}", outcome.err);
    }
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_signal_leaves_nothing_behind() {
    let folder = TempDir::new().unwrap();
    let report = folder.path().join("report.json");
    fs::write(&report, "old").unwrap();
    let mut child = command(&["-o", &format!("json={}", report.display()), POD, "-"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"apiVersion: v1\n").unwrap();
    // The report is open once the process has an unnamed file in the folder.
    let descriptors = format!("/proc/{}/fd", child.id());
    let has_opened = || {
        let links = fs::read_dir(&descriptors).unwrap().flatten();
        let mut targets = links.filter_map(|link| fs::read_link(link.path()).ok());
        targets.any(|target| target.starts_with(folder.path()))
    };
    while !has_opened() {
        assert!(child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(names(folder.path()), ["report.json"]);
    assert_eq!(fs::read_to_string(&report).unwrap(), "old");
}

#[test]
fn what_is_no_regular_file_is_read_where_it_is_named() {
    let folder = TempDir::new().unwrap();
    let config = "apiVersion: portcullis.dev/v1alpha1\\nkind: Configuration\\n";
    for script in [
        "$0 check /dev/stdin -o json <$POD".to_owned(),
        "cat $POD | $0 check /dev/stdin -o json".to_owned(),
        "$0 check <(cat $POD) -o json".to_owned(),
        "mkfifo pipe; cat $POD >pipe & $0 check pipe -o json".to_owned(),
        format!("printf '{config}' | $0 check --config /dev/stdin $POD -o json"),
        format!("$0 check --config <(printf '{config}') --exceptions <(printf '') $POD -o json"),
    ] {
        let output = shell(&script, folder.path());
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{script}: {error}");
        is_report(&String::from_utf8(output.stdout).unwrap());
    }
}

//! The program: its output, its exit statuses, and its changes of files.

use crate::support::{
    program::{Outcome, run_with},
    skip::Skip,
};
use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::Path,
    process::Command,
};

use tempfile::TempDir;

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: web\n    image: shop/web:1.4\n";

pub(crate) fn harden_in(folder: &Path, args: &[&str]) -> Outcome {
    harden_with(folder, args, b"")
}

fn harden_with(folder: &Path, args: &[&str], input: &[u8]) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.arg("harden").args(args).current_dir(folder).env_remove("CLICOLOR_FORCE");
    run_with(&mut command, input)
}

/// The shapes before hardening, with three kinds of line breaks, and their names.
pub(crate) fn copy_of_shapes() -> (TempDir, Vec<String>) {
    let folder = TempDir::new().unwrap();
    let shapes = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/manifests_to_harden/shapes");
    let mut names = Vec::new();
    for file in fs::read_dir(shapes).unwrap() {
        let file = file.unwrap().path();
        let stem = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&file).unwrap();
        let (text, _) = text.split_once("=====\n").unwrap();
        for (name, text) in [
            (format!("{stem}.yaml"), text.to_owned()),
            (format!("{stem} of Windows.yaml"), text.replace('\n', "\r\n")),
            (format!("{stem}-cut.yaml"), text.strip_suffix('\n').unwrap().to_owned()),
        ] {
            fs::write(folder.path().join(&name), text).unwrap();
            names.push(name);
        }
    }
    (folder, names)
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

#[test]
fn the_diff_is_what_people_read_first() {
    let folder = folder(&[("web.yaml", POD)]);
    let run = harden_in(folder.path(), &["./web.yaml"]);
    let expected = "--- a/web.yaml\n+++ b/web.yaml\n@@ -6,3 +6,12 @@\n   containers:\n   - name: web\n     image: shop/web:1.4\n+    securityContext:\n+      allowPrivilegeEscalation: false\n+      capabilities:\n+        drop:\n+        - ALL\n+  securityContext:\n+    runAsNonRoot: true\n+    seccompProfile:\n+      type: RuntimeDefault\n";
    assert_eq!(run.out, expected);
    assert_eq!(run.status, Some(0));
    assert!(
        run.err.starts_with("portcullis: 1 file to harden, 0 with nothing to add\n"),
        "{}",
        run.err
    );
    assert!(run.err.contains("runAsNonRoot"), "{}", run.err);
    assert_eq!(fs::read_to_string(folder.path().join("web.yaml")).unwrap(), POD);
}

#[test]
fn standard_input_comes_out_hardened() {
    let folder = folder(&[]);
    let run = harden_with(folder.path(), &["-o", "yaml"], POD.as_bytes());
    assert_eq!(run.status, Some(0));
    assert_eq!(run.out, crate::harden_command::hardened(POD));
    let again = harden_with(folder.path(), &["-o", "yaml", "-"], run.out.as_bytes());
    assert_eq!(again.out, run.out);
    let diff = harden_with(folder.path(), &[], POD.as_bytes());
    assert!(diff.out.starts_with("--- a/stdin\n+++ b/stdin\n"), "{}", diff.out);
    let in_place = harden_with(folder.path(), &["-i", "-"], POD.as_bytes());
    assert_eq!((in_place.status, in_place.out.as_str()), (Some(2), ""));
    assert!(in_place.err.contains("-o yaml"), "{}", in_place.err);
}

#[test]
fn several_files_stay_several_documents() {
    let hardened = crate::harden_command::hardened(POD);
    let cut = POD.trim_end();
    let folder = folder(&[
        ("a.yaml", cut),
        ("b.yaml", &format!("---\n{POD}")),
        ("c.yaml", &format!("\u{feff}{POD}")),
        ("d.yaml", &format!("# why\n%YAML 1.2\n---\n{POD}")),
        ("e.yaml", ""),
    ]);
    let run = harden_in(folder.path(), &["-o", "yaml", "."]);
    assert_eq!(run.status, Some(0), "{}", run.err);
    let expected =
        format!("{hardened}---\n{hardened}---\n{hardened}...\n# why\n%YAML 1.2\n---\n{hardened}");
    assert_eq!(run.out, expected);
}

#[test]
fn files_are_replaced_as_they_are() {
    let folder = folder(&[("web.yaml", POD), ("done.yaml", &crate::harden_command::hardened(POD))]);
    let path = |name: &str| folder.path().join(name);
    fs::set_permissions(path("web.yaml"), fs::Permissions::from_mode(0o640)).unwrap();
    fs::create_dir(path("links")).unwrap();
    symlink("../web.yaml", path("links/web.yaml")).unwrap();
    let done = fs::metadata(path("done.yaml")).unwrap();
    let run = harden_in(folder.path(), &["--in-place", "links/web.yaml", "done.yaml"]);
    assert_eq!((run.status, run.out.as_str()), (Some(0), ""), "{}", run.err);
    let message = "portcullis: 1 file hardened, 1 with nothing to add\n";
    assert!(run.err.starts_with(message), "{}", run.err);
    assert_eq!(fs::read_to_string(path("web.yaml")).unwrap(), crate::harden_command::hardened(POD));
    assert!(fs::symlink_metadata(path("links/web.yaml")).unwrap().is_symlink());
    assert_eq!(fs::metadata(path("web.yaml")).unwrap().mode() & 0o7777, 0o640);
    let after = fs::metadata(path("done.yaml")).unwrap();
    assert_eq!((done.ino(), done.mtime_nsec()), (after.ino(), after.mtime_nsec()));
    let names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
}

#[test]
fn pipelines_learn_which_files_would_change() {
    let folder = folder(&[("web.yaml", POD), ("done.yaml", &crate::harden_command::hardened(POD))]);
    let run = harden_in(folder.path(), &["--check", "."]);
    assert_eq!((run.status, run.out.as_str()), (Some(1), "./web.yaml\n"), "{}", run.err);
    assert_eq!(fs::read_to_string(folder.path().join("web.yaml")).unwrap(), POD);
    let run = harden_in(folder.path(), &["--check", "done.yaml"]);
    assert_eq!((run.status, run.out.as_str()), (Some(0), ""), "{}", run.err);
    for args in [["--check", "-i"], ["--check", "-oyaml"], ["-i", "-odiff"]] {
        let run = harden_in(folder.path(), &args);
        assert_eq!(run.status, Some(2), "{args:?}");
        assert!(run.err.contains("cannot be used with"), "{}", run.err);
    }
}

#[test]
fn failures_are_reported_and_everything_else_is_done() {
    let template = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .Release.Name }}\n";
    let broken = "apiVersion: v1\nkind: Pod\nspec: [\n";
    let folder = folder(&[("a.yaml", template), ("b.yaml", broken), ("web.yaml", POD)]);
    fs::write(folder.path().join("c.yaml"), b"\xff\xfe\x00").unwrap();
    let run = harden_in(folder.path(), &["-i", "a.yaml", ".", "none.yaml"]);
    assert_eq!((run.status, run.out.as_str()), (Some(2), ""), "{}", run.err);
    assert!(run.err.contains(": a.yaml:4: a template that is not rendered"), "{}", run.err);
    for start in ["./b.yaml:", "./c.yaml:", "none.yaml: "] {
        let start = format!("portcullis: {start}");
        assert_eq!(
            run.err.lines().filter(|line| line.starts_with(&start)).count(),
            1,
            "{}",
            run.err
        );
    }
    assert_eq!(fs::read_to_string(folder.path().join("a.yaml")).unwrap(), template);
    assert_eq!(
        fs::read_to_string(folder.path().join("web.yaml")).unwrap(),
        crate::harden_command::hardened(POD)
    );
    assert!(run.err.contains("portcullis: skipped: 1 template\n"), "{}", run.err);
    let run = harden_in(folder.path(), &["-o", "yaml", "b.yaml", "web.yaml"]);
    assert_eq!((run.status, run.out), (Some(2), crate::harden_command::hardened(POD)));
}

/// Root can write anywhere, so nothing can be tested as root.
#[test]
fn a_directory_that_cannot_be_written_keeps_its_files() {
    let folder = folder(&[("web.yaml", POD)]);
    let mode = |mode| fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
    mode(0o555);
    if fs::write(folder.path().join("probe"), "").is_ok() {
        mode(0o755);
        let _ = Skip::needs_if_present("a user who may not write everywhere");
        return;
    }
    let run = harden_in(Path::new("/"), &["-i", folder.path().to_str().unwrap()]);
    mode(0o755);
    assert_eq!(run.status, Some(2), "{}", run.err);
    assert!(run.err.contains("web.yaml: cannot be replaced: "), "{}", run.err);
    assert_eq!(fs::read_to_string(folder.path().join("web.yaml")).unwrap(), POD);
}

#[test]
fn a_directory_that_cannot_be_listed_is_told() {
    let folder = folder(&[("web.yaml", POD)]);
    let secret = folder.path().join("secret");
    fs::create_dir(&secret).unwrap();
    let mode = |mode| fs::set_permissions(&secret, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o000);
    if fs::read_dir(&secret).is_ok() {
        mode(0o755);
        let _ = Skip::needs_if_present("a user who may not read everything");
        return;
    }
    let run = harden_in(folder.path(), &["--check", "."]);
    mode(0o755);
    assert_eq!((run.status, run.out.as_str()), (Some(2), "./web.yaml\n"), "{}", run.err);
    assert!(run.err.contains("secret: cannot be read: "), "{}", run.err);
}

#[test]
fn a_file_that_is_too_large_is_rejected_before_it_is_read() {
    let folder = folder(&[("web.yaml", POD)]);
    let huge = fs::File::create(folder.path().join("huge.yaml")).unwrap();
    huge.set_len((64 << 20) + 1).unwrap();
    let run = harden_in(folder.path(), &["--check", "."]);
    assert_eq!((run.status, run.out.as_str()), (Some(2), "./web.yaml\n"), "{}", run.err);
    assert!(
        run.err.contains("./huge.yaml: is larger than the 64 MiB that are allowed"),
        "{}",
        run.err
    );
}

#[test]
fn the_configuration_selects_fields_and_exempts_pods() {
    let config = "apiVersion: portcullis.dev/v1alpha1\nkind: Configuration\nexemptions: {namespaces: [infra], runtimeClasses: [kata]}\nharden:\n  mode: \"off\"\n  runAsNonRoot: false\n  seccompProfile: Unset\n  dropCapabilities: false\n  readOnlyRootFilesystem: true\n  automountServiceAccountToken: false\n";
    let config = config.replace("  seccompProfile: Unset\n", "");
    let infra = POD.replace("  name: web\nspec", "  name: web\n  namespace: infra\nspec");
    let kata = POD.replace("spec:\n", "spec:\n  runtimeClassName: kata\n");
    let folder = folder(&[
        ("config.yaml", &config),
        ("a.yaml", &infra),
        ("b.yaml", &kata),
        ("web.yaml", POD),
    ]);
    let run =
        harden_in(folder.path(), &["--config", "config.yaml", "a.yaml", "b.yaml", "web.yaml"]);
    assert_eq!(run.status, Some(0), "{}", run.err);
    let added: Vec<_> = run.out.lines().filter(|line| line.starts_with('+')).collect();
    let expected = [
        "+++ b/web.yaml",
        "+    securityContext:",
        "+      allowPrivilegeEscalation: false",
        "+      readOnlyRootFilesystem: true",
        "+  automountServiceAccountToken: false",
        "+  securityContext:",
        "+    seccompProfile:",
        "+      type: RuntimeDefault",
    ];
    assert_eq!(added, expected);
    assert!(!run.err.contains("runAsNonRoot"), "{}", run.err);
}

/// If all violations are unset fields.
#[test]
fn check_finds_nothing_afterwards() {
    let (folder, _) = copy_of_shapes();
    for name in ["as-the-author-set-it", "existing"] {
        for suffix in [".yaml", " of Windows.yaml", "-cut.yaml"] {
            fs::remove_file(folder.path().join(format!("{name}{suffix}"))).unwrap();
        }
    }
    let check = || {
        let output = Command::new(env!("CARGO_BIN_EXE_portcullis"))
            .args(["check", "--level", "restricted", "."])
            .current_dir(folder.path())
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(check().0, Some(1));
    assert_eq!(harden_in(folder.path(), &["-i", "."]).status, Some(0));
    assert_eq!(check().0, Some(0), "{}", check().1);
}

#[test]
fn links_that_lead_out_of_the_named_directory_are_refused() {
    let folder = folder(&[("outside.yaml", POD)]);
    let path = |name: &str| folder.path().join(name);
    fs::create_dir_all(path("tree/below")).unwrap();
    fs::create_dir(path("elsewhere")).unwrap();
    fs::write(path("tree/below/pod.yaml"), POD).unwrap();
    fs::write(path("elsewhere/pod.yaml"), POD).unwrap();
    symlink("../outside.yaml", path("tree/out.yaml")).unwrap();
    symlink("../elsewhere", path("tree/other")).unwrap();
    symlink("below/pod.yaml", path("tree/in.yaml")).unwrap();
    symlink("tree", path("link")).unwrap();
    let patterns = &["-i", "tree/*", "tree/b*/*.yaml"][..];
    for args in [&["-i", "tree"][..], &["-i", "link"], &["--check", "tree"], &["tree"], patterns] {
        let run = harden_in(folder.path(), args);
        assert_eq!(run.status, Some(2), "{args:?}: {}", run.err);
        for name in ["out.yaml", "other"] {
            let message =
                format!("{name}: is a link that leads out of the directory that was named");
            assert!(run.err.contains(&message), "{}", run.err);
        }
        assert!(!run.out.contains("out.yaml"), "{}", run.out);
        assert_eq!(fs::read_to_string(path("outside.yaml")).unwrap(), POD);
        assert_eq!(fs::read_to_string(path("elsewhere/pod.yaml")).unwrap(), POD);
    }
    assert_eq!(
        fs::read_to_string(path("tree/below/pod.yaml")).unwrap(),
        crate::harden_command::hardened(POD)
    );
    assert!(fs::symlink_metadata(path("tree/in.yaml")).unwrap().is_symlink());
    // A link that is named explicitly is changed.
    let run = harden_in(folder.path(), &["-i", "tree/out.yaml", "tree/other"]);
    assert_eq!(run.status, Some(0), "{}", run.err);
    assert_eq!(
        fs::read_to_string(path("outside.yaml")).unwrap(),
        crate::harden_command::hardened(POD)
    );
    assert_eq!(
        fs::read_to_string(path("elsewhere/pod.yaml")).unwrap(),
        crate::harden_command::hardened(POD)
    );
}

#[test]
fn pipes_are_skipped_in_directories_and_never_replaced() {
    let folder = folder(&[("pod.yaml", POD)]);
    let pipe = folder.path().join("pipe.yaml");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let run = harden_in(folder.path(), &["-i", "."]);
    assert_eq!(run.status, Some(0), "{}", run.err);
    assert!(run.err.contains("pipe.yaml: skipped: it is no regular file"), "{}", run.err);
    assert!(run.err.contains("1 file hardened, 0 with nothing to add, 1 skipped\n"), "{}", run.err);
    let writer = {
        let pipe = pipe.clone();
        std::thread::spawn(move || fs::write(pipe, POD).unwrap())
    };
    let run = harden_in(folder.path(), &["-i", "pipe.yaml"]);
    writer.join().unwrap();
    assert_eq!(run.status, Some(2), "{}", run.err);
    assert!(run.err.contains("no regular file"), "{}", run.err);
    use std::os::unix::fs::FileTypeExt as _;
    assert!(fs::symlink_metadata(&pipe).unwrap().file_type().is_fifo());
}

#[test]
fn namespaces_in_the_input_switch_hardening_off() {
    let namespace = |name: &str, labels: &str| {
        format!(
            "apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{{labels}}}}}\n"
        )
    };
    let level = |level: &str| {
        ["enforce", "audit", "warn"]
            .map(|mode| format!("pod-security.kubernetes.io/{mode}: {level}"))
            .join(", ")
    };
    let pod = |namespace: &str| {
        POD.replace("name: web\nspec", &format!("name: web\n  namespace: {namespace}\nspec"))
    };
    let folder = folder(&[
        ("z.yaml", &namespace("quiet", "portcullis.dev/harden: 'off'")),
        (
            "y.yaml",
            &format!(
                "{}---\n{}",
                namespace("open", &level("privileged")),
                namespace("shop", &level("restricted"))
            ),
        ),
        ("quiet.yaml", &pod("quiet")),
        ("open.yaml", &pod("open")),
        ("shop.yaml", &pod("shop")),
        ("other.yaml", &pod("other")),
    ]);
    let outcome = harden_in(folder.path(), &["--check", "."]);
    assert_eq!(
        (outcome.status, &*outcome.out),
        (Some(1), "./other.yaml\n./shop.yaml\n"),
        "{}",
        outcome.err
    );
    let lines: Vec<_> = outcome.err.lines().collect();
    assert_eq!(
        lines,
        [
            "portcullis: ./open.yaml:1: skipped: Pod open/web: its Namespace is privileged in every mode",
            "portcullis: ./quiet.yaml:1: skipped: Pod quiet/web: its Namespace has the label portcullis.dev/harden=off",
            "portcullis: 2 files to harden, 4 with nothing to add, 2 skipped",
            "portcullis: with runAsNonRoot, an image that runs as root, or that sets its user by name, does not start: set runAsUser for it",
        ]
    );
}

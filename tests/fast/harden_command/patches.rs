//! The diff works with `git apply` and `patch`.

use crate::{
    harden_command::program::{copy_of_shapes, harden_in},
    support::skip::Skip,
};
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

/// Runs a tool on a patch, or says that it is not installed.
fn applied(tool: &str, args: &[&str], folder: &Path, patch: &str) -> bool {
    let file = folder.join("all.patch");
    fs::write(&file, patch).unwrap();
    let mut command = Command::new(tool);
    command.args(args).arg(&file).current_dir(folder).stdin(Stdio::null());
    // Ignores any surrounding repository.
    command.env("GIT_DIR", folder.join("none")).env("LC_ALL", "C");
    let Ok(output) = command.output() else {
        let _ = Skip::needs_if_present(tool);
        return false;
    };
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{tool}: {text}\n{patch}");
    fs::remove_file(file).unwrap();
    true
}

#[test]
fn tools_make_of_the_diff_what_the_program_makes_of_the_files() {
    for (tool, args) in [
        ("git", &["apply", "--whitespace=nowarn"][..]),
        ("patch", &["-p1", "--binary", "-s", "-i"]),
    ] {
        let (folder, names) = copy_of_shapes();
        let diff = harden_in(folder.path(), &["."]);
        assert_eq!(diff.status, Some(0), "{}", diff.err);
        if !applied(tool, args, folder.path(), &diff.out) {
            continue;
        }
        let (other, _) = copy_of_shapes();
        assert_eq!(harden_in(other.path(), &["-i", "."]).status, Some(0));
        for name in &names {
            let read = |folder: &Path| fs::read(folder.join(name)).unwrap();
            assert_eq!(read(folder.path()), read(other.path()), "{tool}: {name}");
        }
        let again = harden_in(folder.path(), &["."]);
        assert_eq!((again.status, again.out.as_str()), (Some(0), ""), "{}", again.err);
    }
}

//! A control group for all pods of a test, in each hierarchy. The kubelet creates those of the pods below it.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::support::{namespaces::outer_process, skip::Skip};

const CGROUPS: &str = "/sys/fs/cgroup";

/// Removes the groups after the test process has ended, deepest first. Retries while processes in them are being
/// killed.
const REMOVE_AT_END: &str = r#"
read -r _
tries=0
while [ "$tries" -lt 100 ]; do
    find "$1" -depth -type d -path "*/$2*" -exec rmdir {} + 2>/dev/null
    [ -z "$(find "$1" -maxdepth 2 -name "$2")" ] && break
    tries=$((tries + 1))
    sleep 0.1
done
"#;

/// Its name, relative to the root of each hierarchy.
pub(super) fn name() -> String {
    format!("portcullis-tests-{}", outer_process())
}

/// The groups. Created outside of the test's namespaces, and removed when dropped or when the process ends.
#[derive(Debug)]
pub(crate) struct Cgroup {
    remover: Child,
}

impl Cgroup {
    /// Creates them, if the hierarchies are writable.
    pub(crate) fn make() -> Result<Self, Skip> {
        for hierarchy in hierarchies() {
            let group = hierarchy.join(name());
            if let Err(error) = fs::create_dir_all(&group) {
                let group = group.display();
                return Err(Skip::needs_if_present(&format!("a control group {group}: {error}")));
            }
            // A new group of cpuset has no processor, and nothing can run in it.
            for file in ["cpuset.cpus", "cpuset.mems"] {
                if let Ok(all) = fs::read_to_string(hierarchy.join(file)) {
                    fs::write(group.join(file), all).unwrap();
                }
            }
        }
        let remover = Command::new("sh")
            .args(["-c", REMOVE_AT_END, "remove", CGROUPS, &name()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C in a terminal must not end it.
            .process_group(0)
            .spawn()
            .unwrap();
        Ok(Self { remover })
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // Closes the pipe too.
        let _ = self.remover.wait();
    }
}

/// The only hierarchy of version 2, or each of version 1.
fn hierarchies() -> Vec<PathBuf> {
    let root = Path::new(CGROUPS);
    if root.join("cgroup.controllers").exists() {
        return vec![root.to_owned()];
    }
    let folders = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    folders.filter(|folder| folder.join("cgroup.procs").exists()).collect()
}

//! A control group with a memory limit: the kernel kills processes beyond it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::skip::Skip;

/// Moves the process into the group before it allocates memory.
const ENTER: &str = r#"echo $$ > "$0/cgroup.procs"; exec "$@""#;

/// Removed when dropped.
#[derive(Debug)]
pub(crate) struct MemoryGroup(PathBuf);

impl MemoryGroup {
    /// Creates a group with this limit in bytes, if this user may.
    pub(crate) fn new(bytes: usize) -> Result<Self, Skip> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("portcullis-memory-{}-{count}", std::process::id());
        for (root, limit) in
            [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")]
        {
            let path = Path::new(root).join(&name);
            if fs::create_dir(&path).is_ok() {
                let group = Self(path);
                if fs::write(group.0.join(limit), bytes.to_string()).is_ok() {
                    return Ok(group);
                }
            }
        }
        Err(Skip::needs_if_present("a control group that limits memory"))
    }

    /// The beginning of a command line that runs in the group.
    pub(crate) fn enter(&self) -> Vec<String> {
        let folder = self.0.to_string_lossy().into_owned();
        vec!["sh".to_owned(), "-c".to_owned(), ENTER.to_owned(), folder]
    }

    /// The peak memory in bytes, if the kernel reports it.
    pub(crate) fn peak(&self) -> Option<usize> {
        let files = ["memory.max_usage_in_bytes", "memory.peak"];
        let text = files.iter().find_map(|file| fs::read_to_string(self.0.join(file)).ok())?;
        text.trim().parse().ok()
    }

    /// The number of processes that the kernel killed for lack of memory.
    pub(crate) fn kills(&self) -> u64 {
        let files = ["memory.oom_control", "memory.events"];
        let text = files.iter().find_map(|file| fs::read_to_string(self.0.join(file)).ok());
        let text = text.expect("a file that counts kills");
        let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        count.expect("a count of kills").parse().unwrap()
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

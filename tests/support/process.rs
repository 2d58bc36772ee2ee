//! Programs that never outlive the test process, however that ends, and their files.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, net, process, thread};

/// Runs a program beside a guard that reads signal names from a pipe which only the test
/// process can write to. The pipe closes when the test process ends, even by SIGKILL and
/// although Rust drops no statics, and the guard then kills the program.
const GUARDED: &str = r#"
exec 3<&0 </dev/null
"$@" 3<&- &
program=$!
{
    while read -r signal <&3; do kill -s "$signal" "$program"; done
    kill -s KILL "$program"
} 2>/dev/null &
guard=$!
exec 3<&-
wait "$program"
status=$?
kill "$guard" 2>/dev/null
exit "$status"
"#;

/// Removes a folder once the test process has ended. It tries again while programs that
/// are just being killed still write there.
const REMOVE_AT_END: &str = r#"
read -r _
tries=0
until rm -rf "$1" 2>/dev/null || [ "$tries" -ge 100 ]; do
    tries=$((tries + 1))
    sleep 0.1
done
"#;

/// A running program. Dropping it kills the program and waits for its end.
#[derive(Debug)]
pub(crate) struct Process {
    shell: Child,
    /// `None` once the guard has been told to kill.
    signals: Option<ChildStdin>,
    log: PathBuf,
}

impl Process {
    /// Starts `command` with its output appended to the file `log`.
    pub(crate) fn start(command: &Command, log: &Path) -> Self {
        let file = File::options().create(true).append(true).open(log).unwrap();
        let mut shell = shell(GUARDED);
        shell.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        let mut shell = shell.stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
        let signals = shell.stdin.take();
        Self { shell, signals, log: log.to_owned() }
    }

    /// Sends a signal, named as `kill -s` takes it: `TERM`, `STOP`.
    pub(crate) fn signal(&mut self, name: &str) {
        writeln!(self.signals.as_mut().unwrap(), "{name}").unwrap();
    }

    /// The exit status, where the program has ended: 128 and the signal if by a signal.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.shell.try_wait().unwrap()
    }

    /// Kills the program and waits for its end.
    pub(crate) fn kill(&mut self) {
        self.signals = None;
        self.shell.wait().unwrap();
    }

    /// The end of what the program wrote.
    pub(crate) fn log_tail(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let tail = text.get(text.len().saturating_sub(4096)..).unwrap_or_default();
        format!("{}:\n{}", self.log.display(), String::from_utf8_lossy(tail))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            eprintln!("{}", self.log_tail());
        }
    }
}

/// A folder for one test's files, removed when dropped and when the test process ends.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    remover: Child,
}

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("{name}-{}-{count}", process::id()));
        // A process that had this id before may have left one behind.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        let remover = shell(REMOVE_AT_END).arg(&path).spawn().unwrap();
        Self { path, remover }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file and returns its path.
    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path.join(name);
        fs::write(&path, contents).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Closes the pipe too.
        let _ = self.remover.wait();
    }
}

/// A TCP port of 127.0.0.1 that nothing uses.
///
/// It lies below the range from which the kernel picks ports for outgoing connections:
/// one of those could otherwise take it before its server starts, or restarts.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    const FIRST: u32 = 10_000;
    const COUNT: u32 = 20_000;
    // Processes that run at the same time start their search at different places.
    let start = process::id().wrapping_mul(7919);
    loop {
        let offset = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let port = u16::try_from(FIRST + offset).unwrap();
        if net::TcpListener::bind((net::Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// Whether a program of this name is on the PATH.
pub(crate) fn is_installed(program: &str) -> bool {
    env::split_paths(&env::var_os("PATH").unwrap_or_default())
        .any(|folder| folder.join(program).is_file())
}

/// A shell in a process group of its own, so that Ctrl-C in a terminal ends the test
/// process and leaves the rest to the guards.
fn shell(script: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args([OsStr::new("-c"), OsStr::new(script), OsStr::new("guard")]);
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    shell
}

//! containerd and runc from Debian's packages, extracted into a folder under `target/` without installing them.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{process::is_installed, skip::Skip};

/// The library is runc's.
const PACKAGES: [&str; 3] = ["containerd", "runc", "libseccomp2"];

/// The root folder of the extracted packages.
#[derive(Debug)]
pub(crate) struct Parts {
    root: PathBuf,
}

impl Parts {
    /// Downloads them the first time, with apt.
    pub(crate) fn fetch() -> Result<Self, Skip> {
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("node");
        fs::create_dir_all(&cache).unwrap();
        let lock = File::create(cache.join("lock")).unwrap();
        lock.lock().unwrap();
        let root = cache.join("root");
        if !root.exists()
            && let Err(why) = download(&cache, &root)
        {
            return Err(Skip::needs_if_present(&format!("containerd and runc: {why}")));
        }
        Ok(Self { root })
    }

    /// A program of the packages.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        let at = |folder: &str| self.root.join(folder).join(name);
        let program = [at("usr/bin"), at("usr/sbin")].into_iter().find(|file| file.exists());
        program.unwrap_or_else(|| panic!("no {name} in {}", self.root.display()))
    }

    /// A command with PATH and libraries of the packages.
    pub(super) fn command(&self, name: &str) -> Command {
        let mut path: OsString = self.root.join("usr/bin").into();
        path.push(":");
        path.push(self.root.join("usr/sbin"));
        path.push(":");
        path.push(env::var_os("PATH").unwrap_or_default());
        let libraries = self.root.join(format!("usr/lib/{}-linux-gnu", env::consts::ARCH));
        let mut command = Command::new(self.program(name));
        command.env("PATH", path).env("LD_LIBRARY_PATH", libraries);
        command
    }
}

fn download(cache: &Path, root: &Path) -> Result<(), String> {
    for program in ["apt-get", "dpkg"] {
        if !is_installed(program) {
            return Err(format!("there is no {program} to get Debian's packages with"));
        }
    }
    let debs = cache.join("debs");
    let unfinished = cache.join("unfinished");
    for folder in [&debs, &unfinished] {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder).unwrap();
    }
    run(Command::new("apt-get").arg("download").args(PACKAGES).current_dir(&debs))?;
    for deb in fs::read_dir(&debs).unwrap() {
        run(Command::new("dpkg").arg("-x").arg(deb.unwrap().path()).arg(&unfinished))?;
    }
    fs::remove_dir_all(&debs).unwrap();
    fs::rename(unfinished, root).unwrap();
    Ok(())
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

//! Output files: replaced as a whole, or written to as they are.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, symlink},
    path::Path,
    process::Command,
    thread::{self, JoinHandle},
};

use portcullis::output_file::{OutputFile, write};
use tempfile::TempDir;

const TEXT: &str = "what is written\n";

fn names(folder: &Path) -> Vec<OsString> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

fn fifo(path: &Path) -> JoinHandle<String> {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    let path = path.to_owned();
    thread::spawn(move || {
        let mut text = String::new();
        File::open(path).unwrap().read_to_string(&mut text).unwrap();
        text
    })
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn a_new_file_appears_when_it_is_complete() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("report");
    let mut file = OutputFile::create(&path).unwrap();
    file.write_all(TEXT.as_bytes()).unwrap();
    file.flush().unwrap();
    assert!(names(folder.path()).is_empty(), "nothing is seen of what is not complete");
    file.commit().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), TEXT);
    assert_eq!(names(folder.path()), ["report"]);
    let like = folder.path().join("like");
    File::create(&like).unwrap();
    assert_eq!(mode(&path), mode(&like), "as any other new file");
}

#[test]
fn what_is_given_up_leaves_nothing_and_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("report");
    fs::write(&path, "old").unwrap();
    let mut file = OutputFile::create(&path).unwrap();
    file.write_all(TEXT.as_bytes()).unwrap();
    drop(file);
    let refused = OutputFile::create(&path).unwrap().replace(|_| Err(io::Error::other("no")));
    assert_eq!(refused.unwrap_err().to_string(), "no");
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(names(folder.path()), ["report"]);
}

#[test]
fn an_existing_file_keeps_its_mode_and_its_owner() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("report");
    for kept in [0o600, 0o640, 0o664, 0o755] {
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(kept)).unwrap();
        // Only root can change the owner.
        let _ = std::os::unix::fs::chown(&path, Some(1234), Some(1234));
        let before = fs::metadata(&path).unwrap();
        write(&path, TEXT.as_bytes()).unwrap();
        let after = fs::metadata(&path).unwrap();
        assert_eq!(after.mode(), before.mode());
        assert_eq!((after.uid(), after.gid()), (before.uid(), before.gid()));
        assert_eq!(fs::read_to_string(&path).unwrap(), TEXT);
    }
}

#[test]
fn what_is_not_complete_is_its_owner_s_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("report");
    fs::write(&path, "old").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let file = OutputFile::create(&path).unwrap();
    let open = fs::read_dir("/proc/self/fd").unwrap().map(|entry| entry.unwrap().path());
    let is_here = |fd: &std::path::PathBuf| {
        fs::read_link(fd).is_ok_and(|target| target.starts_with(folder.path()))
    };
    let open: Vec<_> = open.filter(is_here).collect();
    let [staged] = open.as_slice() else { panic!("{open:?}") };
    assert_eq!(fs::metadata(staged).unwrap().mode() & 0o7777, 0o600);
    let seen = file.replace(|_| {
        let temporary: Vec<_> =
            names(folder.path()).into_iter().filter(|it| it != "report").collect();
        let [temporary] = temporary.as_slice() else { panic!("{temporary:?}") };
        // Complete, with the mode of the replaced file.
        assert_eq!(mode(&folder.path().join(temporary)), 0o644);
        Ok(())
    });
    seen.unwrap();
}

#[test]
fn links_are_followed_and_stay() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("below")).unwrap();
    fs::write(at("below/file"), "old").unwrap();
    symlink("below/file", at("relative")).unwrap();
    symlink(at("relative"), at("absolute")).unwrap();
    symlink("below/new", at("dangling")).unwrap();
    symlink("below", at("folder")).unwrap();
    for (link, file) in
        [("absolute", "below/file"), ("dangling", "below/new"), ("folder/third", "below/third")]
    {
        write(&at(link), TEXT.as_bytes()).unwrap();
        assert_eq!(fs::read_to_string(at(file)).unwrap(), TEXT, "{link}");
        assert!(!fs::symlink_metadata(at(file)).unwrap().is_symlink(), "{link}");
    }
    for link in ["relative", "absolute", "dangling", "folder"] {
        assert!(fs::symlink_metadata(at(link)).unwrap().is_symlink(), "{link}");
    }
    assert_eq!(names(&at("below")), ["file", "new", "third"]);
    symlink("round", at("round")).unwrap();
    assert!(write(&at("round"), b"").is_err());
}

#[test]
fn pipes_and_devices_are_written_to_as_they_are() {
    let folder = TempDir::new().unwrap();
    let pipe = folder.path().join("pipe");
    for name in ["pipe", "link"] {
        let path = folder.path().join(name);
        let reader = if name == "pipe" {
            fifo(&pipe)
        } else {
            fs::remove_file(&pipe).unwrap();
            symlink("pipe", &path).unwrap();
            fifo(&pipe)
        };
        write(&path, TEXT.as_bytes()).unwrap();
        assert_eq!(reader.join().unwrap(), TEXT, "{name}");
        assert!(fs::symlink_metadata(&pipe).unwrap().file_type().is_fifo(), "{name}");
    }
    assert_eq!(names(folder.path()), ["link", "pipe"]);
    let null = Path::new("/dev/null");
    let is_device = || fs::symlink_metadata(null).unwrap().file_type().is_char_device();
    assert!(is_device());
    write(null, TEXT.as_bytes()).unwrap();
    assert!(is_device());
    assert!(OutputFile::existing(null).is_err(), "it is no file to be replaced");
}

#[test]
fn unwritable_outputs_are_reported_before_anything_is_written() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("file"), "old").unwrap();
    for path in [folder.path(), Path::new("/"), Path::new("."), &at("none/report"), &at("new/")] {
        assert!(OutputFile::create(path).is_err(), "{}", path.display());
    }
    // A folder in which nobody, not even root, can create files.
    assert!(OutputFile::create(Path::new("/proc/report")).is_err());
    assert!(OutputFile::existing(&at("none")).is_err());
    assert_eq!(names(folder.path()), ["file"]);
}

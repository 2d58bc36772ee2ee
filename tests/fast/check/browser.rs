//! The HTML report in a real browser. Without a browser, the tests say that they are skipped.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    check::program::check,
    support::skip::{Skip, is_set},
};

const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// A headless browser with a separate profile.
struct Browser {
    program: &'static str,
    folder: tempfile::TempDir,
}

impl Browser {
    fn find() -> Option<Self> {
        let is_there = |program: &&&str| {
            let version = Command::new(program).arg("--version").stdout(Stdio::null()).status();
            version.is_ok_and(|status| status.success())
        };
        let Some(program) = BROWSERS.iter().find(is_there) else {
            let must = is_set("PORTCULLIS_REQUIRE_BROWSER");
            assert!(!must, "no browser: one of {BROWSERS:?} must be there");
            let _ = Skip::needs_if_present("a browser, to look at the page with");
            return None;
        };
        Some(Self { program, folder: tempfile::tempdir().unwrap() })
    }

    /// The output of the browser for a page with these flags.
    fn run(&self, page: &str, asked: &[&str]) -> String {
        let profile = tempfile::tempdir_in(self.folder.path()).unwrap();
        let output = Command::new(self.program)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"])
            .args(["--disable-dev-shm-usage", "--virtual-time-budget=2000"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .args(asked)
            .arg(page)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn picture(&self, page: &str, name: &str, asked: &[&str]) -> Vec<u8> {
        let file = self.folder.path().join(name);
        let screenshot = format!("--screenshot={}", file.display());
        self.run(page, &[&[&*screenshot, "--window-size=1080,1400"], asked].concat());
        fs::read(file).unwrap()
    }
}

/// The shop's report, and its URL.
fn page(folder: &Path) -> (PathBuf, String) {
    let file = folder.join("report.html");
    let html = format!("html={}", file.display());
    let outcome = check(&["--level", "restricted", "-o", &html, "tests/check/shop"]);
    assert_eq!(outcome.status, Some(2), "{}", outcome.err);
    let address = format!("file://{}", file.display());
    (file, address)
}

/// The displayed number of workloads, and the number of hidden ones.
fn shown(dom: &str) -> (String, usize) {
    let number = dom.split("<output id=\"shown\">").nth(1).and_then(|rest| rest.split('<').next());
    let workloads = dom.split("<details class=\"workload\"").skip(1);
    let is_hidden = |workload: &&str| workload.split('>').next().unwrap().contains("hidden");
    (number.unwrap().to_owned(), workloads.filter(is_hidden).count())
}

#[test]
fn the_page_can_be_filtered() {
    let Some(browser) = Browser::find() else { return };
    let (_, address) = page(browser.folder.path());
    let dom = |filter: &str| shown(&browser.run(&format!("{address}{filter}"), &["--dump-dom"]));
    assert_eq!(dom(""), ("4 of 4".to_owned(), 0));
    assert_eq!(dom("#namespace=payments"), ("2 of 4".to_owned(), 2));
    assert_eq!(dom("#level=restricted"), ("1 of 4".to_owned(), 3));
    assert_eq!(dom("#control=privileged"), ("1 of 4".to_owned(), 3));
    assert_eq!(dom("#text=exporter"), ("1 of 4".to_owned(), 3));
    assert_eq!(dom("#namespace=shop&level=restricted"), ("0 of 4".to_owned(), 4));
}

#[test]
fn the_page_is_light_and_dark_and_printable() {
    let Some(browser) = Browser::find() else { return };
    let (_, address) = page(browser.folder.path());
    let light = browser.picture(&address, "light.png", &[]);
    let dark = browser.picture(&address, "dark.png", &["--force-dark-mode"]);
    for picture in [&light, &dark] {
        assert!(picture.starts_with(b"\x89PNG") && picture.len() > 20_000, "{}", picture.len());
    }
    assert_ne!(light, dark);
    if let Some(folder) = std::env::var_os("PORTCULLIS_SCREENSHOTS") {
        fs::write(Path::new(&folder).join("report-light.png"), &light).unwrap();
        fs::write(Path::new(&folder).join("report-dark.png"), &dark).unwrap();
    }
    let paper = browser.folder.path().join("report.pdf");
    browser.run(&address, &[&format!("--print-to-pdf={}", paper.display())]);
    assert!(fs::read(paper).unwrap().starts_with(b"%PDF"));
}

/// No content of a manifest makes the page send a request or run a script.
#[test]
fn the_page_needs_nothing_and_runs_nothing_of_a_manifest() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: '<img src=x onerror=alert(1)>', namespace: '\"><script>1'}\n\
               spec: {hostPID: true, containers: [{name: '</script><b>', securityContext: {privileged: true}}]}\n";
    let outcome = crate::check::program::check_with(&["-o", "html", "-"], pod.as_bytes());
    assert_eq!(outcome.out.matches("<script>").count(), 1, "{}", outcome.out);
    assert!(!outcome.out.contains("<img") && !outcome.out.contains("<b>&lt;/b"), "{}", outcome.out);
    assert!(!outcome.out.contains("http://") && !outcome.out.contains("https://"));
    assert!(outcome.out.contains("&lt;img src=x onerror=alert(1)&gt;"));
}

//! No file points to a foreign account. `Cargo.toml` names the publisher, and all other places must agree: currently
//! nobody, under a name that cannot resolve. Otherwise somebody could register a free name and then serve images,
//! releases and actions to all users of these files.

use std::fs;
use std::path::{Path, PathBuf};

use super::project;

/// The placeholder for the account on GitHub: no account can have these characters, and a shell takes them as a
/// redirection.
const NO_OWNER: &str = "<owner>";

/// Hosts where anybody can create an account.
const HOSTS: [&str; 8] = [
    "github.com/",
    "githubusercontent.com/",
    "ghcr.io/",
    "docker.io/",
    "quay.io/",
    "gcr.io/",
    "gitlab.com/",
    "codeberg.org/",
];

/// Accounts of projects that Portcullis uses or tests against.
const THIRD_PARTIES: [&str; 10] = [
    "actions",
    "distribution",
    "github",
    "kyverno",
    "library",
    "nginx",
    "owenrumney",
    "prometheus",
    "santhosh-tekuri",
    "zegl",
];

/// Names in examples and policies, from which nothing is fetched. A variable or the end of a pattern has no name.
const EXAMPLES: [&str; 11] = [
    "",
    "a",
    "acm",
    "acme",
    "acme-evil",
    "acmeevil",
    "acmes",
    "evil",
    "example",
    "registry",
    "shop",
];

/// The publisher in `Cargo.toml`.
struct Publisher {
    /// The account on GitHub.
    owner: String,
    image: String,
}

impl Publisher {
    fn read() -> Self {
        let repository = env!("CARGO_PKG_REPOSITORY");
        let owner = match repository.strip_prefix("https://github.com/") {
            Some(path) => path.strip_suffix("/portcullis").unwrap().to_owned(),
            None => {
                assert_eq!(repository, "https://portcullis.invalid/portcullis");
                NO_OWNER.to_owned()
            }
        };
        let manifest = fs::read_to_string(project("Cargo.toml")).unwrap();
        let (_, publisher) = manifest.split_once("[package.metadata.publisher]\n").unwrap();
        let image = publisher.lines().find_map(|line| line.strip_prefix("image = \"")).unwrap();
        Self { owner, image: image.trim_end_matches('"').to_owned() }
    }

    fn is_known(&self, account: &str) -> bool {
        let account = account.to_ascii_lowercase();
        account == self.owner || THIRD_PARTIES.contains(&&*account) || EXAMPLES.contains(&&*account)
    }

    /// The parts of a line that name an account other than the publisher and the known ones.
    fn foreign_accounts(&self, line: &str) -> Vec<String> {
        let lower = line.to_ascii_lowercase();
        let mut found = Vec::new();
        for host in HOSTS {
            for (at, _) in lower.match_indices(host) {
                let account = account(&line[at + host.len()..]);
                let is_ours = line[at..].starts_with(&self.image);
                // An API group such as krew's is not a host.
                let is_group = lower[..at].ends_with('.') && host == "github.com/";
                if !is_ours && !is_group && !self.is_known(account) {
                    found.push(format!("{host}{account}"));
                }
            }
        }
        for (at, uses) in line.match_indices("uses: ") {
            let action = &line[at + uses.len()..];
            let account = account(action);
            let is_action = action[account.len()..].starts_with('/') && action.contains('@');
            if is_action && !self.is_known(account) {
                found.push(format!("{uses}{account}"));
            }
        }
        // A namespace and an object in it.
        if line.contains("portcullis/portcullis") && !line.contains("inject-ca-from: ") {
            found.push("portcullis/portcullis".to_owned());
        }
        found
    }
}

/// The account at the beginning of a text.
fn account(text: &str) -> &str {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.<>".contains(c);
    text.split(|c| !is_name(c)).next().unwrap_or_default().trim_end_matches('.')
}

/// All files of the project, except generated files and lists of Go modules.
fn files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !path.is_symlink() {
            if ![".git", "target"].contains(&name) {
                self::files(&path, files);
            }
        } else if !["go.mod", "go.sum", "Cargo.lock"].contains(&name) && path.is_file() {
            files.push(path);
        }
    }
}

#[test]
fn no_file_points_at_an_account_of_others() {
    let publisher = Publisher::read();
    let mut all = Vec::new();
    files(&project(""), &mut all);
    let mut found = Vec::new();
    for file in all.iter().filter(|file| !file.ends_with("tests/fast/docs/publisher.rs")) {
        // Pictures are no text.
        let Ok(text) = fs::read_to_string(file) else { continue };
        for (number, line) in (1..).zip(text.lines()) {
            let foreign_accounts = publisher.foreign_accounts(line).into_iter();
            found.extend(
                foreign_accounts.map(|what| format!("{}:{number}: {what}", file.display())),
            );
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(all.len() > 500, "only {} files", all.len());
}

/// All places agree with `Cargo.toml`.
#[test]
fn every_file_names_the_same_publisher() {
    let Publisher { owner, image } = Publisher::read();
    let repository = env!("CARGO_PKG_REPOSITORY");
    let version = env!("CARGO_PKG_VERSION");
    for (file, text) in [
        (".krew.yaml", format!("homepage: https://github.com/{owner}/portcullis\n")),
        ("docs/ci.md", format!("- uses: {owner}/portcullis@v{version}\n")),
        ("docs/ci.md", format!("- repo: https://github.com/{owner}/portcullis\n")),
        ("docs/ci.md", format!(" {image}:{version} check ")),
        ("deploy/install.yaml", format!("image: {image}:{version}\n")),
        ("deploy/kustomize/README.md", format!("- name: {image}\n")),
        (
            "charts/portcullis/files/rules.yaml",
            format!("runbook_url: {repository}/blob/main/docs/"),
        ),
        ("docs/schema/report-v1.json", format!("\"$id\": \"{repository}/blob/main/docs/")),
    ] {
        let is = fs::read_to_string(project(file)).unwrap();
        assert!(is.contains(&text), "{file} lacks {text}");
    }
    // The chart has a default only if there is an image.
    let values = fs::read_to_string(project("charts/portcullis/values.yaml")).unwrap();
    let default = if image.contains(".invalid/") { "\"\"" } else { &*image };
    assert!(values.contains(&format!("\n  repository: {default}\n")));
}

#[test]
fn an_account_of_others_is_found() {
    let publisher = Publisher { owner: NO_OWNER.to_owned(), image: "ghcr.io/ours/gate".to_owned() };
    for (line, found) in [
        ("image: ghcr.io/somebody/portcullis:1", &["ghcr.io/somebody"][..]),
        ("see https://GitHub.com/Somebody.", &["github.com/Somebody"]),
        ("- uses: somebody/portcullis@v1", &["uses: somebody"]),
        ("- uses: portcullis/portcullis@v1", &["uses: portcullis", "portcullis/portcullis"]),
        ("docker run portcullis/portcullis", &["portcullis/portcullis"]),
        ("raw.githubusercontent.com/x/y quay.io/z", &["githubusercontent.com/x", "quay.io/z"]),
        ("image: ghcr.io/ours/gate:1, https://github.com/<owner>/portcullis", &[]),
        ("- uses: <owner>/portcullis@v1 # actions/checkout", &[]),
        ("- uses: actions/checkout@v5, docker.io/library/rust, uses: a/b", &[]),
        ("cert-manager.io/inject-ca-from: portcullis/portcullis", &[]),
        ("allowed: [\"ghcr.io/acme/*\", \"ghcr.io/*\"]", &[]),
    ] {
        assert_eq!(publisher.foreign_accounts(line), found, "{line}");
    }
}

//! `portcullis man`.

use std::{collections::BTreeSet, fs, process::Command};

use crate::{
    explain::program::{link, portcullis, run},
    support::process::{Folder, is_installed},
};

#[test]
fn the_first_page_goes_to_standard_output() {
    let outcome = portcullis(&["man"]);
    assert_eq!((outcome.status, &*outcome.err), (Some(0), ""));
    assert!(outcome.out.contains(".TH portcullis 1"), "{}", outcome.out);
    assert!(outcome.out.contains("portcullis\\-explain(1)"), "{}", outcome.out);
}

#[test]
fn a_folder_gets_a_page_for_every_command() {
    let folder = Folder::new("man");
    let pages = folder.path().join("share/man1");
    let outcome = portcullis(&["man", pages.to_str().unwrap()]);
    assert_eq!((outcome.status, &*outcome.out, &*outcome.err), (Some(0), "", ""));
    let files: BTreeSet<_> = fs::read_dir(&pages)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let mut expected = BTreeSet::new();
    add_pages(&[], &mut expected);
    assert!(expected.contains("portcullis-check.1"), "{expected:?}");
    assert_eq!(files, expected);
    let check = fs::read_to_string(pages.join("portcullis-check.1")).unwrap();
    assert!(check.contains("\\-\\-level"), "{check}");
    assert!(check.contains(concat!("\"Portcullis ", env!("CARGO_PKG_VERSION"))), "{check}");
}

/// Adds the page of a command and those of its subcommands.
fn add_pages(path: &[&str], pages: &mut BTreeSet<String>) {
    pages.insert(format!("{}.1", [&["portcullis"], path].concat().join("-")));
    let help = portcullis(&[path, &["--help"]].concat()).out;
    let Some((_, commands)) = help.split_once("Commands:\n") else { return };
    let commands = commands.lines().take_while(|line| !line.is_empty());
    let names = commands.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    for name in names.filter(|name| !name.is_empty() && *name != "help") {
        add_pages(&[path, &[name]].concat(), pages);
    }
}

/// groff, if installed, reports no errors.
#[test]
fn the_pages_are_roff() {
    if !is_installed("groff") {
        return;
    }
    let folder = Folder::new("man-groff");
    let outcome = portcullis(&["man", folder.path().to_str().unwrap()]);
    assert_eq!(outcome.status, Some(0));
    let mut command = Command::new("groff");
    command.args(["-man", "-Tascii", "-ww"]);
    command.args(fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()));
    let outcome = run(&mut command);
    assert_eq!((outcome.status, &*outcome.err), (Some(0), ""));
    assert!(outcome.out.contains("Path to a kubeconfig"), "{}", outcome.out);
}

#[test]
fn the_pages_of_the_plugin_use_its_name() {
    let folder = Folder::new("man-plugin");
    let plugin = link(&folder, "kubectl-portcullis");
    let pages = folder.path().join("pages");
    let outcome = run(Command::new(plugin).arg("man").arg(&pages));
    assert_eq!((outcome.status, &*outcome.err), (Some(0), ""));
    let page = fs::read_to_string(pages.join("kubectl-portcullis-explain.1")).unwrap();
    assert!(page.contains("kubectl portcullis explain"), "{page}");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let outcome = portcullis(&["man", "Cargo.toml/pages"]);
    assert_eq!(outcome.status, Some(2));
    assert!(
        outcome.err.starts_with("portcullis: Cargo.toml/pages could not be created: "),
        "{}",
        outcome.err
    );
}

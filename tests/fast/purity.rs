//! What decides does no I/O, reads no clock, does not log and keeps nothing: it is given all that it needs. This reads the
//! sources of `core` for what they use, and knows what they may.

use std::{collections::BTreeSet, fs, path::Path};

/// The modules of `core`, and which others each may use.
const MODULES: [(&str, &[&str]); 12] = [
    ("dns", &[]),
    ("json", &["json"]),
    // Whose readers bound lists.
    ("pss", &["json", "pss"]),
    ("pattern", &[]),
    ("rules", &["pattern", "pss", "rules"]),
    ("harden", &["harden", "pss", "rules"]),
    // Exceptions are asked at a time that it is given.
    ("policy", &["config", "dns", "harden", "pattern", "policy", "pss", "rules"]),
    ("config", &["harden", "policy", "pss"]),
    ("spec", &["config", "dns", "harden", "pattern", "policy", "pss", "rules", "spec"]),
    ("admission", &["admission", "config", "harden", "json", "policy", "pss", "rules"]),
    // To mark what was found where it stands.
    ("manifest", &["admission", "findings", "harden", "json", "manifest", "pss"]),
    ("findings", &["admission", "config", "findings", "harden", "json", "policy", "pss", "rules"]),
];

/// Of the standard library: nothing that reaches out of the program, and nothing that is shared.
const STD: [&str; 19] = [
    "borrow",
    "cell",
    "cmp",
    "collections",
    "convert",
    "error",
    "fmt",
    "hash",
    "iter",
    "marker",
    "mem",
    "num",
    "ops",
    "slice",
    "str",
    "string",
    "sync",
    "time",
    "vec",
];

const CRATES: [&str; 11] = [
    "aho_corasick",
    "base64",
    "granit_parser",
    "jiff",
    "json_patch",
    "memchr",
    "schemars",
    "serde",
    "serde_json",
    "thiserror",
    "wide",
];

/// What needs no path.
const WORDS: [&str; 14] = [
    "Instant",
    "Condvar",
    "Mutex",
    "RwLock",
    "OnceLock",
    "LazyLock",
    "thread_local",
    "async",
    "await",
    "dbg",
    "eprint",
    "eprintln",
    "print",
    "println",
];

#[test]
fn what_decides_uses_only_what_is_pure() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("core/src");
    let names: BTreeSet<_> =
        fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()).collect();
    let stems = names.iter().filter_map(|path| path.file_stem()?.to_str());
    let known = MODULES.map(|(module, _)| module).into_iter().chain(["lib"]);
    assert_eq!(stems.collect::<BTreeSet<_>>(), known.collect());
    for (module, allowed) in MODULES {
        let folder = root.join(module);
        let sources = if folder.is_dir() {
            sources(&folder)
        } else {
            let file = folder.with_extension("rs");
            vec![(file.display().to_string(), fs::read_to_string(&file).unwrap())]
        };
        assert!(!sources.is_empty(), "{module}");
        for (file, text) in sources {
            let impure = impurities(&text, allowed);
            assert_eq!(impure, BTreeSet::new(), "{file}");
        }
    }
}

#[test]
fn what_is_impure_is_found() {
    let found = |text: &str| impurities(text, &["pss"]).into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(found("use std::{collections::BTreeMap, fmt::{self, Write as _}};"), "");
    assert_eq!(found("use std::{collections::BTreeMap, fs};"), "std::fs");
    assert_eq!(
        found("use std::{\n    collections::{BTreeMap, HashMap},\n    net::{IpAddr},\n};"),
        "std::net"
    );
    assert_eq!(found("let x = std::env::var(\"x\");"), "std::env");
    assert_eq!(found("use crate::{pss::Pod, record};"), "crate::record");
    assert_eq!(found("fn f() { crate::server::serve() }"), "crate::server");
    assert_eq!(found("use tokio::time::sleep;"), "tokio");
    assert_eq!(found("pub use kube::Client;\nuse super::x;\nuse self::y;"), "kube");
    assert_eq!(found("tracing::info!(x);"), "tracing");
    assert_eq!(found("println!(\"{x}\"); // print\nlet a = Instant::now();"), "Instant println");
    assert_eq!(found("let a = std::time::SystemTime::now();"), "SystemTime::now");
    assert_eq!(found("use std::sync::{Arc, Mutex};"), "Mutex");
    assert_eq!(found("static mut X: u8 = 0;"), "static mut");
    assert_eq!(found("// use std::fs;\n/// `std::time`\nlet text = \"std::io\";"), "");
}

/// What a source uses that is not allowed.
fn impurities(text: &str, modules: &[&str]) -> BTreeSet<String> {
    let code = code(text);
    let mut found = BTreeSet::new();
    for (root, allowed) in [("std", STD.as_slice()), ("core", STD.as_slice()), ("crate", modules)] {
        let used = after(&code, root);
        let foreign = used.into_iter().filter(|name| !allowed.contains(&name.as_str()));
        found.extend(foreign.map(|name| format!("{root}::{name}")));
    }
    let own = code.split("mod ").skip(1).map(first_word);
    let known: Vec<_> = ["std", "core", "crate", "super", "self"].into_iter().chain(own).collect();
    let uses = code.lines().filter_map(|line| {
        let (visibility, rest) = line.split_once("use ")?;
        let is_use = visibility.trim().is_empty() || visibility.trim().starts_with("pub");
        is_use.then(|| first_word(rest))
    });
    let calls =
        ["tokio", "tracing", "kube", "hyper", "axum", "http", "futures", "prometheus", "log"]
            .into_iter()
            .filter(|name| !after(&code, name).is_empty());
    let foreign = uses.chain(calls).filter(|name| !known.contains(name) && !CRATES.contains(name));
    // A name of the module itself, as in `use Outcome::*`, begins in upper case.
    found.extend(foreign.filter(|name| name.starts_with(char::is_lowercase)).map(str::to_owned));
    let words: BTreeSet<_> = code.split(|c: char| !is_name(c)).collect();
    found.extend(WORDS.iter().filter(|word| words.contains(*word)).map(|word| (*word).to_owned()));
    for clock in ["SystemTime::now", "Timestamp::now", "Zoned::now"] {
        found.extend(code.contains(clock).then(|| clock.to_owned()));
    }
    if code.contains("static mut") {
        found.insert("static mut".to_owned());
    }
    found
}

/// The names that stand right after `root::`, those of a group in braces, too.
fn after(code: &str, root: &str) -> Vec<String> {
    let start = format!("{root}::");
    let places = code.match_indices(&start).filter(|(at, _)| !code[..*at].ends_with(is_name));
    places
        .flat_map(|(at, _)| {
            let rest = &code[at + start.len()..];
            match rest.strip_prefix('{') {
                Some(group) => group_names(group),
                None => vec![first_word(rest).to_owned()],
            }
        })
        .collect()
}

/// The first name of each element of a group, up to its end.
fn group_names(group: &str) -> Vec<String> {
    let mut names = Vec::new();
    let (mut depth, mut element) = (0, String::new());
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(std::mem::take(&mut element)),
            _ if depth == 0 => element.push(c),
            _ => {}
        }
    }
    names.push(element);
    let names = names.iter().map(|element| first_word(element.trim()).to_owned());
    names.filter(|name| !name.is_empty()).collect()
}

fn first_word(text: &str) -> &str {
    text.split(|c| !is_name(c)).next().unwrap_or_default()
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Without comments, strings and unit tests.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = text.lines().map(|line| {
        let parts: Vec<_> = line.split('"').collect();
        let unquoted: Vec<_> = parts.into_iter().step_by(2).collect();
        unquoted.join("\"\"").split("//").next().unwrap_or_default().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn sources(folder: &Path) -> Vec<(String, String)> {
    let mut sources = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // Tests use what tests need.
        if path.file_stem().is_some_and(|name| name == "tests") {
            continue;
        }
        if path.is_dir() {
            sources.extend(self::sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
        }
    }
    sources
}

//! `docs/policies.md`: its YAML is valid, its links work, and its example violates what it names.

use std::{fs, path::Path, process::Command};

use portcullis::explain;

use crate::{
    explain::program::{PORTCULLIS, run},
    support::process::Folder,
};

fn page() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/policies.md")).unwrap()
}

/// The code blocks in a language.
fn blocks<'p>(page: &'p str, language: &str) -> Vec<&'p str> {
    let start = format!("\n```{language}\n");
    page.split(&start).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

#[test]
fn its_yaml_is_yaml() {
    let page = page();
    let blocks = blocks(&page, "yaml");
    assert!(blocks.len() > 5, "{blocks:?}");
    for block in blocks {
        let value: Result<serde_json::Value, _> = serde_saphyr::from_str(block);
        assert!(value.is_ok_and(|value| value.is_object()), "{block}");
    }
}

#[test]
fn its_example_violates_the_named_control() {
    let page = page();
    let [agent] =
        blocks(&page, "yaml").into_iter().filter(|it| it.contains("DaemonSet")).collect::<Vec<_>>()
            [..]
    else {
        panic!("there is one DaemonSet")
    };
    let consoles = blocks(&page, "console").into_iter().filter(|it| it.contains("check"));
    let [console] = consoles.collect::<Vec<_>>()[..] else { panic!("there is one check") };
    let (command, expected) = console.split_once('\n').unwrap();
    let args = command.strip_prefix("$ portcullis ").unwrap().split(' ');
    let folder = Folder::new("policies");
    folder.write("agent.yaml", agent);
    let outcome = run(Command::new(PORTCULLIS).args(args).current_dir(folder.path()));
    assert_eq!((outcome.status, &*outcome.out), (Some(1), expected), "{}", outcome.err);
}

/// Each rule in a block or in the text exists, as does each linked page.
#[test]
fn what_it_names_exists() {
    let page = page();
    let mut count = 0;
    for code in page.split('`').filter(|code| code.starts_with("rules/")) {
        assert!(explain::of(code).is_some(), "{code}");
        count += 1;
    }
    for block in blocks(&page, "yaml") {
        let value: serde_json::Value = serde_saphyr::from_str(block).unwrap();
        for (rule, _) in value["rules"].as_object().into_iter().flatten() {
            assert!(explain::of(&format!("rules/{rule}")).is_some(), "{rule}");
            count += 1;
        }
    }
    assert!(count > 5, "{count}");
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    for link in page.split("](").skip(1) {
        let target = link.split([')', '#']).next().unwrap();
        assert!(docs.join(target).exists(), "{target}");
    }
}

//! `examples/policies`: its tests pass, and its files match `docs/policies.md`.

use std::fs;

use policy::harden::Field;

use crate::{
    policy_test::program::{project, test_in},
    support::process::Folder,
};

const FILES: [&str; 4] = ["config.yaml", "shop.yaml", "agent.yaml", "portcullis-test.yaml"];

/// A copy of the example, in `examples/policies` of a folder.
fn copy() -> Folder {
    let folder = Folder::new("example");
    fs::create_dir_all(folder.path().join("examples/policies")).unwrap();
    for file in FILES {
        let path = format!("examples/policies/{file}");
        folder.write(&path, fs::read(project().join(&path)).unwrap());
    }
    folder
}

/// The consoles of the page that run tests: command and output.
fn consoles(page: &str) -> Vec<(&str, &str)> {
    let blocks = page.split("\n```console\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let commands = blocks.filter_map(|block| block.strip_prefix("$ portcullis test"));
    commands.map(|block| block.split_once('\n').unwrap()).collect()
}

#[test]
fn the_example_passes() {
    let outcome = test_in(project(), &["examples"]);
    assert_eq!((outcome.status, &*outcome.err), (Some(0), ""), "{}", outcome.out);
    assert!(outcome.out.contains("9 cases in 1 file: 9 passed"), "{}", outcome.out);
}

/// The page changes the configuration between its two runs: it removes the line of the floor.
#[test]
fn the_page_shows_all_messages() {
    let page = fs::read_to_string(project().join("docs/policies.md")).unwrap();
    let [(first, passed), (second, failed)] = consoles(&page)[..] else { panic!("there are two") };
    let folder = copy();
    let run = |args: &str| test_in(folder.path(), &args.split_whitespace().collect::<Vec<_>>());
    let outcome = run(first);
    assert_eq!((outcome.status, &*outcome.out), (Some(0), passed), "{}", outcome.err);

    let line = "floor: {level: baseline}\n";
    assert!(page.contains("floor: {level: baseline}"), "the page says which line goes");
    let path = folder.path().join("examples/policies/config.yaml");
    let config = fs::read_to_string(&path).unwrap();
    assert!(config.contains(line));
    fs::write(&path, config.replace(line, "")).unwrap();
    let outcome = run(second);
    assert_eq!((outcome.status, &*outcome.out), (Some(1), failed), "{}", outcome.err);
}

/// The page shows the content of the example's files.
#[test]
fn the_page_quotes_the_example() {
    let page = fs::read_to_string(project().join("docs/policies.md")).unwrap();
    let tests =
        fs::read_to_string(project().join("examples/policies/portcullis-test.yaml")).unwrap();
    let blocks = page.split("\n```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let quoted: Vec<_> = blocks.filter(|block| block.contains("kind: PolicyTest")).collect();
    let [quoted] = quoted[..] else { panic!("{quoted:?}") };
    assert!(tests.starts_with(quoted), "{quoted}");
}

/// The page lists them manually.
#[test]
fn the_page_names_every_field_that_hardening_adds() {
    let page = fs::read_to_string(project().join("docs/policies.md")).unwrap();
    let row = page.lines().find(|line| line.starts_with("| `hardened` |")).unwrap();
    for field in Field::ALL {
        assert!(row.contains(&format!("`{}`", field.name())), "{}: {row}", field.name());
    }
}

/// A test covers each requirement of the example's policy: it fails without the requirement.
#[test]
fn whatever_is_taken_out_of_the_policy_is_missed() {
    for (line, instead) in [
        ("floor: {level: baseline}\n", ""),
        ("  imageTag: enforce\n", ""),
        ("  imageTag: enforce\n", "  imageTag: warn\n"),
        ("exemptions: {namespaces: [kube-system]}\n", ""),
        ("allowed: [registry.example]}", "allowed: [registry.example, docker.io]}"),
        ("  resources: {mode: warn,", "  resources: {mode: enforce,"),
        ("capabilities: [NET_RAW]", "capabilities: [NET_RAW, NET_ADMIN]"),
        ("capabilities: [NET_RAW]", "capabilities: []"),
        ("{path: /var/log, readOnly: true}", "{path: /var/log}"),
        ("allowed: [registry.example/ops]", "allowed: [registry.example]"),
        ("    namespaces: [monitoring]\n", "    namespaces: [metrics]\n"),
        ("    level: baseline\n", "    level: restricted\n"),
        ("enforce: restricted", "enforce: baseline"),
    ] {
        let folder = copy();
        let path = folder.path().join("examples/policies/config.yaml");
        let config = fs::read_to_string(&path).unwrap();
        assert!(config.contains(line), "{line}");
        fs::write(&path, config.replace(line, instead)).unwrap();
        let outcome = test_in(folder.path(), &[]);
        assert_eq!(outcome.status, Some(1), "{line} -> {instead}: {}", outcome.out);
    }
}

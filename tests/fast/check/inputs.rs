//! Inputs: files, directories, standard input; YAML, JSON and JSON Lines; lists; and what is skipped.

use std::fs;

use insta::assert_snapshot;

use crate::check::program::{check, check_with, controls};

fn verdicts(args: &[&str]) -> String {
    let mut verdicts = check(&[&["-o", "jsonl"], args].concat()).verdicts().join("\n");
    verdicts.push('\n');
    verdicts
}

#[test]
fn a_broken_document_does_not_touch_the_others() {
    assert_snapshot!(verdicts(&["tests/manifests/broken.yaml"]), @r#"
    1 before denied
    18 not JSON or YAML that can be read: while parsing a block mapping, did not find expected key
    28 repeated key "hostNetwork": a mapping has each key once
    38 Pod mistyped: spec.containers[0].securityContext.runAsUser: must be an integer, but is the string "root"
    40 a key must be a string, a number or a boolean; it looks like a template that is not rendered: give what renders it, as --helm does
    42 not a Kubernetes object: it is no mapping
    45 not a Kubernetes object: it has no kind
    47 not a Kubernetes object: it has no apiVersion
    51 after denied
    "#);
}

#[test]
fn lists_are_judged_item_by_item() {
    assert_snapshot!(verdicts(&["tests/manifests/lists.yaml"]), @r#"
    7 first denied
    21 nested denied
    30 not a Kubernetes object: it has no kind
    36 Pod mistyped: spec.containers: must be a list, but is a mapping
    43 of-a-typed-list denied
    50 second allowed
    "#);
}

#[test]
fn json_lines_are_judged_line_by_line() {
    assert_snapshot!(verdicts(&["tests/manifests/stream.jsonl"]), @r#"
    1 one denied
    2 not JSON or YAML that can be read: unclosed quote
    5 not a Kubernetes object: it is no mapping
    6 repeated key "name": a mapping has each key once
    7 clean allowed
    8 last denied
    "#);
}

#[test]
fn concatenated_json_documents_are_read() {
    assert_snapshot!(verdicts(&["tests/manifests/concatenated.json"]), @r#"
    1 one denied
    2 same-line allowed
    3 trailing-comma denied
    9 float allowed
    "#);
}

#[test]
fn yaml_is_read_as_go_reads_it() {
    let outcome =
        check(&["-o", "jsonl", "--level", "restricted", "tests/manifests/yaml-forms.yaml"]);
    let mut verdicts = String::new();
    for (row, line) in outcome.rows().iter().zip(outcome.verdicts()) {
        let is_user_0 = row.get("violations").is_some() && controls(row).contains(&"runAsUser");
        verdicts += &format!("{line}{}\n", if is_user_0 { ": user 0" } else { "" });
    }
    assert_snapshot!(verdicts, @r#"
    1 zero-as-a-float denied: user 0
    9 thousand-as-a-float allowed
    16 octal denied: user 0
    27 yes-and-no denied
    35 anchors denied
    64 Pod half-a-user: spec.securityContext.runAsUser: must be an integer, but is the number 0.5
    71 Pod a-user-too-large: spec.securityContext.runAsUser: must be an integer, but is the number 100000000000000000000000
    "#);
    // Each on the line of the problem, even if an alias or a merge key inserts it.
    let outcome = check(&["-o", "concise", "tests/manifests/yaml-forms.yaml"]);
    assert_snapshot!("yaml_is_read_as_go_reads_it", outcome.out);
}

#[test]
fn defaults_of_the_api_server_are_filled_in() {
    let outcome = check(&["-o", "jsonl", "--level", "restricted", "tests/manifests/defaults.yaml"]);
    let mut verdicts = String::new();
    for row in outcome.rows() {
        verdicts += row["name"].as_str().unwrap();
        for violation in row["violations"].as_array().unwrap() {
            if ["hostPorts", "restrictedVolumes"].contains(&violation["control"].as_str().unwrap())
            {
                verdicts += &format!(" {}", violation["fields"]);
            }
        }
        verdicts.push('\n');
    }
    assert_snapshot!(verdicts, @r#"
    host-network ["spec.initContainers[0].ports[0].hostPort","spec.containers[0].ports[0].hostPort","spec.containers[0].ports[1].hostPort"]
    host-network-in-a-template
    no-host-network
    volumes ["spec.volumes[2].quantum"]
    volume-in-a-template
    "#);
}

#[test]
fn directories_are_read_in_order_without_git() {
    let folder = tempfile::tempdir().unwrap();
    let pod = |name: &str| format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\n");
    let write = |path: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, pod(path.file_stem().unwrap().to_str().unwrap())).unwrap();
    };
    for path in [
        "b.yaml",
        "a/z.yml",
        "a/deep/er/x.yaml",
        "a/m.json",
        "c.jsonl",
        "README.md",
        "values.yaml.orig",
        ".hidden.yaml",
        ".git/hook.yaml",
    ] {
        write(path);
    }
    let outcome = check(&["-o", "jsonl", folder.path().to_str().unwrap()]);
    let names: Vec<_> = outcome.verdicts();
    assert_eq!(
        names,
        [
            "1 .hidden allowed",
            "1 x allowed",
            "1 m allowed",
            "1 z allowed",
            "1 b allowed",
            "1 c allowed"
        ]
    );
    let source = outcome.rows()[1]["source"].clone();
    assert_eq!(source, folder.path().join("a/deep/er/x.yaml").to_str().unwrap());
    // A file that is named explicitly is read whatever its extension.
    let orig = folder.path().join("values.yaml.orig");
    assert_eq!(
        check(&["-o", "jsonl", orig.to_str().unwrap()]).verdicts(),
        ["1 values.yaml allowed"]
    );
}

#[cfg(unix)]
#[test]
fn links_to_files_are_followed_and_links_to_directories_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("target"), "{apiVersion: v1, kind: Pod, metadata: {name: linked}}").unwrap();
    std::os::unix::fs::symlink(at("target"), at("link.yaml")).unwrap();
    std::os::unix::fs::symlink(folder.path(), at("round.yaml")).unwrap();
    std::os::unix::fs::symlink(at("nowhere"), at("broken.yaml")).unwrap();
    let outcome = check(&["-o", "jsonl", folder.path().to_str().unwrap()]);
    let verdicts = outcome.verdicts();
    assert_eq!(verdicts[1], "1 linked allowed");
    assert!(verdicts[0].starts_with("null cannot be read: No such file"), "{verdicts:?}");
    assert_eq!((verdicts.len(), outcome.status), (2, Some(2)));
}

#[test]
fn sources_are_judged_in_the_order_of_the_command_line() {
    let pod = b"{apiVersion: v1, kind: Pod, metadata: {name: typed}}";
    let args = ["-o", "jsonl", "tests/manifests/clean.yaml", "-", "tests/manifests/nowhere.yaml"];
    let outcome = check_with(&args, pod);
    assert_eq!(outcome.status, Some(2));
    let sources: Vec<_> = outcome.rows().iter().map(|row| row["source"].clone()).collect();
    assert_eq!(sources, ["tests/manifests/clean.yaml", "-", "tests/manifests/nowhere.yaml"]);
    let rows = outcome.rows();
    assert_eq!(rows[2]["line"], serde_json::Value::Null);
    let error = rows[2]["error"].as_str().unwrap();
    assert!(error.starts_with("cannot be read: No such file"), "{error}");
}

#[test]
fn standard_input_is_read_without_a_path() {
    let text = fs::read("tests/manifests/stream.jsonl").unwrap();
    let (named, unnamed) =
        (check_with(&["-o", "jsonl", "-"], &text), check_with(&["-o", "jsonl"], &text));
    assert_eq!(named.out, unnamed.out);
    assert_eq!(
        named.verdicts(),
        check(&["-o", "jsonl", "tests/manifests/stream.jsonl"]).verdicts()
    );
}

#[test]
fn carriage_returns_and_a_byte_order_mark_change_nothing() {
    let text = fs::read_to_string("tests/manifests/every-kind.yaml").unwrap();
    let plain = check_with(&["-o", "jsonl"], text.as_bytes());
    let windows = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    assert_eq!(check_with(&["-o", "jsonl"], windows.as_bytes()).out, plain.out);
    assert_eq!(plain.rows().len(), 9);
}

#[test]
fn markers_directives_and_empty_documents_are_no_objects() {
    let text = "%YAML 1.2\n---\n# comment\n---\n\n--- # another\n...\n---\nnull\n--- {apiVersion: v1, \
                kind: Pod, metadata: {name: inline}}\n...\n--- |\n  --- text\n---\n";
    let outcome = check_with(&["-o", "jsonl"], text.as_bytes());
    let expected = ["10 inline allowed", "13 not a Kubernetes object: it is no mapping"];
    assert_eq!(outcome.verdicts(), expected);
}

#[test]
fn other_kinds_are_ignored_and_counted() {
    let mut text = String::new();
    for (api_version, kind) in [
        ("v1", "Service"),
        ("argoproj.io/v1alpha1", "Application"),
        ("example.org/v1", "AllowList"),
        ("apps/v1beta2", "Deployment"),
    ] {
        text += &format!("---\napiVersion: {api_version}\nkind: {kind}\nspec: {{hostPID: true}}\n");
    }
    let outcome = check_with(&["-o", "json"], text.as_bytes());
    let document: serde_json::Value = serde_json::from_str(&outcome.out).unwrap();
    // The group decides whether a kind is judged, not its version.
    assert_eq!(document["summary"]["ignored"], 3);
    assert_eq!(document["summary"]["objects"], 0);
    let reason = document["skipped"][0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("Deployment  is a patch: it has no spec.selector"), "{reason}");
}

#[test]
fn containers_of_unknown_kinds_are_named_as_not_judged() {
    let text = "apiVersion: example.org/v1\nkind: Fleet\nmetadata: {name: a}\n\
                spec: {members: [{spec: {containers: [{name: a, image: a, securityContext: {privileged: true}}]}}]}\n\
                ---\napiVersion: example.org/v1\nkind: Page\nmetadata: {name: b}\nspec: {image: a.png}\n";
    let outcome = check_with(&["-o", "json"], text.as_bytes());
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    let document: serde_json::Value = serde_json::from_str(&outcome.out).unwrap();
    assert_eq!(document["summary"]["unjudged"], serde_json::json!({"Fleet.example.org": 1}));
    assert_eq!(document["summary"]["ignored"], 1);
    assert_eq!(document["skipped"][0]["category"], "unjudged");
    for (format, expected) in [
        (
            "human",
            "Fleet a is not judged: it has a container at spec.members[0].spec.containers[0]",
        ),
        ("concise", "Fleet a is not judged"),
        ("junit", "skipped message=\"Fleet a is not judged"),
        ("sarif", "Fleet a is not judged"),
        ("github", "Fleet a is not judged"),
        ("html", "Fleet a is not judged"),
    ] {
        let outcome = check_with(&["-o", format, "--fail-on-unjudged"], text.as_bytes());
        assert_eq!(outcome.status, Some(1), "{outcome:?}");
        assert!(outcome.out.contains(expected), "{format}: {outcome:?}");
    }
}

/// Kinds under another group or spelling, which no API server takes, would otherwise never be judged.
#[test]
fn kinds_that_do_not_exist_are_errors_with_the_kind_to_write() {
    for (api_version, kind, right) in [
        ("apps/v1", "Pod", "apiVersion: v1, kind: Pod"),
        ("v1", "Deployment", "apiVersion: apps/v1, kind: Deployment"),
        ("extensions/v1beta1", "Deployment", "apiVersion: apps/v1, kind: Deployment"),
        ("apps/v1", "deployment", "apiVersion: apps/v1, kind: Deployment"),
        ("batch/v1", "Cronjob", "apiVersion: batch/v1, kind: CronJob"),
        ("argoproj.io/v1alpha1", "rollout", "write kind: Rollout"),
    ] {
        let text = format!("apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: web}}\n");
        let outcome = check_with(&["-o", "concise"], text.as_bytes());
        assert_eq!(outcome.status, Some(2), "{outcome:?}");
        assert!(outcome.out.contains(right), "{outcome:?}");
    }
}

#[test]
fn pipes_sockets_and_devices_in_directories_are_skipped() {
    use std::os::unix::{fs::symlink, net::UnixListener};
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::copy("tests/manifests/clean.yaml", at("pod.yaml")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(at("pipe.yaml")).status().unwrap().success());
    let _socket = UnixListener::bind(at("socket.yml")).unwrap();
    symlink("/dev/zero", at("device.json")).unwrap();
    symlink("pipe.yaml", at("link.yaml")).unwrap();
    for paths in [folder.path().display().to_string(), format!("{}/*", folder.path().display())] {
        let outcome = check(&["-o", "json", &paths]);
        assert_eq!(outcome.status, Some(0), "{}", outcome.err);
        let report: serde_json::Value = serde_json::from_str(&outcome.out).unwrap();
        let skipped = report["skipped"].as_array().unwrap();
        let name = |it: &serde_json::Value| it["source"].as_str().unwrap().to_owned();
        let names: Vec<_> = skipped.iter().map(name).collect();
        let expected = ["device.json", "link.yaml", "pipe.yaml", "socket.yml"];
        let expected = expected.map(|name| at(name).display().to_string());
        assert_eq!(names, expected);
        assert_eq!(report["summary"]["skipped"], 4);
        assert_eq!(report["summary"]["unreadable"], 0);
    }
    // No format waits for a pipe.
    for form in ["human", "concise", "jsonl", "yaml", "sarif", "junit", "github", "html"] {
        let outcome = check(&["-o", form, &folder.path().display().to_string()]);
        assert_eq!(outcome.status, Some(0), "{form}: {}", outcome.err);
        assert!(outcome.out.contains("socket.yml"), "{form}: {}", outcome.out);
    }
}

#[test]
fn links_in_a_directory_are_read_and_those_to_other_directories_named() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("tree/below")).unwrap();
    fs::create_dir(at("elsewhere")).unwrap();
    for file in ["tree/below/a.yaml", "elsewhere/b.yaml"] {
        fs::copy("tests/manifests/clean.yaml", at(file)).unwrap();
    }
    symlink("below/a.yaml", at("tree/inside.yaml")).unwrap();
    symlink("below", at("tree/same")).unwrap();
    symlink("../elsewhere/b.yaml", at("tree/outside.yaml")).unwrap();
    symlink("../elsewhere", at("tree/other")).unwrap();
    let outcome = check(&["-o", "jsonl", &at("tree").display().to_string()]);
    let rows = outcome.rows();
    let sources: Vec<_> = rows
        .iter()
        .map(|row| row["source"].as_str().unwrap().rsplit_once("/tree/").unwrap().1)
        .collect();
    assert!(sources.contains(&"below/a.yaml") && sources.contains(&"inside.yaml"), "{sources:?}");
    assert!(sources.contains(&"outside.yaml"), "{sources:?}");
    assert!(!sources.iter().any(|source| source.starts_with("same")), "{sources:?}");
    let skipped: Vec<_> = rows.iter().filter(|row| row.get("reason").is_some()).collect();
    assert_eq!(skipped.len(), 1);
    assert!(skipped[0]["source"].as_str().unwrap().ends_with("tree/other"));
    let named = check(&["-o", "jsonl", &at("tree/other").display().to_string()]);
    assert!(named.rows()[0]["source"].as_str().unwrap().ends_with("other/b.yaml"));
}

#[test]
fn what_is_larger_than_64_mib_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.yaml");
    // Sparse: it takes no space.
    fs::File::create(&path).unwrap().set_len((64 << 20) + 1).unwrap();
    let name = path.display().to_string();
    let outcome = check(&["-o", "concise", &name]);
    assert_eq!(outcome.status, Some(2));
    let expected = format!("{name}: error: is larger than the 64 MiB that are allowed: split it\n");
    assert_eq!(outcome.out, expected);
    let mut command = crate::check::program::command(&["-o", "concise", "-"]);
    let outcome = crate::support::program::run(command.stdin(fs::File::open(&path).unwrap()));
    assert_eq!(outcome.out, expected.replace(&name, "-"));
}

/// Fields that kubectl drops silently: the finding is at the key, with a suggestion.
#[test]
fn a_key_one_letter_away_is_pointed_at() {
    for (key, meant, line) in [
        ("runAsNonroot: true", "runAsNonRoot", 7),
        ("seccompprofile: {type: RuntimeDefault}", "seccompProfile", 7),
        ("allowPrivilegeEscalaton: false", "allowPrivilegeEscalation", 7),
        ("capabilites: {drop: [ALL]}", "capabilities", 7),
    ] {
        let text = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec:\n  containers:\n  - securityContext:\n      {key}\n    name: web\n    image: web\n"
        );
        let outcome = check_with(&["--level", "restricted", "-o", "json"], text.as_bytes());
        let hint =
            format!("(did you mean {meant:?} where it says {:?}?)", &key[..key.find(':').unwrap()]);
        let hint = hint.replace('"', "\\\"");
        let finding = outcome.out.split("{\"field\"").find(|finding| finding.contains(&hint));
        let finding = finding.unwrap_or_else(|| panic!("{key}: {}", outcome.out));
        assert!(finding.contains(&format!("\"line\":{line},\"column\":7")), "{finding}");
    }
    let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n  - {name: web, image: web, securitycontext: {runAsNonRoot: true}}\n";
    let outcome = check_with(&["--level", "restricted", "-o", "json"], text.as_bytes());
    assert!(outcome.out.contains("where it says \\\"securitycontext\\\""), "{}", outcome.out);
}

/// The error names the field, and the rest of the file is still judged.
#[test]
fn a_value_of_another_type_names_its_field_and_hides_no_other_object() {
    let pod = |spec: &str| {
        format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec: {spec}\n---\n")
    };
    let text = [
        pod("{securityContext: {runAsUser: \"1000\"}}"),
        pod("{containers: [{name: a, image: a, securityContext: {privileged: \"false\"}}]}"),
        pod("{}").replace("web", "n"),
        pod("{hostPID: true, containers: [{name: a, image: a}]}"),
    ]
    .concat();
    let outcome = check_with(&["-o", "jsonl"], text.as_bytes());
    let expected = [
        "4 Pod web: spec.securityContext.runAsUser: must be an integer, but is the string \"1000\": leave out the quotes",
        "9 Pod web: spec.containers[0].securityContext.privileged: must be a boolean, but is the string \"false\": leave out the quotes",
        "13 metadata.name: must be a string, but is the boolean false: write \"n\" in quotes",
        "16 web denied",
    ];
    assert_eq!(outcome.verdicts(), expected);
}

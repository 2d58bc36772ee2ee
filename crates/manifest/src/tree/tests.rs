//! Trees of unusual texts, and their values.

use std::fmt::Write as _;

use serde::Deserialize as _;

use super::*;

mod plain_yaml;

fn tree(text: &str) -> Tree<'_> {
    Tree::parse(text, 0..text.len(), Repeats::Refused).unwrap()
}

/// The source's text at a path.
fn at<'t>(tree: &'t Tree<'_>, path: &str) -> &'t str {
    let path = Path::of(path);
    let found = tree.find(&path);
    assert_eq!(found.missing, [], "{path}");
    found.last().unwrap().node.source()
}

#[test]
fn every_node_has_its_position() {
    let text = "# a pod\nkind: Pod # yes\nmetadata: {name: 'a b', \"x\\ny\": [1, {z: 2}]}\nspec:\n  containers:\n  - name: a\n    args:\n      - |\n        one\n\n    # none\n\n  - image: b\n    tty:\n  # end\n";
    let tree = tree(text);
    for (path, source) in [
        ("kind", "Pod"),
        ("metadata.name", "'a b'"),
        ("metadata[x\ny][1].z", "2"),
        ("metadata[x\ny]", "[1, {z: 2}]"),
        ("metadata", "{name: 'a b', \"x\\ny\": [1, {z: 2}]}"),
        ("spec.containers[0].args[0]", "one"),
        ("spec.containers[0]", "name: a\n    args:\n      - |\n        one"),
        ("spec.containers[1]", "image: b\n    tty"),
        ("spec.containers[1].tty", ""),
    ] {
        assert_eq!(at(&tree, path), source, "{path}");
    }
    assert!(at(&tree, "spec.containers").starts_with("- name: a"));
    assert!(at(&tree, "").ends_with("tty"));
}

#[test]
fn missing_fields_are_reported_at_the_deepest_existing_parent() {
    let tree = tree("spec:\n  containers:\n  - name: a\n");
    let path = Path::of("spec.containers[0].securityContext.capabilities");
    let found = tree.find(&path);
    assert_eq!(found.last().unwrap().node.source(), "name: a");
    assert_eq!(found.missing, Path::of("securityContext.capabilities").steps());
    assert_eq!(found.trail.len(), 4);
    let path = Path::of("spec.containers[1].name");
    assert_eq!(tree.find(&path).missing.len(), 2);
}

#[test]
fn offsets_are_those_of_the_source() {
    let text = "\u{feff}a: 1\n---\nä: ü\nb: {c: 1}\n";
    let start = text.find("---").unwrap() + 3;
    let tree = Tree::parse(text, start..text.len(), Repeats::Refused).unwrap();
    assert_eq!(at(&tree, "ä"), "ü");
    assert_eq!(at(&tree, "b.c"), "1");
    assert_eq!(tree.root().span().start, text.find('ä').unwrap());
}

#[test]
fn json_is_a_tree_too() {
    let text = "{\n\t\"a\\/b\": {\"c\": [true, null]},\n\t\"\\ud83d\\ude00\": \"\\u00e4\"\n}\n";
    let tree = tree(text);
    assert_eq!(at(&tree, "[a/b].c[0]"), "true");
    assert_eq!(at(&tree, "\u{1f600}"), "\"\\u00e4\"");
    assert_eq!(tree.root().kind(), NodeKind::Map(Style::Flow));
}

#[test]
fn ways_through_aliases_and_merge_keys_say_so() {
    let text = "x: &x {a: 1}\nv: *x\nz:\n  <<: *x\n  b: 2\nw:\n  <<: [{c: 3}, *x]\n";
    let tree = tree(text);
    let through = |path: &str| {
        let path = Path::of(path);
        let found = tree.find(&path);
        assert_eq!(found.missing, [], "{path}");
        let stop = found.last().unwrap();
        (stop.node.source().to_owned(), stop.through.map(|node| node.source().to_owned()))
    };
    let expected = |node: &str, through: &str| (node.to_owned(), Some(through.to_owned()));
    assert_eq!(through("x.a"), ("1".to_owned(), None));
    assert_eq!(through("v.a"), expected("1", "*x"));
    assert_eq!(through("z.a"), expected("1", "<<"));
    assert_eq!(through("z.b"), ("2".to_owned(), None));
    assert_eq!(through("w.c"), expected("3", "<<"));
    assert_eq!(through("w.a"), expected("1", "<<"));
    let path = Path::of("x");
    let uses: Vec<_> = tree.find(&path).last().unwrap().node.uses().collect();
    assert_eq!(uses.len(), 3);
    assert!(tree.has_aliases());
}

#[test]
fn nothing_holds_itself() {
    let error = |text: &str| Tree::parse(text, 0..text.len(), Repeats::Refused).unwrap_err();
    for text in ["a: &a\n  <<: *a\n  b: 1\n", "a: &a\n  b: *a\n"] {
        assert_eq!(error(text).why, "an alias inside its own anchor", "{text}");
    }
}

#[test]
fn blank_lines_belong_to_a_scalar_only_if_it_keeps_them() {
    for (text, end) in [
        ("a: |\n  x\n\n\nb: 1\n", "a: |\n  x"),
        ("a: |+\n  x\n\n\nb: 1\n", "a: |+\n  x\n\n\n"),
        ("a: |-\n  x\n\n# c\nb: 1\n", "a: |-\n  x"),
        ("a: >+\n  x\n\n", "a: >+\n  x\n\n"),
        ("a: |\n  x\n   \n\nb: 1\n", "a: |\n  x\n   \n\n"),
        ("a: |\n\nb: 1\n", "a"),
        ("a: |\n  x", "a: |\n  x"),
    ] {
        let tree = tree(text);
        let (_, value) = tree.root().get("a").unwrap();
        assert_eq!(&text[..value.span().end], end, "{text:?}");
    }
}

#[test]
fn no_tree_of_what_is_no_document_or_too_deep() {
    let error = |text: &str| Tree::parse(text, 0..text.len(), Repeats::Refused).unwrap_err();
    assert_eq!(error("# nothing\n").why, "there is no document");
    assert_eq!(error("a: 1\n b: 2\n").byte, 7);
    assert_eq!(error("a: *b\n").byte, 3);
    error(&"[".repeat(MAX_DEPTH + 1));
    error(&"- ".repeat(MAX_DEPTH + 1));
}

fn json(yaml: &str) -> serde_json::Value {
    serde_json::Value::deserialize(tree(yaml).root().value(Booleans::Go)).unwrap()
}

/// The values that sigs.k8s.io/yaml v1.6.0 yields.
#[test]
fn scalars_read_as_in_go() {
    for (yaml, expected) in [
        ("yes", "true"),
        ("Off", "false"),
        ("'yes'", "\"yes\""),
        ("!!str yes", "\"yes\""),
        ("~", "null"),
        ("0777", "511"),
        ("0o17", "15"),
        ("0x1F", "31"),
        ("1_000", "1000"),
        ("08", "8"),
        ("1e3", "1000"),
        ("1_", "1"),
        ("0.0", "0"),
        ("-0.0", "0"),
        ("-1.0", "-1"),
        ("0.5", "0.5"),
        ("9223372036854775807", "9223372036854775807"),
        ("18446744073709551615", "18446744073709551615"),
        ("1:30", "\"1:30\""),
        ("2001-01-01", "\"2001-01-01\""),
        ("|\n a\n b\n", "\"a\\nb\\n\""),
    ] {
        assert_eq!(json(yaml).to_string(), expected, "{yaml}");
    }
}

#[test]
fn keys_are_strings_and_aliases_and_merge_keys_are_expanded() {
    let text = "{1: a, x: b, 0x10: c, yes: d, 2.5: e}";
    let expected = serde_json::json!({"1": "a", "x": "b", "16": "c", "true": "d", "2.5": "e"});
    assert_eq!(json(text), expected);
    let text = "a: &a {x: 1, z: 2}\nb:\n  <<: *a\n  z: 3\nc: *a\nd:\n  z: 4\n  <<: [*a, {x: 5, w: 6}]\n&k k: {*k : v}\n";
    let expected = serde_json::json!({
        "a": {"x": 1, "z": 2}, "b": {"x": 1, "z": 3}, "c": {"x": 1, "z": 2},
        "d": {"x": 1, "w": 6, "z": 2}, "k": {"k": "v"},
    });
    assert_eq!(json(text), expected);
}

#[test]
fn what_cannot_be_read_names_its_place() {
    let refused = |text: &str| {
        let tree = Tree::parse(text, 0..text.len(), Repeats::Refused);
        let tree = tree.map_err(|error| (error.byte, error.why))?;
        let value = serde_json::Value::deserialize(tree.root().value(Booleans::Go));
        value.map_err(|error| (error.byte().unwrap(), error.to_string()))
    };
    for (text, byte, why) in [
        ("a: 1\na: 2\n", 5, "repeated key \"a\""),
        ("a: 1\n\"\\x61\": 2\n", 5, "repeated key \"a\""),
        ("a: 1\nb: [\n", 8, "not JSON or YAML that can be read"),
        ("a: 1\nb: .inf\n", 8, "b: a number must be finite"),
        ("a: 1\nb: [!!int x]\n", 15, "b[0]: it is not what its tag says"),
        ("a: 1\n? [b]\n: c\n", 7, "a key must be"),
        ("a: 1\nnull: c\n", 5, "a key must be"),
        ("a: 1\n<<: b\n", 5, "a merge key (<<) needs a mapping"),
        ("a: &a [*a]\n", 7, "an alias inside its own anchor"),
    ] {
        let (at, is) = refused(text).unwrap_err();
        assert_eq!((at, is.contains(why)), (byte, true), "{text}: {is}");
    }
    let many: String = (0..100).map(|key| format!("a{key}: 1\n")).collect();
    assert!(refused(&many).is_ok());
    for key in [0, 5, 70, 99] {
        let (_, why) = refused(&format!("{many}a{key}: 2\n")).unwrap_err();
        assert!(why.contains(&format!("repeated key \"a{key}\"")), "{why}");
    }
}

/// The error for a field of the wrong type has its path.
#[test]
fn a_value_of_another_type_is_named_by_its_path() {
    #[derive(Debug, serde::Deserialize)]
    #[allow(dead_code, reason = "read by serde alone")]
    struct Pod {
        #[serde(default)]
        name: Option<String>,
        #[serde(default)]
        users: Vec<Option<i64>>,
        #[serde(default)]
        privileged: Option<bool>,
        #[serde(default)]
        spec: Option<Box<Self>>,
    }
    let wrong = |text: &str| {
        let tree = tree(text);
        let read = tree.root().read(std::marker::PhantomData::<Pod>);
        read.map_err(|error| error.to_string()).unwrap_err()
    };
    for (text, why) in [
        ("name: n", "name: must be a string, but is the boolean false: write \"n\" in quotes"),
        (
            "spec: {name: 1.10}",
            "spec.name: must be a string, but is the number 1.1: write \"1.10\" in quotes",
        ),
        (
            "users: [1, \"1000\"]",
            "users[1]: must be an integer, but is the string \"1000\": leave out the quotes",
        ),
        ("users: [root]", "users[0]: must be an integer, but is the string \"root\""),
        (
            "spec: {spec: {privileged: 'false'}}",
            "spec.spec.privileged: must be a boolean, but is the string \"false\": leave out the quotes",
        ),
        ("spec: [a]", "spec: must be a mapping, but is a list"),
        ("users: {}", "users: must be a list, but is a mapping"),
    ] {
        assert_eq!(wrong(text), why, "{text}");
    }
}

/// kubectl accepts it, and people write it (B11).
#[test]
fn quoted_lines_need_no_indentation() {
    for text in [
        "a: \"b\nc\"\n",
        "a:\n  b: 'c\n\n d'\n",
        "- a: \"b\n\tc\n\"\n",
        "a: \"{\n\\\"b\\\": 1\n}\"\n",
    ] {
        assert!(Tree::parse(text, 0..text.len(), Repeats::Refused).is_ok(), "{text}");
    }
    assert_eq!(
        json("a:\n  b: 'c\n\nd'\ne: \"f\ng\"\n"),
        serde_json::json!({"a": {"b": "c\nd"}, "e": "f g"})
    );
}

#[test]
fn aliases_do_not_multiply() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..12 {
        let _ = writeln!(bomb, "a{i}: &a{i} [{}]", vec![format!("*a{}", i - 1); 10].join(", "));
    }
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), "*a, ".repeat(1000));
    let mut deep = "a0: &a0 [x]\n".to_owned();
    for i in 1..200 {
        let _ = writeln!(deep, "a{i}: &a{i} [*a{}]", i - 1);
    }
    for text in [bomb, long, deep] {
        assert!(Tree::parse(&text, 0..text.len(), Repeats::Refused).is_err());
    }
}

/// Errors after the first are found, too, and nothing that follows from another error is one.
#[test]
fn all_errors_of_what_a_person_wrote_are_collected() {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only its errors count")]
    struct Port {
        number: u16,
        #[serde(default)]
        names: Vec<String>,
        #[serde(default)]
        is_open: Option<bool>,
    }
    let text = "
- {number: x, names: [a, 1, {}], is_open: yes}
- {numbr: 1, names: , is_open: ''}
- number: 1
- &same {number: 2, names: no}
- *same
- 80
";
    let tree = tree(text);
    let (read, errors) = tree.root().read_all::<Vec<Port>>();
    let own = errors.iter().filter(|error| error.kind() != ErrorKind::Consequence);
    let errors: Vec<_> = own
        .map(|error| format!("{} {}: {}", error.byte().unwrap(), error.path(), error.why()))
        .collect();
    assert_eq!(
        errors,
        [
            "12 [0].number: must be an integer, but is the string \"x\"",
            "26 [0].names[1]: must be a string, but is the number 1: write \"1\" in quotes",
            "29 [0].names[2]: must be a string, but is a mapping",
            "43 [0].is_open: must be a boolean, but is the string \"yes\"",
            "51 [1].numbr: unknown field \"numbr\"",
            "50 [1]: number is missing",
            "122 [3].names: must be a list, but is the string \"no\"",
            "136 [5]: must be a mapping, but is the number 80",
        ]
    );
    assert_eq!(read.unwrap().len(), 3);
}

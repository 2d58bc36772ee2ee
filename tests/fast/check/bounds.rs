//! Hostile input: large, deep, multiplying, not text. It is refused with a message.

use std::{fmt::Write as _, fs};

use crate::check::program::{check, check_with};

fn verdicts(input: &[u8]) -> Vec<String> {
    let outcome = check_with(&["-o", "jsonl"], input);
    assert_eq!(outcome.err, "");
    outcome.verdicts()
}

const AFTER: &str = "\n---\n{apiVersion: v1, kind: Pod, metadata: {name: after}}\n";

#[test]
fn aliases_do_not_multiply() {
    let mut bomb = "apiVersion: v1\nkind: Pod\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..12 {
        let aliases = vec![format!("*a{}", i - 1); 10].join(", ");
        writeln!(bomb, "a{i}: &a{i} [{aliases}]").unwrap();
    }
    bomb += AFTER;
    let verdicts = verdicts(bomb.as_bytes());
    assert!(verdicts[0].contains("alias"), "{verdicts:?}");
    assert!(verdicts[1].ends_with("after allowed"), "{verdicts:?}");
}

#[test]
fn depth_is_bounded() {
    for open in ["[", "{a: ", "{\"a\":", "- ", "? "] {
        let verdicts = verdicts(format!("{}{AFTER}", open.repeat(100_000)).as_bytes());
        assert_eq!(verdicts.len(), 2, "{open}: {verdicts:?}");
        assert!(!verdicts[0].ends_with("allowed"), "{open}: {verdicts:?}");
        assert!(verdicts[1].ends_with("after allowed"), "{open}: {verdicts:?}");
    }
}

#[test]
fn what_is_deeper_than_any_manifest_is_still_read() {
    // Plus the two levels of the object itself.
    let deep = format!("{}{}", "[".repeat(120), "]".repeat(120));
    for text in [
        format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: deep}}\nextra: {deep}\n"),
        format!(
            "{{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{{\"name\":\"deep\"}},\"x\":{deep}}}"
        ),
    ] {
        assert_eq!(verdicts(text.as_bytes()), ["1 deep allowed"]);
    }
}

#[test]
fn lists_in_lists_are_bounded() {
    let list = "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[";
    let text = format!("{}{}", list.repeat(1000), "]}".repeat(1000));
    let verdicts = verdicts(text.as_bytes());
    assert_eq!(verdicts, ["1 lists are nested more than 8 deep"]);
}

#[test]
fn what_is_not_utf_8_is_named_by_its_line() {
    let mut text = b"apiVersion: v1\nkind: Pod\nmetadata:\n  name: \xff\n".to_vec();
    text.extend_from_slice(AFTER.as_bytes());
    assert_eq!(verdicts(&text), ["4 not UTF-8", "7 after allowed"]);
    let lines =
        b"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\"}}\n{\"\xff\":1}\n\
                  {\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"b\"}}\n";
    assert_eq!(verdicts(lines), ["1 a allowed", "2 not UTF-8", "3 b allowed"]);
    let utf_16: Vec<u8> = "kind: Pod\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let bom = [&[0xff, 0xfe], &utf_16[..]].concat();
    assert_eq!(verdicts(&bom), ["1 not UTF-8"]);
}

#[test]
fn a_file_too_large_is_refused_and_the_rest_is_judged() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large.yaml");
    // A sparse file, which takes no space on the disk.
    fs::File::create(&file).unwrap().set_len(portcullis::input::MAX_TEXT + 1).unwrap();
    let outcome = check(&["-o", "jsonl", file.to_str().unwrap(), "tests/manifests/clean.yaml"]);
    assert_eq!(outcome.status, Some(2));
    let expected = ["null is larger than the 64 MiB that are allowed: split it", "12 web allowed"];
    assert_eq!(outcome.verdicts(), expected);
}

#[test]
fn many_lines_that_are_never_closed_are_many_findings() {
    let verdicts = verdicts("{\"a\": \"\n".repeat(3000).as_bytes());
    assert_eq!(verdicts.len(), 3000);
    assert!(verdicts[2999].starts_with("3000 "), "{}", verdicts[2999]);
}

#[test]
fn a_long_value_of_the_wrong_type_is_not_repeated_whole() {
    let text =
        format!("apiVersion: v1\nkind: Pod\nspec:\n  hostPID: \"{}\"\n", "long ".repeat(100_000));
    let verdicts = verdicts(text.as_bytes());
    assert_eq!(verdicts.len(), 1);
    assert!(verdicts[0].starts_with("4 Pod "), "{}", verdicts[0]);
    assert!(verdicts[0].len() < 400, "{}", verdicts[0].len());
}

#[test]
fn odd_shapes_are_findings_and_never_panics() {
    for text in [
        "{}",
        "[]",
        "\"text\"",
        "{\"kind\":5,\"apiVersion\":\"v1\"}",
        "{\"kind\":\"Pod\"}",
        "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":{}}}",
        "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"spec\":5}",
        "{\"kind\":\"List\",\"apiVersion\":\"v1\",\"items\":{}}",
        "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"items\":[5]}",
        "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"items\":[null]}",
        "kind: Pod\napiVersion: v1\n? {a: b}\n: c\n",
        "*unknown",
        "&a [*a]",
        "a: b: c",
        "\t- x",
        "%FOO",
        "\u{0}",
    ] {
        let outcome = check_with(&["-o", "jsonl"], text.as_bytes());
        let is_clean = text == "%FOO";
        assert_eq!(outcome.verdicts().len(), usize::from(!is_clean), "{text}: {}", outcome.out);
        assert_eq!(outcome.status, Some(if is_clean { 0 } else { 2 }), "{text}: {}", outcome.out);
    }
}

//! What is read of awkward texts, and both readers held against each other.

use std::fmt::Write as _;

use super::*;

fn json(yaml: &str) -> String {
    to_json(yaml, Line::FIRST).unwrap()
}

/// What is read the fast way, in pieces as people write them and as they do not, reads as ever.
#[test]
fn what_is_plain_reads_as_all_yaml_does() {
    const STARTS: &[&str] = &[
        "",
        "",
        "",
        "",
        "- ",
        "- ",
        "- - ",
        "-",
        "-  ",
        "a: ",
        "b: ",
        "c: ",
        "spec: ",
        "a:",
        "\"q\": ",
        "'q': ",
        "y: ",
        "true: ",
        "a.b/c-d: ",
        "? ",
        "<<: ",
        "a : ",
        "1: ",
        "---",
        "b: a: ",
        "- a: ",
        "- b: ",
        "- a:",
    ];
    const VALUES: &[&str] = &[
        "",
        "",
        "",
        "x",
        "x y",
        "1",
        "0",
        "-1",
        "08",
        "1.2.3",
        "1e3",
        "0x1F",
        "1_000",
        "true",
        "Yes",
        "off",
        "~",
        "null",
        "NULL",
        "50m",
        "1Ki",
        "0m",
        "12:30",
        "a:b",
        "a: b",
        "a:",
        "x # c",
        "x #",
        "x#y",
        "# c",
        "\"x\"",
        "\"a\\n\\\"b\"",
        "\"\\\\\"",
        "\"a",
        "'it''s'",
        "'x' # c",
        "'x'#c",
        "'x' y",
        "\"x\" # c ",
        "[]",
        "{}",
        "[a]",
        "[a, b c]",
        "[ a , 1 ]",
        "[a, [b, {c: d}]]",
        "{a: b}",
        "{a: b, c: 1}",
        "{ a: [x], \"b\": 'y' }",
        "{a: b, a: c}",
        "[a,b]",
        "[a,]",
        "{a}",
        "{a: }",
        "[a: b]",
        "[http://a/b:80]",
        "[a:1]",
        "{a:1}",
        "[--x=y, -z, -1]",
        "[- a]",
        "[a",
        "[yes, 08, .5]",
        "[a] # c",
        "[a]#c",
        "[a] b",
        "|",
        "|",
        "|-",
        ">",
        ">-",
        "|+",
        "|2",
        "| # c",
        "&a x",
        "*a",
        "!!str 1",
        "@x",
        "`x",
        "%x",
        "- x",
        "--x",
        "-x",
        "---",
        "...",
        ".5",
        "/x",
        "$(X)",
        "*",
        "+1",
        "=",
        "(x)",
        "<x>",
        "_x",
        "-",
        "x  ",
        "inf",
        "Nan",
        "2001-01-01",
        ", x",
        "x, [y] {z}",
        "x\ty",
        "x \u{e4}",
        "'\u{e9}'",
        "\"\u{2638} x\"",
        "[\u{e4}]",
        "x # \u{fc}",
        "# \u{fc}",
        "true\u{3000}",
        "yes\u{a0}",
        "1\u{2003}",
        "x\u{2028}y",
        "\u{1f600}x",
        "'\u{1f600}x'",
        "x\u{feff}",
        "x\u{85}y",
        "\"q\u{e4}\": b",
        "b\u{e4}: c",
        "/\u{e4}",
        "'\u{e4}' # \u{e4}",
        "\u{e4}",
        "x: y: z",
        "\"a\": b",
        "x -",
        ":x",
        "?x",
        "!x",
        "x'y\"z",
        "'a\"b\\c'",
        "#x",
    ];
    let mut dice = 7_u64;
    let mut roll = move |sides: usize| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) as usize % sides
    };
    let cases = std::env::var("PORTCULLIS_CASES").ok().and_then(|cases| cases.parse().ok());
    let mut plain = 0;
    for _ in 0..cases.unwrap_or(100_000) {
        let mut text = String::new();
        for _ in 0..=roll(7) {
            let indent = [0, 0, 2, 2, 4, 1, 3][roll(7)];
            let start = STARTS[roll(STARTS.len())];
            let value = VALUES[roll(VALUES.len())];
            let end = if roll(30) == 0 { "" } else { "\n" };
            let _ = write!(text, "{:indent$}{start}{value}{end}", "");
        }
        let Some(pieces) = plain::read(&text) else { continue };
        let Some(json) = plain_json(&text, &pieces) else { continue };
        plain += 1;
        let slow = all_to_json(&text, Line::FIRST).map_err(|error| error.why);
        assert_eq!(Ok(json), slow, "{text}");
        crate::manifest::tree::tests::same(&text);
    }
    // One in fifty, or nothing was tried.
    assert!(plain > cases.unwrap_or(100_000) / 100, "{plain}");
}

/// What sigs.k8s.io/yaml v1.6.0 gives for the same.
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
        ("0.0", "0"),
        ("-0.0", "0"),
        ("-1.0", "-1"),
        ("0.5", "5e-1"),
        ("9223372036854775807", "9223372036854775807"),
        ("18446744073709551615", "18446744073709551615"),
        ("1:30", "\"1:30\""),
        ("2001-01-01", "\"2001-01-01\""),
        ("|\n a\n b\n", "\"a\\nb\\n\""),
    ] {
        assert_eq!(json(yaml).trim_start(), expected, "{yaml}");
    }
}

#[test]
fn every_value_stands_on_its_line() {
    let yaml = "# a pod\nkind: Pod\n\nspec:\n  containers:\n  - name: a\n\n  - name: b\n";
    let expected = "\n{\"kind\":\"Pod\",\n\n\"spec\":\n{\"containers\":\n[{\"name\":\"a\"},\n\n{\"name\":\"b\"}]}}";
    assert_eq!(json(yaml), expected);
}

#[test]
fn keys_are_strings_and_aliases_and_merge_keys_are_expanded() {
    assert_eq!(json("{1: a, x: b}"), "{\"1\":\"a\",\"x\":\"b\"}");
    let merged: serde_json::Value =
        serde_json::from_str(&json("a: &a {x: 1, z: 2}\nb:\n  <<: *a\n  z: 3\nc: *a\n")).unwrap();
    let expected = serde_json::json!({
        "a": {"x": 1, "z": 2}, "b": {"x": 1, "z": 3}, "c": {"x": 1, "z": 2},
    });
    assert_eq!(merged, expected);
}

#[test]
fn what_cannot_be_read_names_its_line() {
    let line = |yaml: &str| to_json(yaml, Line::FIRST.after(10)).unwrap_err();
    assert_eq!(line("a: 1\na: 2\n").line, Some(Line::FIRST.after(11)));
    assert_eq!(line("a: 1\nb: [\n").line, Some(Line::FIRST.after(11)));
    assert_eq!(line("a: 1\nb: .inf\n").line, Some(Line::FIRST.after(11)));
    assert!(line("a: 1\na: 2\n").why.contains("repeated key \"a\""));
}

#[test]
fn aliases_do_not_multiply() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..12 {
        let _ = writeln!(bomb, "a{i}: &a{i} [{}]", vec![format!("*a{}", i - 1); 10].join(", "));
    }
    assert!(to_json(&bomb, Line::FIRST).is_err());
}

//! Compares both parsers.

use std::fmt::Write as _;

use super::*;

/// The fast parser builds the same tree as the full parser.
fn same(fast: &Tree<'_>, slow: &Tree<'_>) {
    let text = fast.text;
    let words = |tree: &Tree<'_>| {
        let ids = (0_u32..).map(Id).take(tree.nodes.len()).map(|id| Node { tree, id });
        ids.map(|node| (format!("{:?}", node.raw()), node.source().to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(words(fast), words(slow), "{text}");
    assert_eq!((&fast.children, fast.root), (&slow.children, slow.root), "{text}");
    assert_eq!((&fast.decoded, &fast.merging), (&slow.decoded, &slow.merging), "{text}");
}

/// What the fast parser accepts, from fragments as people write them and unusual ones, has the same value in both.
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
    #[expect(clippy::disallowed_methods, reason = "the number of cases of a long run")]
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
        let builder = || Builder::new(&text, 0, Repeats::Refused);
        let slow = Tree::parse_all(&text, builder(), 0);
        match plain::read(&text, builder()).map(|read| read.and_then(Builder::finish)) {
            Some(Ok(fast)) => {
                plain += 1;
                same(&fast, &slow.unwrap());
            }
            Some(Err(_)) => assert!(slow.is_err(), "{text}"),
            None => {}
        }
    }
    // A minimum share, or nothing was tested.
    assert!(plain > cases.unwrap_or(100_000) / 100, "{plain}");
}

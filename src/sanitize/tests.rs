use proptest::prelude::*;

use super::*;

const COMMANDS: [&str; 6] = [
    "##[set-output a]b",
    "::set-output name=a::b",
    "::add-mask::a",
    "##vso[task.a]b",
    "##teamcity[a]",
    "###[a",
];

#[test]
fn commands_lose_their_second_sign() {
    for command in COMMANDS {
        for text in [command.to_owned(), format!("  {command}"), format!("a: {command} {command}")]
        {
            let shown = without_commands(&text);
            assert!(next_command(&shown, 0).is_none(), "{shown}");
            assert!(!shown.contains("##[") && !shown.contains("##vso["), "{shown}");
            assert!(!shown.trim_start().starts_with("::"), "{shown}");
        }
    }
    assert_eq!(without_commands("\u{1b}[1;31m::a"), "\u{1b}[1;31m:\u{ff1a}a");
    // Styles between the signs may be removed later.
    for (text, shown) in [
        ("\u{1b}[1m:\u{1b}[0m: could not", "\u{1b}[1m:\u{1b}[0m\u{ff1a} could not"),
        (
            "#\u{1b}[1;31m\u{1b}[m#\u{1b}[0mset\u{1b}[1m[",
            "#\u{1b}[1;31m\u{1b}[m\u{ff03}\u{1b}[0mset\u{1b}[1m[",
        ),
        ("a\u{1b}[0m::b", "a\u{1b}[0m::b"),
        (":\u{1b}[1x:", ":\u{1b}[1x:"),
    ] {
        assert_eq!(without_commands(text), shown);
    }
    for kept in ["# a", "## a [b]", "fe80::1", "std::fs", "a.yaml:1:2: b", "#!/bin/sh", "a ##b c["]
    {
        assert_eq!(without_commands(kept), kept);
    }
}

#[test]
fn what_steers_or_hides_keeps_its_length() {
    let text = "a\u{1b}[31mb\rc\u{9b}1m\u{202e}d\u{200b}\u{feff}\u{e0041}\u{7}\u{7f}\u{85}";
    let shown = visible(text);
    assert_eq!(shown.len(), text.len());
    assert!(!shown.contains(is_hidden), "{shown}");
    assert_eq!(visible("caf\u{e9} \u{4e16} \u{1f600}"), "caf\u{e9} \u{4e16} \u{1f600}");
}

#[test]
fn line_ends_stay_and_other_returns_go() {
    assert_eq!(text("a\r\nb\tc\n"), "a\r\nb\tc\n");
    assert_eq!(text("a\rb\r\r\n::c\n"), "a b  \n:\u{ff1a}c\n");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_line_is_the_same_however_it_is_written(text in r"([a#:\[]|::a|##\[|\n|\x1b|\u{202e}){0,40}", at in 0usize..60) {
        let mut whole = Vec::new();
        let mut writer = Harmless::new(&mut whole, Styles::Removed);
        let at = text.char_indices().map(|(at, _)| at).nth(at).unwrap_or(0);
        writer.write_all(&text.as_bytes()[..at]).unwrap();
        writer.write_all(&text.as_bytes()[at..]).unwrap();
        writer.finish().unwrap();
        let whole = String::from_utf8(whole).unwrap();
        prop_assert_eq!(&whole, &super::text(&text));
        for line in whole.lines() {
            prop_assert!(next_command(line, 0).is_none());
            prop_assert!(!line.contains(is_hidden));
        }
    }

    #[test]
    fn json_has_the_same_content(text in r#"([a#:\["\\]|::a|##\[|\n|\x1b|\u{202e}|\u{e0041}|\u{9b}){0,40}"#) {
        let written = String::from_utf8(json::to_vec(&text).unwrap()).unwrap();
        prop_assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
        prop_assert!(!written.contains(is_hidden), "{}", written);
        prop_assert!(next_command(&written, 0).is_none(), "{}", written);
    }
}

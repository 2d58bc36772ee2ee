//! The JSON reader against serde_json, over generated and damaged texts: both must take and refuse the same, and
//! read the same from what they take.
//!
//! `PORTCULLIS_CASES` says how many texts to make; `cargo test --release --test json` is the way to ask for millions.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use portcullis::json;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Debug;

/// A type with a field of every kind, all of them optional, so that damage to one of them decides.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(dead_code, reason = "compared by their Debug form")]
struct View<'a> {
    #[serde(borrow)]
    a: Option<&'a str>,
    #[serde(borrow)]
    b: Cow<'a, str>,
    c: Option<i32>,
    d: Option<i64>,
    e: Option<u64>,
    f: Option<f64>,
    g: Option<bool>,
    #[serde(borrow)]
    h: Vec<View<'a>>,
    #[serde(borrow)]
    i: BTreeMap<Cow<'a, str>, View<'a>>,
    j: Option<Choice>,
    k: Option<(u8, String)>,
    l: Option<()>,
    m: Option<char>,
    n: Option<Wrapped>,
    o: Option<f32>,
    p: BTreeMap<Name, IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "compared by their Debug form")]
enum Choice {
    #[serde(rename = "a")]
    Bare,
    #[serde(rename = "b")]
    Wrapping(i32),
    #[serde(rename = "c")]
    Pair(bool, String),
    #[serde(rename = "d")]
    Fields { a: i32 },
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "compared by their Debug form")]
struct Wrapped(Option<Strict>);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "compared by their Debug form")]
struct Strict {
    a: i32,
    b: String,
}

#[derive(Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
enum Name {
    A,
    B,
    C,
}

/// Why the two readers disagree on `text`, if they do.
fn disagreement(text: &str) -> Option<String> {
    compare::<IgnoredAny>(text)
        .or_else(|| compare::<View<'_>>(text))
        .or_else(|| compare::<Strict>(text))
        .or_else(|| compare::<serde_json::Value>(text))
}

fn compare<'a, T: Deserialize<'a> + Debug>(text: &'a str) -> Option<String> {
    let name = std::any::type_name::<T>();
    match (json::from_str::<T>(text), serde_json::from_str::<T>(text)) {
        (Ok(ours), Ok(theirs)) => {
            let (ours, theirs) = (format!("{ours:?}"), format!("{theirs:?}"));
            (ours != theirs).then(|| format!("{name}: ours {ours}, serde_json's {theirs}"))
        }
        (Err(ours), Err(_)) => {
            let (lines, message) = (text.matches('\n').count() + 1, ours.to_string());
            let place = ours.offset() <= text.len()
                && (1..=lines).contains(&ours.line())
                && (1..=text.chars().count() + 1).contains(&ours.column());
            (!place).then(|| format!("{name}: no such place: {message}"))
        }
        (Ok(ours), Err(theirs)) => Some(format!("{name}: ours {ours:?}, serde_json: {theirs}")),
        (Err(ours), Ok(theirs)) => Some(format!("{name}: ours: {ours}, serde_json's {theirs:?}")),
    }
}

/// Fails with the shortest text that taking characters away from `text` leads to.
fn check(text: &str) {
    if disagreement(text).is_none() {
        return;
    }
    let mut shortest = text.to_owned();
    loop {
        let shorter = shorter(&shortest).into_iter().find(|text| disagreement(text).is_some());
        let Some(shorter) = shorter else { break };
        shortest = shorter;
    }
    panic!("{shortest:?}: {}", disagreement(&shortest).unwrap_or_default());
}

/// The texts that lack one character of `text`.
fn shorter(text: &str) -> Vec<String> {
    let without = |(at, character): (usize, char)| {
        let (before, behind) = text.split_at(at);
        format!("{before}{}", &behind[character.len_utf8()..])
    };
    text.char_indices().map(without).collect()
}

fn cases() -> u64 {
    let cases = std::env::var("PORTCULLIS_CASES").map(|cases| cases.parse());
    cases.map_or(20_000, |cases| cases.expect("PORTCULLIS_CASES is a number"))
}

#[test]
fn generated_and_damaged_texts_read_as_serde_json_reads_them() {
    for seed in 0..cases() {
        let mut random = Random(seed);
        let mut text = String::new();
        value(&mut random, &mut text, 0);
        for _ in 0..random.below(4) {
            text = damage(&mut random, text);
        }
        check(&text);
    }
}

/// Also with what a damaged value leaves open, in a field that is read and in one that is skipped.
#[test]
fn nesting_is_limited_where_serde_json_limits_it() {
    for levels in (0..6).chain(60..70).chain(120..135).chain([255, 256, 257, 1000]) {
        for (open, close) in
            [("[", "]"), ("{\"h\":[", "]}"), ("{\"x\":", "}"), ("{\"i\":{\"a\":", "}}")]
        {
            for inner in ["", "1", "{}", "[]", "]", "{"] {
                for lost in 0..3 {
                    let text =
                        open.repeat(levels) + inner + &close.repeat(levels.saturating_sub(lost));
                    check(&text);
                    check(&format!("{{\"x\":{text},\"h\":{text}}}"));
                }
            }
        }
    }
}

#[test]
fn every_short_number_reads_the_same() {
    every_text(
        &["-", "+", "0", "1", "9", ".", "e", "E", " "],
        5,
        &mut String::new(),
        &mut |number| {
            check(number);
            check(&format!("{{\"d\":{number}}}"));
        },
    );
}

#[test]
fn every_short_structure_reads_the_same() {
    let tokens = ["{", "}", "[", "]", ",", ":", "\"h\"", "1", "null"];
    every_text(&tokens, 5, &mut String::new(), &mut |text| check(text));
}

fn every_text(tokens: &[&str], length: usize, text: &mut String, check: &mut impl FnMut(&str)) {
    check(text);
    for token in tokens {
        if length > 0 {
            text.push_str(token);
            every_text(tokens, length - 1, text, check);
            text.truncate(text.len() - token.len());
        }
    }
}

#[test]
fn numbers_near_a_limit_read_the_same() {
    let digits = [
        "2147483647",
        "2147483648",
        "9223372036854775807",
        "9223372036854775808",
        "9223372036854775809",
        "18446744073709551615",
        "18446744073709551616",
        "184467440737095516150",
        "99999999999999999999",
        "17976931348623157",
        "17976931348623158",
        "17976931348623159",
        "22250738585072011",
        "49406564584124654",
        "0",
        &"9".repeat(400),
        &format!("1{}", "0".repeat(400)),
    ];
    let fractions =
        ["", ".0", ".5", ".4", ".99999999999999999999999999", &format!(".{}1", "0".repeat(400))];
    let exponents = [
        "",
        "e0",
        "e1",
        "e289",
        "e290",
        "e291",
        "e292",
        "e293",
        "e307",
        "e308",
        "e309",
        "e-307",
        "e-308",
        "e-309",
        "e-324",
        "e-325",
        "e-340",
        "e-341",
        "e400",
        "e-400",
        "E+999999999999",
        "e-999999999999",
        "e2147483647",
        "e-2147483648",
    ];
    for digits in digits {
        for fraction in fractions {
            for exponent in exponents {
                for sign in ["", "-"] {
                    let number = format!("{sign}{digits}{fraction}{exponent}");
                    check(&number);
                    check(&format!("{{\"f\":{number}}}"));
                    check(&format!("{{\"o\":{number}}}"));
                }
            }
        }
    }
}

/// Strings are read several bytes at a time: whatever is special must be seen at each place of each length.
#[test]
fn specials_are_seen_everywhere_in_a_string() {
    let pieces = [
        "\\\"",
        "\\\\",
        "\\n",
        "\\u00e9",
        "\\ud83d\\ude00",
        "\\ud83d",
        "\\ude00",
        "\\x",
        "\\",
        "\"",
        "\n",
        "\u{0}",
        "\u{1f}",
        "\u{20}",
        "\u{7f}",
        "\u{80}",
        "\u{e9}",
        "\u{fff}",
        "\u{1f600}",
    ];
    for piece in pieces {
        for before in 0..20 {
            for behind in 0..20 {
                let string = format!("\"{}{piece}{}\"", "x".repeat(before), "y".repeat(behind));
                check(&string);
                check(&format!("{{\"b\":{string}}}"));
                check(&format!("{{\"x\":{string},\"c\":1}}"));
                check(&format!("{{{string}:{{}}}}"));
                check(&string[..string.len() - 1]);
            }
        }
    }
}

#[test]
fn real_reviews_read_the_same_whole_and_damaged() {
    let Ok(folder) =
        std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/admission-reviews"))
    else {
        eprintln!("skipped: there is no ../shared/admission-reviews");
        return;
    };
    for file in folder {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let review = std::fs::read_to_string(&path).unwrap();
            check(&review);
            let mut random = Random(review.len() as u64);
            for _ in 0..cases() / 200 {
                check(&damage(&mut random, review.clone()));
            }
        }
    }
}

/// Writes a value that is mostly well formed.
fn value(random: &mut Random, text: &mut String, depth: u64) {
    space(random, text);
    match random.below(if depth < 5 { 16 } else { 10 }) {
        0 => text.push_str(random.one_of(&["null", "true", "false"])),
        1..4 => number(random, text),
        4..10 => string(random, text),
        10..13 => {
            text.push('[');
            for index in 0..random.below(4) {
                if index > 0 {
                    text.push(',');
                }
                value(random, text, depth + 1);
            }
            text.push(']');
        }
        _ => {
            text.push('{');
            for index in 0..random.below(6) {
                if index > 0 {
                    text.push(',');
                }
                space(random, text);
                field(random, text, depth);
            }
            text.push('}');
        }
    }
    space(random, text);
}

/// Writes a key and a value that [`View`] takes more often than not.
fn field(random: &mut Random, text: &mut String, depth: u64) {
    let key = random.one_of(&[
        "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "", "x",
        "f:name",
    ]);
    match random.below(12) {
        0 => string(random, text),
        1 => text.extend(["\"", &key.replace('a', "\\u0061").replace('b', "\\u0062"), "\""]),
        _ => text.extend(["\"", key, "\""]),
    }
    space(random, text);
    text.push(':');
    match (random.below(5), key) {
        (0, _) | (_, "" | "x") => value(random, text, depth + 1),
        (_, "a" | "b" | "m") => string(random, text),
        (_, "c" | "d" | "e" | "f" | "o") => number(random, text),
        (_, "g") => text.push_str(random.one_of(&["true", "false", "null", "tru", "falsee"])),
        (_, "j") => text.push_str(random.one_of(&[
            "\"a\"",
            "\"b\"",
            "{\"b\":7}",
            "{\"c\":[true,\"\"]}",
            "{\"c\":[true]}",
            "{\"d\":{\"a\":1}}",
            "{\"d\":[1]}",
            "{\"a\":null}",
            "{\"a\":1}",
            "{\"b\":7,}",
            "{\"b\":7,\"a\":null}",
            "{}",
            "{\"e\":1}",
            "\"\\u0061\"",
            "null",
            "[\"a\"]",
        ])),
        (_, "k") => text.push_str(random.one_of(&[
            "[1,\"x\"]",
            "[1,\"x\",2]",
            "[1]",
            "[256,\"\"]",
            "[1,\"\",]",
        ])),
        (_, "l") => text.push_str("null"),
        (_, "n") => text.push_str(random.one_of(&[
            "{\"a\":1,\"b\":\"\"}",
            "{\"a\":1}",
            "[1,\"\"]",
            "{\"b\":\"\",\"a\":1,\"a\":1}",
            "{\"a\":1,\"b\":\"\",\"c\":2}",
            "null",
        ])),
        (_, "p") => text.push_str(random.one_of(&[
            "{\"a\":1,\"c\":[]}",
            "{\"d\":1}",
            "{\"\\u0061\":{}}",
            "{{\"a\":1}:2}",
            "{1:2}",
        ])),
        (_, "f:name") => text.push_str("{}"),
        _ => value(random, text, depth + 1),
    }
}

fn number(random: &mut Random, text: &mut String) {
    if random.below(4) == 0 {
        text.push('-');
    }
    match random.below(8) {
        0 => text.push('0'),
        1 => text.push_str(&(u64::MAX >> random.below(64)).to_string()),
        2 => text.push_str(&(1_u64 << random.below(64)).to_string()),
        3 => text.push_str(random.one_of(&["00", "01", "", "1_0", "0x1", "NaN", "Infinity"])),
        _ => text.push_str(&(random.next() >> random.below(64)).to_string()),
    }
    if random.below(4) == 0 {
        text.push('.');
        text.push_str(&(random.next() >> random.below(64)).to_string());
    }
    if random.below(4) == 0 {
        text.push_str(random.one_of(&["e", "E", "e+", "E-"]));
        text.push_str(&random.below(400).to_string());
    }
}

fn string(random: &mut Random, text: &mut String) {
    text.push('"');
    for _ in 0..random.below(4) {
        match random.below(10) {
            0 => text.push_str(random.one_of(&["é", "€", "😀", "\u{7f}", "\u{80}", "\u{2028}"])),
            1 => text.push_str(
                random.one_of(&["\\\"", "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t"]),
            ),
            2 => {
                let unit = random.below(0x1_0000);
                text.push_str(&format!("\\u{unit:04x}"));
            }
            3 => {
                let (high, low) = (0xD800 + random.below(0x400), 0xDC00 + random.below(0x400));
                text.push_str(&format!("\\u{high:04X}\\u{low:04x}"));
            }
            4 => text.push_str(random.one_of(&[
                "\\u12", "\\uD83D", "\\udE00", "\\x", "\\", "\n", "\t", "\u{0}", "\u{1f}",
            ])),
            _ => text
                .extend((0..random.below(24)).map(|_| char::from(b'#' + random.below(50) as u8))),
        }
        if random.below(3) > 0 {
            break;
        }
    }
    text.push('"');
}

fn space(random: &mut Random, text: &mut String) {
    if random.below(8) == 0 {
        text.push_str(
            random.one_of(&[" ", "\n", "\t", "\r\n", "  ", "\u{c}", "\u{a0}", "\u{0}", "//"]),
        );
    }
}

/// Cuts, drops, repeats, inserts or wraps at a place anywhere in the text.
fn damage(random: &mut Random, mut text: String) -> String {
    let from = place(random, &text);
    let to = place(random, &text).clamp(from, from + 8);
    let to = (from..=to).rev().find(|&to| text.is_char_boundary(to)).unwrap_or(from);
    match random.below(8) {
        0 => text.truncate(from),
        1 => text.replace_range(from..to, ""),
        2 => text.insert_str(to, &text[from..to].to_owned()),
        3 => text.insert(from, char::from(random.below(128) as u8)),
        4 => text.replace_range(
            from..to,
            random.one_of(&["é", "\"", "\\", "{", "}", "[", "]", ",", ":", "0"]),
        ),
        5 => text.insert_str(
            from,
            random.one_of(&[
                "\"", "\\", "{}", "[]", "[", "{", "}", "]", ",", ":", "null", "-", "\\u",
            ]),
        ),
        6 => {
            let levels = usize::try_from(random.below(8)).unwrap();
            text = "[".repeat(levels) + &text + &"]".repeat(levels);
        }
        _ => {
            let levels = 120 + usize::try_from(random.below(12)).unwrap();
            text = "{\"h\":[".repeat(levels / 2) + &text + &"]}".repeat(levels / 2);
        }
    }
    text
}

fn place(random: &mut Random, text: &str) -> usize {
    let place = usize::try_from(random.below(text.len() as u64 + 1)).unwrap();
    (0..=place).rev().find(|&place| text.is_char_boundary(place)).unwrap_or(0)
}

/// SplitMix64: the same cases on every machine, from a seed that may be any number.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[usize::try_from(self.below(choices.len() as u64)).unwrap()]
    }
}

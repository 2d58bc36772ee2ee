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

mod generate;

use generate::{Random, damage, value};
use portcullis::json;
use serde::de::{DeserializeSeed, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{Debug, Formatter};

/// A type with a field of every kind, all of them optional, so that damage to one of them decides.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
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
    h: Vec<Self>,
    #[serde(borrow)]
    i: BTreeMap<Cow<'a, str>, Self>,
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
    assert_eq!(disagreement(&shortest), None, "{shortest:?}");
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
    let asked = std::env::var("PORTCULLIS_CASES").ok();
    asked.and_then(|cases| cases.parse().ok()).unwrap_or(20_000)
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
    for levels in [0, 1, 2, 3, 62, 63, 64, 65, 125, 126, 127, 128, 129, 1000] {
        for (open, close) in
            [("[", "]"), ("{\"h\":[", "]}"), ("{\"x\":", "}"), ("{\"i\":{\"a\":", "}}")]
        {
            for inner in ["1", "{}", "]", "{"] {
                for lost in 0..2 {
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
        length(),
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
    every_text(&tokens, length(), &mut String::new(), &mut |text| check(text));
}

/// How long the texts are of which there is to be every one.
fn length() -> usize {
    if cases() < 1_000_000 { 4 } else { 6 }
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

/// Texts are looked through 64 bytes at a time: whatever is special must be seen at each place of them.
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
        for before in 0..70 {
            for behind in [0, 60] {
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
            let value: serde_json::Value = serde_json::from_str(&review).unwrap();
            check(&serde_json::to_string_pretty(&value).unwrap());
            let mut random = Random(review.len() as u64);
            for _ in 0..cases() / 200 {
                check(&damage(&mut random, review.clone()));
            }
        }
    }
}

#[test]
fn bytes_must_be_utf8_even_where_they_are_skipped() {
    assert!(json::from_slice::<View<'_>>(b"{\"x\":\"\xff\"}").is_err());
    assert!(json::from_slice::<View<'_>>("{\"x\":\"\u{e9}\"}".as_bytes()).is_ok());
}

/// serde_json leaves a visitor that goes on after an error somewhere in the text; here it finds nothing more.
#[test]
fn an_error_is_final() {
    struct Lenient(Vec<u8>);

    impl<'de> Deserialize<'de> for Lenient {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Elements;

            impl<'de> Visitor<'de> for Elements {
                type Value = Lenient;

                fn expecting(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
                    f.write_str("numbers")
                }

                fn visit_seq<A: SeqAccess<'de>>(
                    self,
                    mut elements: A,
                ) -> Result<Lenient, A::Error> {
                    let mut numbers = Vec::new();
                    for _ in 0..4 {
                        numbers.extend(elements.next_element::<u8>().unwrap_or(None));
                    }
                    Ok(Lenient(numbers))
                }
            }

            deserializer.deserialize_seq(Elements)
        }
    }

    assert_eq!(json::from_str::<Lenient>("[1,2,3]").unwrap().0, [1, 2, 3]);
    for wrong in ["[1,\"2\",3]", "[1,[2],3]", "[1,[,3]", "[1,300,3]", "[1,2,3,x]"] {
        assert!(json::from_str::<Lenient>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_seed_decides_what_is_read() {
    struct Twice;

    impl<'de> DeserializeSeed<'de> for Twice {
        type Value = u32;

        fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u32, D::Error> {
            Ok(2 * u32::deserialize(deserializer)?)
        }
    }

    assert_eq!(json::from_stranger(" 21\n", Twice).unwrap(), 42);
    assert!(json::from_stranger("21,", Twice).is_err());
}

//! Texts that are JSON, nearly JSON, and damaged JSON.

/// Writes a value that is mostly well formed.
pub(crate) fn value(random: &mut Random, text: &mut String, depth: u64) {
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
            _ => text.extend((0..random.below(24)).map(|_| random.ascii(b'#', 50))),
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
pub(crate) fn damage(random: &mut Random, mut text: String) -> String {
    let from = place(random, &text);
    let to = place(random, &text).clamp(from, from + 8);
    let to = (from..=to).rev().find(|&to| text.is_char_boundary(to)).unwrap_or(from);
    match random.below(8) {
        0 => text.truncate(from),
        1 => text.replace_range(from..to, ""),
        2 => text = format!("{}{}", &text[..to], &text[from..]),
        3 => text.insert(from, random.ascii(0, 128)),
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
            let levels = random.index(8);
            text = "[".repeat(levels) + &text + &"]".repeat(levels);
        }
        _ => {
            let levels = 120 + random.index(12);
            text = "{\"h\":[".repeat(levels / 2) + &text + &"]}".repeat(levels / 2);
        }
    }
    text
}

fn place(random: &mut Random, text: &str) -> usize {
    let place = random.index(text.len() + 1);
    (0..=place).rev().find(|&place| text.is_char_boundary(place)).unwrap_or(0)
}

/// SplitMix64: the same cases on every machine, from a seed that may be any number.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn index(&mut self, limit: usize) -> usize {
        usize::try_from(self.below(limit as u64)).unwrap_or(0)
    }

    /// One of so many characters from the first on.
    fn ascii(&mut self, first: u8, count: u8) -> char {
        let offset = u8::try_from(self.below(count.into())).unwrap_or(0);
        char::from(first + offset)
    }

    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices.get(self.index(choices.len())).copied().unwrap_or_default()
    }
}

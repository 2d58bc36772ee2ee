//! Kubernetes quantities as exact numbers: `500m`, `2`, `1.5Gi`, `1e3`. Compared by value in any notation, without
//! floats. Grammar, rounding and cap are those of apimachinery (`resource.ParseQuantity`), except that negative
//! quantities, which no container may have, and quantities without a digit, which Go sometimes reads as zero, are
//! invalid.

use std::str::FromStr;

/// The amount in nano (10^-9), the finest unit of Kubernetes: smaller amounts round up to one. All amounts from 10^29
/// on are equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(u128);

/// The text is not a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a quantity, such as 2, 500m, 0.5, 512Mi, 1.5Gi or 1e3")]
pub struct InvalidQuantity;

/// The cap of quantities with a binary suffix in Kubernetes: 2^63-1.
const BINARY_MOST: u128 = (i64::MAX as u128) * 1_000_000_000;

impl Quantity {
    /// Zero. The kubelet treats a limit of zero as no limit.
    pub const ZERO: Self = Self(0);
}

impl FromStr for Quantity {
    type Err = InvalidQuantity;

    fn from_str(text: &str) -> Result<Self, InvalidQuantity> {
        // Go trims quantities in JSON.
        let text = text.trim();
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let (whole, rest) = digits(unsigned);
        let (fraction, suffix) = rest.strip_prefix('.').map_or(("", rest), digits);
        let value = match Suffix::of(suffix)? {
            Suffix::Ten(exponent) => decimal(whole, fraction, exponent),
            Suffix::Two(exponent) => binary(whole, fraction, exponent).min(BINARY_MOST),
        };
        let has_digits = !whole.is_empty() || !fraction.is_empty();
        let is_possible = has_digits && (value == 0 || !text.starts_with('-'));
        is_possible.then_some(Self(value)).ok_or(InvalidQuantity)
    }
}

/// The factor of a number: a power of ten or of two.
#[derive(Clone, Copy)]
enum Suffix {
    Ten(i32),
    Two(u32),
}

impl Suffix {
    fn of(text: &str) -> Result<Self, InvalidQuantity> {
        Ok(match text {
            "n" => Self::Ten(-9),
            "u" => Self::Ten(-6),
            "m" => Self::Ten(-3),
            "" => Self::Ten(0),
            "k" => Self::Ten(3),
            "M" => Self::Ten(6),
            "G" => Self::Ten(9),
            "T" => Self::Ten(12),
            "P" => Self::Ten(15),
            "E" => Self::Ten(18),
            "Ki" => Self::Two(10),
            "Mi" => Self::Two(20),
            "Gi" => Self::Two(30),
            "Ti" => Self::Two(40),
            "Pi" => Self::Two(50),
            "Ei" => Self::Two(60),
            _ => {
                let exponent = text.strip_prefix(['e', 'E']).ok_or(InvalidQuantity)?;
                Self::Ten(exponent.parse().map_err(|_| InvalidQuantity)?)
            }
        })
    }
}

/// Splits off the leading digits.
fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// A decimal number in nano, rounded up.
fn decimal(whole: &str, fraction: &str, exponent: i32) -> u128 {
    // A number with more digits than this exceeds the range.
    const MOST: i64 = 38;
    let point = i64::try_from(whole.len()).unwrap_or(i64::MAX).saturating_add(i64::from(exponent));
    let digits = || whole.bytes().chain(fraction.bytes()).map(|digit| u128::from(digit - b'0'));
    let Some(first) = digits().position(|digit| digit != 0) else {
        return 0;
    };
    let first = i64::try_from(first).unwrap_or(i64::MAX);
    // The number of digits before the decimal point, in nano.
    let length = point.saturating_add(9).saturating_sub(first);
    if length <= 0 {
        return 1;
    }
    if length > MOST {
        return u128::MAX;
    }
    let significant = || digits().skip_while(|digit| *digit == 0);
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let padded = significant().chain(std::iter::repeat(0)).take(length);
    let value = padded.fold(0_u128, |value, digit| value.saturating_mul(10).saturating_add(digit));
    let is_cut = significant().skip(length).any(|digit| digit != 0);
    value.saturating_add(u128::from(is_cut))
}

/// A number times a power of two in nano, rounded up.
fn binary(whole: &str, fraction: &str, exponent: u32) -> u128 {
    let unit = (1_u128 << exponent).saturating_mul(1_000_000_000);
    let whole = whole.bytes().map(|digit| u128::from(digit - b'0'));
    let whole = whole.fold(0_u128, |value, digit| value.saturating_mul(10).saturating_add(digit));
    // From the last digit to the first: each step adds a digit and divides by ten.
    let digits = fraction.bytes().rev().map(|digit| u128::from(digit - b'0'));
    let (part, is_cut) = digits.fold((0_u128, false), |(behind, is_cut), digit| {
        let tenfold = digit.saturating_mul(unit).saturating_add(behind);
        (tenfold / 10, is_cut || tenfold % 10 != 0)
    });
    whole.saturating_mul(unit).saturating_add(part).saturating_add(u128::from(is_cut))
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use proptest::prelude::*;

    use super::*;

    fn quantity(text: &str) -> Quantity {
        text.parse().unwrap_or_else(|_| panic!("{text:?}"))
    }

    #[test]
    fn forms_of_the_same_are_equal() {
        for (one, other) in [
            ("1", "1000m"),
            ("1", "1e0"),
            ("1", "+1"),
            ("1", "01."),
            ("0.5", ".5"),
            ("0.5", "500m"),
            ("1k", "1000"),
            ("1k", "1e3"),
            ("1k", "1E3"),
            ("1k", "1E+3"),
            ("1Ki", "1024"),
            ("1.5Gi", "1536Mi"),
            ("0.1Ki", "102.4"),
            ("1E", "1000P"),
            ("1Ei", "1152921504606846976"),
            ("100n", "0.0000001"),
            ("1u", "1000n"),
            ("0", "-0"),
            ("0", "0Gi"),
            // Anything below one nano rounds up to it, as in apimachinery.
            ("0.1n", "1n"),
            ("1e-100", "1n"),
            ("1.1n", "2n"),
            ("0.00000000001Ki", "11n"),
            // The cap for binary suffixes.
            ("8Ei", "9223372036854775807"),
            ("9999Ei", "8Ei"),
            (" 1 ", "1"),
        ] {
            assert_eq!(quantity(one), quantity(other), "{one} {other}");
        }
    }

    #[test]
    fn neighbours_differ() {
        for (less, more) in [
            ("999m", "1"),
            ("1G", "1Gi"),
            ("4Gi", "4294967297"),
            ("4294967295", "4Gi"),
            ("9223372036854775807", "9223372036854775808"),
            ("8Ei", "9223372036854775808"),
            ("1n", "2n"),
            ("0", "1n"),
            ("9007199254740992", "9007199254740993"),
            ("1E", "1Ei"),
            ("1e28", "1e29"),
        ] {
            assert!(quantity(less) < quantity(more), "{less} {more}");
        }
        assert_eq!(quantity("1e100"), quantity("1e2000000000"));
        assert_eq!(quantity("1e29"), quantity("1e30"));
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in [
            "",
            " ",
            "1KiB",
            "1e",
            "1E+",
            "1e3k",
            "1kk",
            "1ki",
            "1K",
            "1g",
            "0x10",
            "1,5",
            "1 Gi",
            "-1",
            "-1m",
            "--1",
            "1.2.3",
            "NaN",
            "inf",
            "1e99999999999",
            "one",
            "1µ",
            "١",
        ] {
            assert_eq!(text.parse::<Quantity>(), Err(InvalidQuantity), "{text:?}");
        }
    }

    /// In units of 10^-30, with room for every generated number.
    fn oracle(digits: u64, places: u32, suffix: &str) -> i128 {
        let scale =
            |exponent: u32| i128::from(digits) * 10_i128.pow(exponent) / 10_i128.pow(places);
        match suffix {
            "m" => scale(9),
            "k" | "e3" => scale(15),
            "Ki" => scale(12) * 1024,
            "Mi" => scale(12) * 1024 * 1024,
            _ => scale(12),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn generated_ones_compare_as_integers_do(
            one in (0_u64..1_000_000, 0_u32..6, prop::sample::select(vec!["m", "", "k", "e3", "Ki", "Mi"])),
            other in (0_u64..1_000_000, 0_u32..6, prop::sample::select(vec!["m", "", "k", "e3", "Ki", "Mi"])),
        ) {
            let written = |(digits, places, suffix): (u64, u32, &str)| {
                let (whole, part) = (digits / 10_u64.pow(places), digits % 10_u64.pow(places));
                let width = places as usize;
                if places == 0 { format!("{whole}{suffix}") } else { format!("{whole}.{part:0width$}{suffix}") }
            };
            let expected = oracle(one.0, one.1, one.2).cmp(&oracle(other.0, other.1, other.2));
            let found: Ordering = quantity(&written(one)).cmp(&quantity(&written(other)));
            prop_assert_eq!(found, expected, "{} {}", written(one), written(other));
        }

        #[test]
        fn no_text_panics(text in "[-+]?[0-9]{0,60}\\.?[0-9]{0,60}[eEKMGi]{0,2}[-+]?[0-9]{0,12}") {
            let _ = text.parse::<Quantity>();
        }
    }
}

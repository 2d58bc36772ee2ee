//! Numbers: passed over by their grammar, or read into the types that serde_json reads them into.

use super::error::Error;
use super::reader::{Reader, byte};
use serde::de::Visitor;

pub(super) enum Number {
    Unsigned(u64),
    Negative(i64),
    Float(f64),
}

impl Number {
    #[inline]
    pub(super) fn visit<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Unsigned(number) => visitor.visit_u64(number),
            Self::Negative(number) => visitor.visit_i64(number),
            Self::Float(number) => visitor.visit_f64(number),
        }
    }
}

/// `digits` times ten to the power of `exponent`, of a number with more digits or another form than an integer has.
struct Decimal {
    digits: u64,
    exponent: i32,
}

impl Reader<'_> {
    /// Reads a number, whose first byte is a minus sign or a digit.
    #[inline]
    pub(super) fn number(&mut self) -> Result<Number, Error> {
        let start = self.at;
        let negative = self.byte() == b'-';
        if negative {
            self.at += 1;
        }
        let first = self.at;
        let mut magnitude = Some(0);
        while let digit @ b'0'..=b'9' = self.byte() {
            magnitude = magnitude.and_then(|magnitude| append(magnitude, digit));
            self.at += 1;
        }
        let leading_zero = self.text.as_bytes().get(first) == Some(&b'0') && self.at > first + 1;
        match (magnitude, self.byte()) {
            (Some(magnitude), after)
                if self.at > first && !leading_zero && !matches!(after, b'.' | b'e' | b'E') =>
            {
                Ok(integer(magnitude, negative))
            }
            _ => {
                self.at = start;
                self.float()
            }
        }
    }

    /// Reads a number again that is no plain integer. All the digits that fit into 64 bits count, as serde_json has it.
    #[cold]
    fn float(&mut self) -> Result<Number, Error> {
        let start = self.at;
        let end = number_end(self.text.as_bytes(), start)?;
        let negative = self.byte() == b'-';
        if negative {
            self.at += 1;
        }
        let decimal = self.decimal();
        let float = decimal.to_f64().ok_or_else(|| Error::refused("a number too large", end))?;
        Ok(Number::Float(if negative { -float } else { float }))
    }

    /// Reads the digits of a number that is known to be well formed.
    fn decimal(&mut self) -> Decimal {
        let mut decimal = Decimal { digits: 0, exponent: 0 };
        let mut full = false;
        while let digit @ b'0'..=b'9' = self.byte() {
            full = full || !decimal.append(digit);
            decimal.exponent = decimal.exponent.saturating_add(i32::from(full));
            self.at += 1;
        }
        if self.byte() == b'.' {
            self.at += 1;
            full = false;
            while let digit @ b'0'..=b'9' = self.byte() {
                full = full || !decimal.append(digit);
                decimal.exponent = decimal.exponent.saturating_sub(i32::from(!full));
                self.at += 1;
            }
        }
        if let b'e' | b'E' = self.byte() {
            self.at += 1;
            let sign = if self.byte() == b'-' { -1 } else { 1 };
            self.skip_sign();
            let mut exponent = 0_i32;
            while let digit @ b'0'..=b'9' = self.byte() {
                exponent = exponent.saturating_mul(10).saturating_add(i32::from(digit - b'0'));
                self.at += 1;
            }
            decimal.exponent = decimal.exponent.saturating_add(sign * exponent);
        }
        decimal
    }

    fn skip_sign(&mut self) {
        if let b'+' | b'-' = self.byte() {
            self.at += 1;
        }
    }
}

/// Where the number ends that starts at `at`; whatever else may not start a value is refused here too.
#[inline(never)]
pub(super) fn number_end(bytes: &[u8], mut at: usize) -> Result<usize, Error> {
    if byte(bytes, at) == b'-' {
        at += 1;
    }
    at = match (byte(bytes, at), byte(bytes, at + 1)) {
        (b'0', b'0'..=b'9') => return Err(Error::refused("a number with a leading zero", at)),
        (b'0'..=b'9', _) => digits_end(bytes, at)?,
        _ => return Err(Error::expected("a value", at)),
    };
    if byte(bytes, at) == b'.' {
        at = digits_end(bytes, at + 1)?;
    }
    if let b'e' | b'E' = byte(bytes, at) {
        at += 1;
        if let b'+' | b'-' = byte(bytes, at) {
            at += 1;
        }
        at = digits_end(bytes, at)?;
    }
    Ok(at)
}

/// The end of the digits at a place, of which there must be one.
#[inline(always)]
fn digits_end(bytes: &[u8], start: usize) -> Result<usize, Error> {
    let mut end = start;
    while byte(bytes, end).is_ascii_digit() {
        end += 1;
    }
    if end == start {
        return Err(Error::expected("a digit", start));
    }
    Ok(end)
}

#[inline(always)]
fn append(digits: u64, digit: u8) -> Option<u64> {
    digits.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
}

/// What has no place among the signed integers, `-0` too, becomes a float.
#[inline]
fn integer(magnitude: u64, negative: bool) -> Number {
    if !negative {
        return Number::Unsigned(magnitude);
    }
    match 0_i64.checked_sub_unsigned(magnitude) {
        Some(number) if number < 0 => Number::Negative(number),
        _ => Number::Float(-(magnitude as f64)),
    }
}

impl Decimal {
    fn append(&mut self, digit: u8) -> bool {
        let appended = append(self.digits, digit);
        self.digits = appended.unwrap_or(self.digits);
        appended.is_some()
    }

    /// Rounds as serde_json does, which is not always to the nearest; none for what is too large.
    fn to_f64(&self) -> Option<f64> {
        const LARGEST: i32 = f64::MAX_10_EXP;
        let mut float = self.digits as f64;
        let mut exponent = self.exponent;
        while exponent < -LARGEST && float != 0.0 {
            float /= power_of_ten(LARGEST);
            exponent = exponent.saturating_add(LARGEST);
        }
        if float == 0.0 {
            return Some(0.0);
        }
        let float = match exponent {
            ..0 => float / power_of_ten(-exponent),
            0..=LARGEST => float * power_of_ten(exponent),
            _ => return None,
        };
        float.is_finite().then_some(float)
    }
}

/// The float next to ten to the power of `exponent`, which powi() does not always hit.
fn power_of_ten(exponent: i32) -> f64 {
    format!("1e{exponent}").parse().unwrap_or(f64::INFINITY)
}

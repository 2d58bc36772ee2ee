//! Hostile texts.

/// What a text is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// The same everywhere.
    Equal,
    /// One for each element, with a long beginning in common.
    Distinct,
    /// Of characters that JSON and people see escaped.
    Escaped,
    /// Of characters that only people see escaped.
    Odd,
}

pub(crate) const SHAPES: [Shape; 5] =
    [Shape::Equal, Shape::Distinct, Shape::Distinct, Shape::Escaped, Shape::Odd];

/// A text of about so many bytes.
pub(crate) fn of(shape: Shape, length: usize, number: usize) -> String {
    match shape {
        Shape::Equal => "a".repeat(length),
        Shape::Distinct => format!("{}{number}", "a".repeat(length.saturating_sub(4))),
        Shape::Escaped => "\u{1}\"".repeat(length / 8 + 1),
        Shape::Odd => "\u{80}".repeat(length / 2 + 1),
    }
}

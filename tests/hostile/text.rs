//! Hostile texts.

/// The kind of a text.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// Equal in all elements.
    Equal,
    /// Different in each element, with a long common prefix.
    Distinct,
    /// Characters that are escaped in JSON and in messages.
    Escaped,
    /// Characters that are only escaped in messages.
    Odd,
}

pub(crate) const SHAPES: [Shape; 5] =
    [Shape::Equal, Shape::Distinct, Shape::Distinct, Shape::Escaped, Shape::Odd];

/// A text of about this length.
pub(crate) fn of(shape: Shape, length: usize, number: usize) -> String {
    match shape {
        Shape::Equal => "a".repeat(length),
        Shape::Distinct => format!("{}{number}", "a".repeat(length.saturating_sub(4))),
        Shape::Escaped => "\u{1}\"".repeat(length / 8 + 1),
        Shape::Odd => "\u{80}".repeat(length / 2 + 1),
    }
}

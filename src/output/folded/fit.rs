//! Texts that must fit columns of a terminal.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// The start of a text, with `…` if some of it is left out.
pub(super) fn start(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut start = taken(text.chars(), columns);
    start.push('…');
    start
}

/// The end of a text, with `…` if some of it is left out.
pub(super) fn end(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let end = taken(text.chars().rev(), columns);
    std::iter::once('…').chain(end.chars().rev()).collect()
}

/// The characters that fit, with one column left.
fn taken(characters: impl Iterator<Item = char>, columns: usize) -> String {
    let mut used = 1;
    let fits = |character: &char| {
        used += character.width().unwrap_or_default();
        used <= columns
    };
    characters.take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_to_columns() {
        for (text, columns, from_start, from_end) in [
            ("web", 3, "web", "web"),
            ("deploy/web.yaml", 6, "deplo…", "….yaml"),
            ("写写写", 4, "写…", "…写"),
            ("web", 1, "…", "…"),
            ("web", 0, "…", "…"),
        ] {
            assert_eq!((&*start(text, columns), &*end(text, columns)), (from_start, from_end));
        }
    }
}

//! Shows Markdown on a terminal: bold headings and coloured code instead of marks. Supports only what the texts use.

use std::fmt::Write as _;

use clap::builder::styling::{AnsiColor, Style};

const HEADING: Style = Style::new().bold();
const TITLE: Style = Style::new().bold().underline();
const CODE: Style = AnsiColor::Cyan.on_default();
const MANIFEST: Style = AnsiColor::Green.on_default();

/// Replaces Markdown marks by ANSI escapes.
pub fn styled(markdown: &str) -> String {
    let mut out = String::with_capacity(markdown.len() + 512);
    let mut is_manifest = false;
    for line in markdown.lines() {
        if line.starts_with("```") {
            is_manifest = !is_manifest;
            continue;
        }
        let _ = match (is_manifest, line.strip_prefix("# "), line.trim_start_matches('#')) {
            (true, ..) => writeln!(out, "  {MANIFEST}{line}{MANIFEST:#}"),
            (false, Some(title), _) => writeln!(out, "{TITLE}{title}{TITLE:#}"),
            (false, None, heading) if heading.len() < line.len() => {
                writeln!(out, "{HEADING}{}{HEADING:#}", heading.trim_start())
            }
            (false, None, _) => writeln!(out, "{}", inline(line)),
        };
    }
    out
}

/// Styles code and bold text that begins and ends on this line.
fn inline(line: &str) -> String {
    let code = paired(line, "`", CODE);
    paired(&code, "**", HEADING)
}

fn paired(line: &str, mark: &str, style: Style) -> String {
    let parts: Vec<_> = line.split(mark).collect();
    // A mark is unbalanced on this line: keep the marks.
    if parts.len().is_multiple_of(2) {
        return line.to_owned();
    }
    let mut out = String::new();
    for (index, part) in parts.into_iter().enumerate() {
        let _ = if index.is_multiple_of(2) {
            write!(out, "{part}")
        } else {
            write!(out, "{style}{part}{style:#}")
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_become_styles() {
        let markdown = "# a: b\n\n## What\n\n- **Ports** below `1024`\n\n```yaml\nkind: Pod\n```\n";
        let expected = "\u{1b}[1m\u{1b}[4ma: b\u{1b}[0m\n\n\u{1b}[1mWhat\u{1b}[0m\n\n\
                        - \u{1b}[1mPorts\u{1b}[0m below \u{1b}[36m1024\u{1b}[0m\n\n\
                        \u{20}\u{20}\u{1b}[32mkind: Pod\u{1b}[0m\n";
        assert_eq!(styled(markdown), expected);
    }

    #[test]
    fn no_mark_is_left_of_any_text() {
        for text in crate::explain::all() {
            let styled = styled(&crate::explain::page(&text));
            for mark in ["`", "**", "##"] {
                assert!(!styled.contains(mark), "{}: {mark}\n{styled}", text.id);
            }
        }
    }

    #[test]
    fn a_mark_without_its_other_end_stays() {
        assert_eq!(styled("a `b\n"), "a `b\n");
    }
}

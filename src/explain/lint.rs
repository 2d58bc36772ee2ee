//! The texts on lints: a Markdown file each.

use std::fmt::Write as _;

use policy::findings::LintRule;

/// The text on one lint.
#[derive(Clone, Copy, Debug)]
pub struct LintText {
    /// The lint.
    pub rule: LintRule,
    /// The whole page.
    page: &'static str,
}

/// All texts, in the order of messages.
pub fn lints() -> impl Iterator<Item = LintText> {
    LintRule::ALL.into_iter().map(|rule| LintText { rule, page: page(rule) })
}

/// The text on a lint, by its id or by its name without the prefix.
pub(super) fn find(word: &str) -> Option<LintText> {
    let is_it = |text: &LintText| {
        let names = [text.rule.id(), text.rule.name()];
        names.into_iter().any(|name| name.eq_ignore_ascii_case(word))
    };
    lints().find(is_it)
}

/// One line per lint.
pub(super) fn list() -> String {
    let mut page = String::from("## Lints (settings without effect)\n\n");
    for text in lints() {
        let _ = writeln!(page, "- `{}`: {}", text.rule.id(), text.title());
    }
    page
}

/// `docs/lints.md`.
pub fn lints_page() -> String {
    let parts = lints().map(|text| text.page.replace("\n## ", "\n### ").replacen("# ", "## ", 1));
    format!("{INTRODUCTION}\n{}", parts.collect::<Vec<_>>().join("\n"))
}

const INTRODUCTION: &str = "\
# Lints

<!-- Made of src/explain/lints by `just controls`; do not edit. -->

Lints report settings without effect, with the place and the fix. They are notes, and fail nothing, except for
`lint/invalid-label` in `check`: the webhook refuses such a Namespace. With `--fail-on-lints`, `check` and `audit` exit with 1
for all of them. `audit`, the background reports and the webhook's warnings for controllers and Namespaces find
what the API server drops in the annotation that `kubectl apply` writes. The same texts are in the program:
`portcullis explain lint/unknown-field`.
";

impl LintText {
    /// What is wrong, in a few words.
    pub fn title(&self) -> &'static str {
        let line = self.page.lines().next().and_then(|line| line.split_once(": "));
        line.map_or("", |(_, title)| title)
    }

    /// The page as Markdown.
    pub fn page(&self) -> &'static str {
        self.page
    }

    /// The page without its title.
    pub fn help(&self) -> &'static str {
        self.page.split_once("\n\n").map_or("", |(_, rest)| rest)
    }
}

fn page(rule: LintRule) -> &'static str {
    match rule {
        LintRule::UnknownField => include_str!("lints/unknown-field.md"),
        LintRule::MisplacedField => include_str!("lints/misplaced-field.md"),
        LintRule::PolicyAnnotation => include_str!("lints/policy-annotation.md"),
        LintRule::MisspeltLabel => include_str!("lints/misspelt-label.md"),
        LintRule::InvalidLabel => include_str!("lints/invalid-label.md"),
        LintRule::LegacyAnnotation => include_str!("lints/legacy-annotation.md"),
        LintRule::LowerCaseAll => include_str!("lints/lower-case-all.md"),
        LintRule::CapabilityPrefix => include_str!("lints/capability-prefix.md"),
    }
}

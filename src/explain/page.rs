//! Complete Markdown documents made of the texts.

use std::fmt::Write as _;

use policy::pss::{CONTROLS, Control, Level};

use super::text::{Text, all, of};

/// The whole page of one control or rule.
pub fn page(text: &Text) -> String {
    format!("# {}: {}\n\n{}", text.id, text.title, body(text, "##"))
}

/// The page without the title and the bad manifest, for a reader who comes from a finding.
pub fn help_markdown(id: &str) -> Option<String> {
    let text = of(id)?;
    let Text { forbids, why, fields, good, how_to_comply, sources, .. } = text;
    Some(format!(
        "{forbids}\n\n{why}\n\n**Fields and allowed values**\n\n{fields}\n\n\
         **A manifest that complies**\n\n```yaml\n{good}```\n\n\
         **How to comply**\n\n{how_to_comply}\n\nSources: {sources}\n"
    ))
}

/// One line per text, by level.
pub fn list<'t>(texts: impl IntoIterator<Item = &'t Text>) -> String {
    let texts: Vec<_> = texts.into_iter().collect();
    let mut page = String::new();
    let groups = [
        ("Controls of baseline, and so of restricted", Some(Level::Baseline)),
        ("Controls of restricted", Some(Level::Restricted)),
        ("Rules (off unless configured)", None),
    ];
    for (heading, level) in groups {
        let is_here = |text: &&&Text| text.control.map(|control| control.level) == level;
        let mut lines = String::new();
        for text in texts.iter().filter(is_here) {
            let since = text.control.map_or_else(String::new, since);
            let _ = writeln!(lines, "- `{}`{since}: {}", text.id, text.title);
        }
        if !lines.is_empty() {
            let between = if page.is_empty() { "" } else { "\n" };
            let _ = write!(page, "{between}## {heading}\n\n{lines}");
        }
    }
    page
}

/// `docs/controls.md`.
pub fn controls_page() -> String {
    let (controls, rules): (Vec<_>, Vec<_>) = all().partition(|text| text.control.is_some());
    let mut page = INTRODUCTION.to_owned();
    for text in &controls {
        let _ =
            writeln!(page, "| {} | {} |", link(text), text.control.map_or_else(String::new, row));
    }
    page.extend(controls.iter().map(part));
    page += RULES;
    for text in &rules {
        let _ = writeln!(page, "| {} | {} |", link(text), text.title);
    }
    page.extend(rules.iter().map(part));
    page
}

fn link(text: &Text) -> String {
    format!("[`{}`](#{})", text.id, anchor(text))
}

fn part(text: &Text) -> String {
    format!("\n## {}: {}\n\n{}", text.id, text.title, body(text, "###"))
}

const INTRODUCTION: &str = "\
# The controls of the Pod Security Standards

<!-- Made of src/explain by `just controls`; do not edit. -->

The same text is in the program: `portcullis explain` lists the controls, `portcullis explain runAsNonRoot` prints one.
Below them are [the rules](#rules-off-unless-configured), which go beyond the Standard.

*Since* is the first version of the Standard that has the control; `pod-security.kubernetes.io/enforce-version` and
`--policy-version` choose the version.

| control | level | since | changed in |
| --- | --- | --- | --- |
";

const RULES: &str = "
## Rules (off unless configured)

What the Standard leaves out. The configuration switches each of them on, by `rules` for everybody or by a profile's
`require`, as `warn`, `audit` or `enforce`: see [policies.md](policies.md). An id begins with `rules/`, so that it is
never a control's; `portcullis explain imageTag` prints one.

| rule | demands |
| --- | --- |
";

fn row(control: &Control) -> String {
    let mut versions = control.revisions.iter().map(|revision| revision.since.to_string());
    let first = versions.next().unwrap_or_default();
    let later: Vec<_> = versions.collect();
    format!("{} | {first} | {}", control.level, later.join(", "))
}

/// The anchor that GitHub makes of a heading: lower case, no punctuation, hyphens for spaces.
fn anchor(text: &Text) -> String {
    let heading = format!("{}: {}", text.id, text.title).to_lowercase();
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn body(text: &Text, heading: &str) -> String {
    let Text { forbids, why, since, fields, bad, good, how_to_comply, sources, .. } = text;
    let place = text.control.map_or_else(|| A_RULE.to_owned(), place);
    let namesake = text.namesake().map_or_else(String::new, |rule| {
        format!("\nThere is also a rule of this name, off unless configured: `{}`.\n", rule.id)
    });
    format!(
        "{place}\n\n{heading} What it forbids\n\n{forbids}\n\n{heading} Why it matters\n\n{why}\n\n\
         {heading} Since\n\n{since}\n\n{heading} Fields and allowed values\n\n{fields}\n\n\
         {heading} Bad\n\n```yaml\n{bad}```\n\n{heading} Good\n\n```yaml\n{good}```\n\n\
         {heading} How to comply\n\n{how_to_comply}\n\nSources: {sources}\n{namesake}"
    )
}

const A_RULE: &str = "A rule: off unless configured. No level has it.";

/// The level of the control, and its relation to the control that it overrides.
fn place(control: &Control) -> String {
    let id = control.id;
    let successor = CONTROLS.into_iter().find(|other| other.overrides == Some(id));
    match (control.level, control.overrides, successor) {
        (Level::Restricted, Some(other), _) => {
            format!("A control of restricted, where it takes the place of `{other}`.")
        }
        (Level::Restricted, None, _) => "A control of restricted.".to_owned(),
        (_, _, Some(other)) => {
            let since = since(other);
            format!("A control of baseline. In restricted, `{}`{since} takes its place.", other.id)
        }
        (_, _, None) => "A control of baseline, and so of restricted.".to_owned(),
    }
}

/// ` (v1.22)`, or nothing if it exists in all versions.
fn since(control: &Control) -> String {
    match control.revisions.first() {
        Some(first) if first.since.0 > 0 => format!(" (since {})", first.since),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_which_level_has_the_control() {
        let second = |id: &str| page(&of(id).unwrap()).lines().nth(2).unwrap().to_owned();
        assert_eq!(second("privileged"), "A control of baseline, and so of restricted.");
        assert_eq!(
            second("capabilities_baseline"),
            "A control of baseline. In restricted, `capabilities_restricted` (since v1.22) takes its place."
        );
        assert_eq!(
            second("hostPathVolumes"),
            "A control of baseline. In restricted, `restrictedVolumes` takes its place."
        );
        assert_eq!(
            second("procMount_restricted"),
            "A control of restricted, where it takes the place of `procMount`."
        );
        assert_eq!(second("runAsUser"), "A control of restricted.");
        assert_eq!(second("rules/imageTag"), "A rule: off unless configured. No level has it.");
    }

    #[test]
    fn a_control_s_page_ends_with_the_rule_of_its_name() {
        let last = |id: &str| page(&of(id).unwrap()).lines().last().unwrap().to_owned();
        assert!(last("hostPorts").ends_with(": `rules/hostPorts`."), "{}", last("hostPorts"));
        assert!(last("rules/hostPorts").starts_with("Sources: "));
        assert!(last("privileged").starts_with("Sources: "));
    }

    #[test]
    fn every_control_has_help() {
        for control in CONTROLS {
            let help = help_markdown(control.id).unwrap();
            assert!(help.contains("```yaml\napiVersion: v1\n"), "{help}");
            assert!(!help.starts_with('#'), "{help}");
        }
        assert_eq!(help_markdown("nothing"), None);
    }

    #[test]
    fn a_list_has_only_the_groups_that_it_needs() {
        let ids = ["runAsUser", "procMount_restricted", "rules/imageTag"];
        let texts = ids.map(|id| of(id).unwrap());
        let expected = "## Controls of restricted\n\n- `runAsUser` (since v1.23): no user id 0\n\
                        - `procMount_restricted` (since v1.35): /proc stays masked, user namespace or not\n\n\
                        ## Rules (off unless configured)\n\n- `rules/imageTag`: a tag, and not latest\n";
        assert_eq!(list(&texts), expected);
    }
}

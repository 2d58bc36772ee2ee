//! The texts, and their parts.

use crate::pss::{CONTROLS, Control};

/// What there is to say of one control, or of one default that only hardening adds. All of it is Markdown but the
/// two manifests.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    /// The control's id, or the default's field: `runAsNonRoot`.
    pub id: &'static str,
    /// In a few words, what must hold: `no container starts as root`.
    pub title: &'static str,
    /// The control. None for a default: no level demands it.
    pub control: Option<&'static Control>,
    /// What it forbids.
    pub forbids: &'static str,
    /// What an attacker does where it does not hold.
    pub why: &'static str,
    /// A list item for each version that introduced or changed it: `- v1.25: ...`.
    pub since: &'static str,
    /// The fields that are read, and what they may be.
    pub fields: &'static str,
    /// A manifest that breaks it: YAML.
    pub bad: &'static str,
    /// A manifest that does not: YAML.
    pub good: &'static str,
    /// What breaks when one complies, and what to do about that.
    pub living_with: &'static str,
    /// Where the rule is written down.
    pub sources: &'static str,
}

/// Every text: the controls in the order of the table, then the defaults.
pub fn all() -> impl Iterator<Item = Text> {
    CONTROLS_FILES.iter().chain(&DEFAULTS_FILES).map(|(id, file)| parse(id, file))
}

/// The text of exactly this id.
pub fn of(id: &str) -> Option<Text> {
    all().find(|text| text.id == id)
}

/// A folder's files, each with its name.
macro_rules! files {
    ($folder:literal, $($id:literal),+ $(,)?) => {
        [$(($id, include_str!(concat!($folder, "/", $id, ".md")))),+]
    };
}

const CONTROLS_FILES: [(&str, &str); 19] = files!(
    "controls",
    "appArmorProfile",
    "capabilities_baseline",
    "hostNamespaces",
    "hostPathVolumes",
    "hostPorts",
    "hostProbesAndHostLifecycle",
    "privileged",
    "procMount",
    "seLinuxOptions",
    "seccompProfile_baseline",
    "sysctls",
    "windowsHostProcess",
    "allowPrivilegeEscalation",
    "capabilities_restricted",
    "procMount_restricted",
    "restrictedVolumes",
    "runAsNonRoot",
    "runAsUser",
    "seccompProfile_restricted",
);

const DEFAULTS_FILES: [(&str, &str); 2] =
    files!("defaults", "automountServiceAccountToken", "readOnlyRootFilesystem");

/// The tests hold every file to its headings: a missing one would only leave a part empty.
fn parse(id: &'static str, file: &'static str) -> Text {
    let (body, sources) = file.trim_end().rsplit_once("\n\nSources: ").unwrap_or((file, ""));
    let title = body.lines().next().and_then(|line| line.split_once(": "));
    Text {
        id,
        title: title.map_or("", |(_, title)| title),
        control: CONTROLS.into_iter().find(|control| control.id == id),
        forbids: section(body, "What it forbids"),
        why: section(body, "Why it matters"),
        since: section(body, "Since"),
        fields: section(body, "Fields and allowed values"),
        bad: yaml(section(body, "Bad")),
        good: yaml(section(body, "Good")),
        living_with: section(body, "Living with it"),
        sources,
    }
}

fn section(body: &'static str, heading: &str) -> &'static str {
    let after = body.split("\n## ").find_map(|part| part.strip_prefix(heading)?.strip_prefix('\n'));
    after.unwrap_or_default().trim()
}

fn yaml(section: &'static str) -> &'static str {
    let text = section.strip_prefix("```yaml\n").and_then(|text| text.strip_suffix("```"));
    text.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_control_has_its_text_in_the_order_of_the_table() {
        let ids: Vec<_> = all().filter_map(|text| Some(text.control?.id)).collect();
        assert_eq!(ids, CONTROLS.map(|control| control.id));
        let texts: Vec<_> = CONTROLS_FILES.iter().map(|(id, _)| *id).collect();
        assert_eq!(texts, ids);
    }

    #[test]
    fn every_file_has_the_same_headings_and_something_below_each() {
        let files = CONTROLS_FILES.iter().chain(&DEFAULTS_FILES);
        for (id, file) in files {
            assert!(file.starts_with(&format!("# {id}: ")), "{id}");
            let headings: Vec<_> =
                file.lines().filter_map(|line| line.strip_prefix("## ")).collect();
            let expected = [
                "What it forbids",
                "Why it matters",
                "Since",
                "Fields and allowed values",
                "Bad",
                "Good",
                "Living with it",
            ];
            assert_eq!(headings, expected, "{id}");
            let text = parse(id, file);
            let parts = [
                text.title,
                text.forbids,
                text.why,
                text.since,
                text.fields,
                text.bad,
                text.good,
                text.living_with,
                text.sources,
            ];
            assert!(parts.iter().all(|part| !part.is_empty()), "{id}: {text:?}");
            assert!(!text.living_with.contains("Sources:"), "{id}");
        }
    }
}

//! The texts, and their parts.

use crate::pss::{CONTROLS, Control};

/// What there is to say of one control, or of one rule beside them. All of it is Markdown but the two manifests.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    /// The control's id, or the rule's: `runAsNonRoot`, `rules/imageTag`.
    pub id: &'static str,
    /// In a few words, what must hold: `no container starts as root`.
    pub title: &'static str,
    /// The control. None for a rule: no level demands it, only the configuration.
    pub control: Option<&'static Control>,
    /// What it forbids.
    pub forbids: &'static str,
    /// What an attacker does where it does not hold.
    pub why: &'static str,
    /// A list item for each version that introduced or changed it: `- v1.25: ...`. Of a rule, how it is switched on.
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

/// Every text: the controls in the order of the table, then the rules.
pub fn all() -> impl Iterator<Item = Text> {
    CONTROLS_FILES.iter().chain(&RULES_FILES).map(|(id, file)| parse(id, file))
}

/// The text of exactly this id.
pub fn of(id: &str) -> Option<Text> {
    all().find(|text| text.id == id)
}

impl Text {
    /// The id without what tells rules apart: `imageTag` of `rules/imageTag`.
    pub(super) fn name(&self) -> &'static str {
        self.id.strip_prefix(RULES_PREFIX).unwrap_or(self.id)
    }

    /// The rule with the name of this control, which is tighter and easily taken for it.
    pub(super) fn namesake(&self) -> Option<Self> {
        let is_namesake = |other: &Self| other.id != self.id && other.name() == self.name();
        self.control.and_then(|_| all().find(is_namesake))
    }
}

/// What the ids of rules begin with, so that none is a control's.
pub(super) const RULES_PREFIX: &str = "rules/";

/// A folder's files, each with its id: what all of them begin with, and the file's name.
macro_rules! files {
    ($folder:literal, $prefix:literal, $($name:literal),+ $(,)?) => {
        [$((concat!($prefix, $name), include_str!(concat!($folder, "/", $name, ".md")))),+]
    };
}

const CONTROLS_FILES: [(&str, &str); 19] = files!(
    "controls",
    "",
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

const RULES_FILES: [(&str, &str); 16] = files!(
    "rules",
    "rules/",
    "readOnlyRootFilesystem",
    "serviceAccountToken",
    "defaultServiceAccount",
    "appArmorProfile",
    "seccompLocalhost",
    "seLinux",
    "resources",
    "imageRegistries",
    "imageTag",
    "imageDigest",
    "runAsGroup",
    "runAsUserRange",
    "userNamespaces",
    "addedCapabilities",
    "hostPaths",
    "hostPorts",
);

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
    fn every_file_of_a_folder_is_one_of_the_texts() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/explain");
        let folders: [(&str, &[(&str, &str)]); 2] =
            [("controls", &CONTROLS_FILES), ("rules", &RULES_FILES)];
        for (folder, texts) in folders {
            let files = std::fs::read_dir(root.join(folder)).unwrap();
            let mut files: Vec<_> =
                files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
            let mut names: Vec<_> = texts
                .iter()
                .map(|(id, _)| format!("{}.md", id.trim_start_matches(RULES_PREFIX)))
                .collect();
            files.sort();
            names.sort();
            assert_eq!(files, names, "{folder}");
        }
    }

    #[test]
    fn a_control_knows_the_rule_of_its_name() {
        let namesakes = all().filter_map(|text| Some((text.id, text.namesake()?.id)));
        let expected =
            [("appArmorProfile", "rules/appArmorProfile"), ("hostPorts", "rules/hostPorts")];
        assert_eq!(namesakes.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn every_file_has_the_same_headings_and_something_below_each() {
        let files = CONTROLS_FILES.iter().chain(&RULES_FILES);
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

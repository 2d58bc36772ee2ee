//! The texts and their parts.

use policy::pss::{CONTROLS, Control};

/// The text on one control or rule. Everything except the two manifests is Markdown.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    /// The control's id, or the rule's: `runAsNonRoot`, `rules/imageTag`.
    pub id: &'static str,
    /// What must hold, in a few words: `no container starts as root`.
    pub title: &'static str,
    /// The control. None for a rule, which only the configuration demands.
    pub control: Option<&'static Control>,
    /// What it forbids.
    pub forbids: &'static str,
    /// What an attacker can do without it.
    pub why: &'static str,
    /// A list item for each version that introduced or changed it: `- v1.25: ...`. For a rule, how to enable it.
    pub since: &'static str,
    /// The fields that it reads, and their allowed values.
    pub fields: &'static str,
    /// A manifest that violates it: YAML.
    pub bad: &'static str,
    /// A manifest that complies: YAML.
    pub good: &'static str,
    /// What breaks when a workload complies, and what to do about that.
    pub how_to_comply: &'static str,
    /// Links to the definition.
    pub sources: &'static str,
}

/// All texts: the controls in the order of the table, then the rules.
pub fn all() -> impl Iterator<Item = Text> {
    CONTROLS_FILES.iter().chain(&RULES_FILES).map(|(id, file)| parse(id, file))
}

/// The text with exactly this id.
pub fn of(id: &str) -> Option<Text> {
    all().find(|text| text.id == id)
}

impl Text {
    /// The id without the prefix of rules: `imageTag` for `rules/imageTag`.
    pub(super) fn name(&self) -> &'static str {
        self.id.strip_prefix(RULES_PREFIX).unwrap_or(self.id)
    }

    /// The rule that shares this control's name and is stricter; the two are easily confused.
    pub(super) fn namesake(&self) -> Option<Self> {
        let is_namesake = |other: &Self| other.id != self.id && other.name() == self.name();
        self.control.and_then(|_| all().find(is_namesake))
    }
}

/// The prefix of rule ids, which no control has.
pub(super) const RULES_PREFIX: &str = "rules/";

/// The files of a folder with their ids: a common prefix and the file name.
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

/// Tests check the headings of every file; a missing one would only leave a part empty.
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
        how_to_comply: section(body, "How to comply"),
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
                "How to comply",
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
                text.how_to_comply,
                text.sources,
            ];
            assert!(parts.iter().all(|part| !part.is_empty()), "{id}: {text:?}");
            assert!(!text.how_to_comply.contains("Sources:"), "{id}");
        }
    }
}

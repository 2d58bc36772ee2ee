//! Finds the texts for a word.

use std::fmt;

use crate::spelling;

use super::text::{RULES_PREFIX, Text, all};

/// The error for a word that matches no text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// The word.
    pub word: String,
    /// The most similar id.
    pub nearest: Option<&'static str>,
}

impl std::error::Error for Unknown {}

/// `there is no control or rule "runAsRoot"; did you mean "runAsNonRoot"?`
impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no control or rule {:?}", self.word)?;
        match self.nearest {
            Some(nearest) => write!(f, "; did you mean {nearest:?}?"),
            None => f.write_str("; explain without a name lists them"),
        }
    }
}

/// The text with this id, ignoring case; the rule with this name, if no control has it (`imageTag`); or else all texts
/// with the word in their ids (`capabilities`) or as a field that they read (`hostPID`). Never empty.
///
/// # Errors
/// No text matches.
pub fn find(word: &str) -> Result<Vec<Text>, Unknown> {
    let is_id = |text: &Text| text.id.eq_ignore_ascii_case(word);
    let is_name = |text: &Text| text.name().eq_ignore_ascii_case(word);
    if let Some(text) = all().find(is_id).or_else(|| all().find(is_name)) {
        return Ok(vec![text]);
    }
    if word.is_empty() {
        return Err(unknown(word));
    }
    let found: Vec<_> = all().filter(|text| has_part(text.id, word) || reads(text, word)).collect();
    if found.is_empty() { Err(unknown(word)) } else { Ok(found) }
}

fn has_part(id: &str, word: &str) -> bool {
    id.to_ascii_lowercase().contains(&word.to_ascii_lowercase())
}

/// Whether the word is a segment of the path of a field that it reads.
fn reads(text: &Text, word: &str) -> bool {
    let code = text.fields.split('`').skip(1).step_by(2);
    let mut segments = code.flat_map(|code| code.split(['.', '[', ']', '"', '/']));
    segments.any(|segment| segment.eq_ignore_ascii_case(word))
}

fn unknown(word: &str) -> Unknown {
    let lower = word.to_ascii_lowercase();
    let name = lower.strip_prefix(RULES_PREFIX).unwrap_or(&lower);
    let nearest = spelling::nearest(name, all().map(|text| text.name()));
    // If a control and a rule share a name, the control, which comes first.
    let nearest = nearest.and_then(|nearest| all().find(|text| text.name() == nearest));
    Unknown { word: word.to_owned(), nearest: nearest.map(|text| text.id) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(word: &str) -> Vec<&'static str> {
        find(word).unwrap().iter().map(|text| text.id).collect()
    }

    #[test]
    fn an_id_is_found_in_whatever_case() {
        assert_eq!(ids("runAsNonRoot"), ["runAsNonRoot"]);
        assert_eq!(ids("runasnonroot"), ["runAsNonRoot"]);
        // It is also the beginning of another id.
        assert_eq!(ids("procMount"), ["procMount"]);
        assert_eq!(ids("rules/imageTag"), ["rules/imageTag"]);
    }

    #[test]
    fn a_rule_is_found_by_its_name_unless_a_control_has_it() {
        assert_eq!(ids("imageTag"), ["rules/imageTag"]);
        assert_eq!(ids("readonlyrootfilesystem"), ["rules/readOnlyRootFilesystem"]);
        assert_eq!(ids("hostPorts"), ["hostPorts"]);
        assert_eq!(ids("rules/hostPorts"), ["rules/hostPorts"]);
        assert_eq!(ids("rules").len(), 16);
    }

    #[test]
    fn a_family_is_found_by_what_its_ids_share() {
        let capabilities =
            ["capabilities_baseline", "capabilities_restricted", "rules/addedCapabilities"];
        assert_eq!(ids("capabilities"), capabilities);
        assert_eq!(
            ids("Seccomp"),
            ["seccompProfile_baseline", "seccompProfile_restricted", "rules/seccompLocalhost"]
        );
        assert_eq!(ids("sysctl"), ["sysctls"]);
    }

    #[test]
    fn a_field_is_found_by_its_name() {
        assert_eq!(ids("hostPID"), ["hostNamespaces"]);
        assert_eq!(ids("hostNetwork"), ["hostNamespaces"]);
        assert_eq!(ids("hostPath"), ["hostPathVolumes", "rules/hostPaths"]);
        assert_eq!(ids("automountServiceAccountToken"), ["rules/serviceAccountToken"]);
        assert_eq!(ids("hostUsers"), ["rules/userNamespaces"]);
        assert_eq!(ids("drop"), ["capabilities_restricted"]);
        assert_eq!(
            ids("add"),
            ["capabilities_baseline", "capabilities_restricted", "rules/addedCapabilities"]
        );
    }

    #[test]
    fn what_is_unknown_is_answered_with_what_is_most_like_it() {
        let nearest = |word: &str| find(word).unwrap_err().nearest;
        assert_eq!(nearest("runAsNoneRoot"), Some("runAsNonRoot"));
        assert_eq!(nearest("priviledged"), Some("privileged"));
        assert_eq!(nearest("hostPort5"), Some("hostPorts"));
        assert_eq!(nearest("imageTags"), Some("rules/imageTag"));
        assert_eq!(nearest("rules/imagetags"), Some("rules/imageTag"));
        assert_eq!(nearest("zzz"), None);
        assert_eq!(nearest(""), None);
        let message = find("priviledged").unwrap_err().to_string();
        assert_eq!(
            message,
            r#"there is no control or rule "priviledged"; did you mean "privileged"?"#
        );
        let message = find("\u{1b}[2J").unwrap_err().to_string();
        assert!(!message.contains('\u{1b}'), "{message}");
    }
}

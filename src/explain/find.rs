//! From what a person asks for to the text.

use std::fmt;

use super::text::{Text, all};

/// Below this likeness (Jaro's, from 0 to 1) a name is not what was meant. clap has the same for flags.
const ALIKE: f64 = 0.7;

/// A word that stands for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// The word.
    pub word: String,
    /// The id that is most like it.
    pub nearest: Option<&'static str>,
}

impl std::error::Error for Unknown {}

/// `there is no control "runAsRoot"; did you mean "runAsNonRoot"?`
impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no control {:?}", self.word)?;
        match self.nearest {
            Some(nearest) => write!(f, "; did you mean {nearest:?}?"),
            None => f.write_str("; explain without a name lists them"),
        }
    }
}

/// The text of an id, in whatever case; those of a part of ids (`capabilities`); or those of a field that is read
/// (`hostPID`). Never none.
///
/// # Errors
/// Where it is none of them.
pub fn find(word: &str) -> Result<Vec<Text>, Unknown> {
    if let Some(text) = all().find(|text| text.id.eq_ignore_ascii_case(word)) {
        return Ok(vec![text]);
    }
    if word.is_empty() {
        return Err(unknown(word));
    }
    let mut found: Vec<_> = all().filter(|text| has_part(text.id, word)).collect();
    if found.is_empty() {
        found = all().filter(|text| reads(text, word)).collect();
    }
    if found.is_empty() { Err(unknown(word)) } else { Ok(found) }
}

fn has_part(id: &str, word: &str) -> bool {
    id.to_ascii_lowercase().contains(&word.to_ascii_lowercase())
}

/// Whether the word is a segment of one of its fields' paths.
fn reads(text: &Text, word: &str) -> bool {
    let code = text.fields.split('`').skip(1).step_by(2);
    let mut segments = code.flat_map(|code| code.split(['.', '[', ']', '"', '/']));
    segments.any(|segment| segment.eq_ignore_ascii_case(word))
}

fn unknown(word: &str) -> Unknown {
    let lower = word.to_ascii_lowercase();
    let nearest = all()
        .map(|text| (strsim::jaro(&text.id.to_ascii_lowercase(), &lower), text.id))
        .filter(|(likeness, _)| *likeness > ALIKE)
        .max_by(|one, other| one.0.total_cmp(&other.0));
    Unknown { word: word.to_owned(), nearest: nearest.map(|(_, id)| id) }
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
        // It is the beginning of another one, too.
        assert_eq!(ids("procMount"), ["procMount"]);
    }

    #[test]
    fn a_family_is_found_by_what_its_ids_share() {
        assert_eq!(ids("capabilities"), ["capabilities_baseline", "capabilities_restricted"]);
        assert_eq!(ids("Seccomp"), ["seccompProfile_baseline", "seccompProfile_restricted"]);
        assert_eq!(ids("sysctl"), ["sysctls"]);
    }

    #[test]
    fn a_field_is_found_by_its_name() {
        assert_eq!(ids("hostPID"), ["hostNamespaces"]);
        assert_eq!(ids("hostNetwork"), ["hostNamespaces"]);
        assert_eq!(ids("hostPath"), ["hostPathVolumes"]);
        assert_eq!(ids("drop"), ["capabilities_restricted"]);
        assert_eq!(ids("add"), ["capabilities_baseline", "capabilities_restricted"]);
    }

    #[test]
    fn what_is_unknown_is_answered_with_what_is_most_like_it() {
        let nearest = |word: &str| find(word).unwrap_err().nearest;
        assert_eq!(nearest("runAsNoneRoot"), Some("runAsNonRoot"));
        assert_eq!(nearest("priviledged"), Some("privileged"));
        assert_eq!(nearest("hostPort5"), Some("hostPorts"));
        assert_eq!(nearest("zzz"), None);
        assert_eq!(nearest(""), None);
        let told = find("priviledged").unwrap_err().to_string();
        assert_eq!(told, r#"there is no control "priviledged"; did you mean "privileged"?"#);
        let told = find("\u{1b}[2J").unwrap_err().to_string();
        assert!(!told.contains('\u{1b}'), "{told}");
    }
}

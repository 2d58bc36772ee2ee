//! Upstream's own test pods, if they are available.

use std::{fs, io::ErrorKind, path::Path};

use serde::Deserialize;
use serde_json::Value;

use super::skip::Skip;

const FILE: &str = "../shared/pss-fixtures/fixtures.jsonl";

#[derive(Deserialize)]
pub(crate) struct Fixture {
    pub(crate) level: String,
    pub(crate) expect: Expectation,
    pub(crate) name: String,
    pub(crate) versions: Vec<String>,
    pub(crate) pod: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Expectation {
    Pass,
    Fail,
}

/// All fixtures. None with a message if the file is missing.
pub(crate) fn fixtures() -> Option<Vec<Fixture>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let _ = Skip::needs_if_present(FILE);
            return None;
        }
        Err(error) => panic!("{}: {error}", file.display()),
    };
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

impl Fixture {
    /// Fixtures are named after their control; those of a baseline control also apply to the control that overrides it.
    pub(crate) fn is_about(&self, control: &str) -> bool {
        let about = self.name.trim_end_matches(|c: char| c.is_ascii_digit());
        let family = |id: &str| id.to_lowercase().split('_').next().map(str::to_owned);
        family(about) == family(control)
            || (about == "hostpathvolumes" && control == "restrictedVolumes")
    }
}

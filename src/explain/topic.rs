//! Answers a word: a control, a rule, a lint, a level, or the path of a field.

use std::fmt::Write as _;

use policy::{findings::LintRule, pss::Level};

use super::{
    find::{Unknown, find},
    lint,
    page::{list, page},
    text::{Text, all},
};

/// The Markdown for a word; without one, the list of everything.
///
/// # Errors
/// Nothing has this name.
pub fn answer(word: Option<&str>) -> Result<String, Unknown> {
    let Some(word) = word else {
        let controls = list(&all().collect::<Vec<_>>());
        return Ok(format!(
            "# Controls of the Pod Security Standards, rules and lints\n\n{controls}\n{}",
            lint::list()
        ));
    };
    // `privileged` is a control, too, and the level of that name has none.
    let mut levels = [Level::Baseline, Level::Restricted].into_iter();
    if let Some(level) = levels.find(|level| level.as_str().eq_ignore_ascii_case(word)) {
        return Ok(of_level(level));
    }
    if word.trim_end_matches('/').eq_ignore_ascii_case(LintRule::PREFIX.trim_end_matches('/')) {
        return Ok(lint::list());
    }
    if let Some(text) = lint::find(word) {
        return Ok(text.page().to_owned());
    }
    match of_path(word) {
        Some(texts) => Ok(shown(&texts)),
        None => find(word).map(|texts| shown(&texts)),
    }
}

/// The page of the only text, or of the only control: the rules of the same field follow in a list.
fn shown(texts: &[Text]) -> String {
    let (controls, rules): (Vec<&Text>, Vec<&Text>) =
        texts.iter().partition(|text| text.control.is_some());
    match (controls.as_slice(), rules.as_slice()) {
        ([text], []) | ([], [text]) => page(text),
        ([control], rules) if rules.iter().all(|rule| rule.name() != control.name()) => {
            let mut page = page(control);
            let _ = write!(page, "\n{}", list(rules.iter().copied()));
            page
        }
        _ => list(texts),
    }
}

/// The controls and rules that read a field, by its path from a pod, a template's object or a container. None if the word is
/// no path, or nothing reads the field.
fn of_path(word: &str) -> Option<Vec<Text>> {
    let path = segments(word);
    if path.len() < 2 {
        return None;
    }
    let reads = |text: &Text| {
        let code = text.fields.split('`').skip(1).step_by(2);
        code.map(segments).any(|field| is_same(&path, &field))
    };
    let texts: Vec<_> = all().filter(reads).collect();
    (!texts.is_empty()).then_some(texts)
}

/// The keys of a path in lower case, without indices.
fn segments(path: &str) -> Vec<String> {
    let keys = path.split(['.', '[', ']', '"']).filter(|key| !key.is_empty() && *key != "*");
    let keys = keys.filter(|key| key.parse::<usize>().is_err());
    keys.map(str::to_ascii_lowercase).collect()
}

/// Whether one path is the other, or a part of it: the end of a longer path from the object's root, or a field above it.
fn is_same(path: &[String], field: &[String]) -> bool {
    let is_end = field.len() > 1 && path.ends_with(field);
    is_end || field.windows(path.len()).any(|part| part == path)
}

fn of_level(level: Level) -> String {
    let is_its = |text: &Text| text.control.is_some_and(|control| control.level <= level);
    let controls: Vec<_> = all().filter(|text| is_its(text)).collect();
    let what = match level {
        Level::Privileged | Level::Baseline => {
            "Forbids the known ways from a container to its node. Most applications meet it without changes."
        }
        Level::Restricted => {
            "Baseline, and the current practice of hardening: no root, no capabilities, a seccomp profile. For \
             applications that matter, and for tenants who are not trusted."
        }
    };
    format!(
        "# {level}\n\nA level of the Pod Security Standards. {what}\n\nA namespace enforces it by its label \
         `pod-security.kubernetes.io/enforce: {level}`; `portcullis check --level {level} PATH` tells what violates it.\n\n{}",
        list(&controls)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn title(word: &str) -> String {
        let answer = answer(Some(word)).unwrap();
        answer.lines().next().unwrap().to_owned()
    }

    #[test]
    fn a_level_is_explained_with_its_controls() {
        for (word, controls) in [("restricted", 19), ("Baseline", 12)] {
            let answer = answer(Some(word)).unwrap();
            assert_eq!(answer.lines().filter(|line| line.starts_with("- `")).count(), controls);
            assert!(answer.starts_with(&format!("# {}\n", word.to_lowercase())), "{answer}");
        }
    }

    #[test]
    fn a_path_leads_to_the_control_of_the_field() {
        for (path, control) in [
            ("spec.hostNetwork", "hostNamespaces"),
            ("spec.template.spec.hostPID", "hostNamespaces"),
            ("securityContext.runAsUser", "runAsUser"),
            ("spec.containers[0].securityContext.privileged", "privileged"),
            ("securitycontext.procmount", "procMount"),
            ("spec.securityContext.sysctls", "sysctls"),
            ("spec.volumes[*].hostPath", "hostPathVolumes"),
            ("containers[0].ports[0].hostPort", "hostPorts"),
        ] {
            let answer = answer(Some(path)).unwrap();
            assert!(
                answer.contains(&format!("`{control}`"))
                    || answer.starts_with(&format!("# {control}: ")),
                "{path}: {answer}"
            );
        }
        assert!(title("securityContext.runAsUser").starts_with("# runAsUser: "));
        assert!(
            answer(Some("securityContext.runAsUser")).unwrap().contains("`rules/runAsUserRange`")
        );
        assert!(title("spec.hostNetwork").starts_with("# hostNamespaces: "));
        assert!(answer(Some("spec.replicas")).is_err());
    }

    #[test]
    fn a_lint_is_explained_by_its_id_and_its_name() {
        for text in lint::lints() {
            for word in [text.rule.id(), text.rule.name()] {
                assert_eq!(title(word), format!("# {}: {}", text.rule.id(), text.title()));
            }
        }
        assert!(answer(Some("lint")).unwrap().contains("`lint/unknown-field`"));
    }
}

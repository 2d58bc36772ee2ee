//! What an unreadable text was meant to be: in a repository, most files that cannot be read as manifests are none.

use std::marker::PhantomData;

use memchr::{memchr, memchr_iter, memmem};
use serde::{Deserialize, de::IgnoredAny};

use super::value::Value;

/// What an unreadable text is, as far as can be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextKind {
    /// A manifest, or a text that may be one.
    Manifest,
    /// A template that is not rendered.
    Template,
    /// No manifest: the API server would accept nothing in it.
    Other,
}

/// Whether a text may contain a manifest, which has the key `apiVersion`, or a JSON patch. Does not parse it.
pub fn may_be_manifest(text: &[u8]) -> bool {
    may_contain(text, b"apiVersion") || may_be_operations(text)
}

/// Whether a text may be a list of operations (RFC 6902).
fn may_be_operations(text: &[u8]) -> bool {
    let is_list = |line: &[u8]| matches!(line.first(), Some(b'-' | b'['));
    memmem::find(text, b"path").is_some()
        && memmem::find(text, b"op").is_some()
        && text.split(|byte| *byte == b'\n').any(|line| is_list(line.trim_ascii_start()))
}

/// Whether a word may be in a text: as it is, by escapes, in another encoding, or as base64 in YAML (`!!binary`).
fn may_contain(text: &[u8], word: &[u8]) -> bool {
    let is_escape =
        |at: usize| matches!(text.get(at + 1), Some(b'x' | b'u' | b'U' | b'\n' | b'\r'));
    [word, b"binary", b"%TAG"].into_iter().any(|sign| memmem::find(text, sign).is_some())
        || memchr(0, text).is_some()
        || memchr_iter(b'\\', text).any(is_escape)
}

/// What a text is that cannot be parsed.
pub(super) fn of_text(text: &[u8]) -> TextKind {
    match is_template(text) {
        true => TextKind::Template,
        false if may_contain(text, b"apiVersion") && may_contain(text, b"kind") => {
            TextKind::Manifest
        }
        false => TextKind::Other,
    }
}

/// What a document is that is no readable object. With one of `apiVersion` and `kind`, it is a manifest with a mistake if
/// it has other fields that every object has, and otherwise a file of another program, such as `Chart.yaml`.
pub(super) fn of_value(value: Value<'_>) -> TextKind {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Keys {
        #[serde(default)]
        api_version: Option<IgnoredAny>,
        #[serde(default)]
        kind: Option<IgnoredAny>,
        #[serde(default)]
        metadata: Option<IgnoredAny>,
        #[serde(default)]
        spec: Option<IgnoredAny>,
    }
    if !value.is_map() {
        return TextKind::Other;
    }
    let Ok(keys) = value.read(PhantomData::<Keys>) else { return TextKind::Manifest };
    let is_object = keys.metadata.is_some() || keys.spec.is_some();
    match (keys.api_version, keys.kind) {
        (Some(_), Some(_)) => TextKind::Manifest,
        (None, None) => TextKind::Other,
        _ if is_object => TextKind::Manifest,
        _ => TextKind::Other,
    }
}

/// Whether any line has an action of a Go or Jinja template outside of quotes and comments.
fn is_template(text: &[u8]) -> bool {
    text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_start).any(|line| {
        let is_action = |open: &[u8]| {
            memmem::find_iter(line, open).any(|at| !is_quoted(line.get(..at).unwrap_or_default()))
        };
        line.first() != Some(&b'#') && (is_action(b"{{") || is_action(b"{%"))
    })
}

/// Whether a quote is open at the end of a line's part.
fn is_quoted(before: &[u8]) -> bool {
    [b'"', b'\''].into_iter().any(|quote| memchr_iter(quote, before).count() % 2 == 1)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::{Reading, read};

    /// The kinds of all that is unreadable in a text.
    fn kinds(text: &str) -> Vec<TextKind> {
        let mut kinds = Vec::new();
        let Ok(()) =
            read::<Infallible>(text.as_bytes(), policy::workloads::Kinds::default(), |reading| {
                if let Reading::Unreadable(unreadable) = reading {
                    kinds.push(unreadable.kind);
                }
                Ok(())
            });
        kinds
    }

    #[test]
    fn files_of_other_programs_are_no_manifests() {
        for text in [
            "on: push\njobs: {build: {steps: [{run: make}]}}\n",
            "apiVersion: v2\nname: web\nversion: 1.0.0\n",
            "apiVersion: 1\ndatasources: []\n",
            "kind: pipeline\ntype: docker\nname: default\nsteps: []\n",
            "metadata: text\nname: {a: b}\n",
            "- a\n- b\n",
            "just a text",
            "{\"name\": \"web\", \"dependencies\": {}}",
            "[1, 2]",
            "a: [\n",
            "\tmake: all\n",
            "{\"a\": 1, // comment\n",
            "kind: Pod\nbroken: [\n",
            "resources: [deployment.yaml]\npatches: []\n",
        ] {
            assert_eq!(kinds(text), [TextKind::Other], "{text}");
        }
    }

    #[test]
    fn what_may_be_a_manifest_is_one() {
        for text in [
            "apiVersion: v1\nkind: Pod\nspec: [\n",
            "{\"apiVersion\": \"v1\", \"kind\": \"Pod\"",
            "{\"\\u0061piVersion\": \"v1\", \"kind\": \"Pod\"",
            "apiVersion: v1\nkidn: Pod\nspec: {}\n",
            "apiversion: v1\nkind: Pod\nmetadata: {}\n",
            "apiVersion: v1\nkind: [Pod]\n",
            "apiVersion: v1\nkind: Pod\nspec: {containers: 1}\n",
            "apiVersion: v1\nkind: List\nitems: [{a: b}]\n",
            "apiVersion: v1\nkind: Pod\nspec: [\n# {{ a comment }}\nargs: \"{{ quoted }}\"\n",
        ] {
            assert_eq!(kinds(text), [TextKind::Manifest], "{text}");
        }
    }

    #[test]
    fn templates_have_actions_outside_of_quotes() {
        for text in [
            "apiVersion: v1\nkind: Pod\nspec: {{ toYaml .Values.spec | nindent 2 }}\n",
            "{{- if .Values.on }}\napiVersion: v1\nkind: Pod\n{{- end }}\n",
            "apiVersion: v1\nkind: Pod\n{% if on %}\nspec: {}\n{% endif %}\n",
            "apiVersion: v1\nkind: Pod\nspec: {hostPID: \"{{ .Values.pid }}\"}\n",
            "a: \"b\" {{ .Values.c }}\n",
        ] {
            let kinds = kinds(text);
            assert!(!kinds.is_empty(), "{text}");
            assert!(kinds.iter().all(|it| *it == TextKind::Template), "{text}: {kinds:?}");
        }
    }

    #[test]
    fn a_key_is_found_in_every_notation() {
        for text in [
            "apiVersion: v1",
            r#"{"\u0061piVersion": "v1"}"#,
            r#""\x61piVersion": v1"#,
            "\"api\\\nVersion\": v1",
            "a\0p\0i\0",
            "!!binary YXBpVmVyc2lvbg==: v1",
        ] {
            assert!(may_be_manifest(text.as_bytes()), "{text}");
        }
        assert!(!may_be_manifest(br#"{"name": "a\n\"b\"", "version": 1}"#));
    }
}

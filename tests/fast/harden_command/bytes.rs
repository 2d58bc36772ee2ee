//! Texts that are cut, mixed, far too large, or not manifests.

use crate::harden_command::{harden, harden_bytes, hardened};

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}\n  containers:\n";

fn pod(containers: &str) -> String {
    format!("{POD}{containers}")
}

fn refused(text: &str) -> Vec<String> {
    let refused = harden(text).expect_err(text);
    refused.iter().map(|refused| refused.why.clone()).collect()
}

#[test]
fn each_line_keeps_the_line_break_of_its_neighbour() {
    let text = pod("  - name: a\r\n    image: a\r\n  - name: b\n    image: b\n");
    let expected = pod(
        "  - name: a\r\n    image: a\r\n    securityContext:\r\n      allowPrivilegeEscalation: false\r\n      capabilities:\r\n        drop:\r\n        - ALL\r\n  - name: b\n    image: b\n    securityContext:\n      allowPrivilegeEscalation: false\n      capabilities:\n        drop:\n        - ALL\n",
    );
    assert_eq!(hardened(&text), expected);
}

/// A line break added after it would become part of the script.
#[test]
fn a_block_scalar_without_an_end_is_refused() {
    let text = pod("  - name: a\n    image: a\n    args:\n    - |\n      sleep 1");
    assert!(refused(&text)[0].starts_with("the text ends within a block scalar"));
    hardened(&format!("{text}\n"));
}

#[test]
fn blank_lines_that_are_part_of_a_scalar_stay_so() {
    for blank in ["\n", "\n\n", "      \n\n", "       \n"] {
        let text =
            pod(&format!("  - name: a\n    image: a\n    args:\n    - |+\n      sleep 1\n{blank}"));
        let result = hardened(&text);
        assert!(result.starts_with(&text), "{result}");
        assert!(result.ends_with("        - ALL\n"), "{result}");
    }
}

#[test]
fn what_is_no_text_is_refused() {
    for bytes in
        [&b"\xff\xfe\x00k"[..], b"kind: \xc3\x28\n", b"a: \x00\n", b"\x7fELF\x02\x01\x01\x00"]
    {
        assert_eq!(harden_bytes(bytes).unwrap_err().len(), 1, "{bytes:?}");
    }
}

#[test]
fn alias_bombs_end() {
    let mut text = pod("  - name: a\n");
    text.push_str("bomb:\n- &a0 [x, x, x, x, x, x, x, x, x]\n");
    for i in 1..12 {
        let items = vec![format!("*a{}", i - 1); 9].join(", ");
        text.push_str(&format!("- &a{i} [{items}]\n"));
    }
    assert_eq!(refused(&text).len(), 1);
}

#[test]
fn what_is_deeper_than_any_manifest_is_refused() {
    let deep = format!("{}x: {}{}\n", POD, "[".repeat(5_000), "]".repeat(5_000));
    assert_eq!(refused(&deep).len(), 1);
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(5_000), "]".repeat(5_000));
    assert_eq!(refused(&deep).len(), 1);
}

#[test]
fn one_broken_document_leaves_the_text_unchanged() {
    let text = format!("{}---\na: [\n---\n{}", pod("  - name: a\n"), pod("  - name: b\n"));
    assert_eq!(refused(&text).len(), 1);
}

#[test]
fn many_objects_take_no_longer_than_their_number() {
    let item = |i: usize| {
        format!(
            "- apiVersion: v1\n  kind: Pod\n  metadata: {{name: p{i}}}\n  spec:\n    containers:\n    - name: a\n      image: a\n"
        )
    };
    let items: String = (0..1_000).map(item).collect();
    let text = format!("apiVersion: v1\nkind: List\nitems:\n{items}");
    let result = hardened(&text);
    assert_eq!(result.matches("runAsNonRoot: true").count(), 1_000);
}

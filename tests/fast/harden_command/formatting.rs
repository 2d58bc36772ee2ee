//! Hardening keeps everything in a manifest, whatever its layout.

use proptest::prelude::*;

use crate::harden_command::{harden, hardened};

/// Key by key, with a marker where a comment or blank line may be.
const LINES: [&str; 24] = [
    "apiVersion: apps/v1",
    "kind: Deployment",
    "metadata:",
    "  name: web",
    "spec:",
    "  selector: {matchLabels: {app: web}}",
    "  template:",
    "    spec:",
    "      initContainers:",
    "      - name: setup",
    "        image: shop/setup:1",
    "        securityContext:",
    "          runAsUser: 1000",
    "      containers:",
    "      - image: shop/web:1.4",
    "        name: web",
    "        ports:",
    "        - containerPort: 8080",
    "      - securityContext:",
    "          capabilities:",
    "            add: [NET_BIND_SERVICE]",
    "        name: logs",
    "        image: shop/logs:1",
    "      restartPolicy: Always",
];

#[derive(Clone, Debug)]
enum Extra {
    Nothing,
    Blank,
    Comment(usize),
    BlankAndComment(usize),
}

fn extra() -> impl Strategy<Value = Extra> {
    prop_oneof![
        4 => Just(Extra::Nothing),
        1 => Just(Extra::Blank),
        2 => (0..16usize).prop_map(Extra::Comment),
        1 => (0..16usize).prop_map(Extra::BlankAndComment),
    ]
}

/// The same lines with another indentation.
fn indented(line: &str, unit: usize) -> String {
    let bare = line.trim_start();
    format!("{}{bare}", " ".repeat((line.len() - bare.len()) / 2 * unit))
}

fn laid_out(extras: &[(Extra, bool)], unit: usize, line_break: &str) -> String {
    let mut text = String::new();
    for (number, (line, (extra, has_remark))) in LINES.iter().zip(extras).enumerate() {
        // A dash takes two columns of its line, whatever the indentation.
        let line = if unit == 2 {
            (*line).to_owned()
        } else {
            indented(&line.replace("- ", &format!("-{}", " ".repeat(unit - 1))), unit)
        };
        text.push_str(&line);
        if *has_remark {
            text.push_str(&format!(" # remark {number}"));
        }
        text.push_str(line_break);
        let blank = matches!(extra, Extra::Blank | Extra::BlankAndComment(_));
        if blank {
            text.push_str(line_break);
        }
        if let Extra::Comment(column) | Extra::BlankAndComment(column) = extra {
            text.push_str(&format!("{:column$}# comment {number}{line_break}", ""));
        }
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_line_of_it_is_there_afterwards_in_order(
        extras in prop::collection::vec((extra(), any::<bool>()), LINES.len()),
        unit in prop_oneof![Just(2usize), Just(4), Just(3)],
        line_break in prop_oneof![Just("\n"), Just("\r\n")],
    ) {
        let before = laid_out(&extras, unit, line_break);
        let after = hardened(&before);
        let mut lines = after.lines();
        for line in before.lines() {
            prop_assert!(lines.any(|after| after == line), "{line:?} of\n{before}=>\n{after}");
        }
        prop_assert_eq!(after.matches("- ALL").count() + after.matches("[ALL]").count(), 3);
        prop_assert_eq!(after.matches(line_break).count(), after.matches('\n').count());
        prop_assert_eq!(hardened(&after), after);
    }

    /// The result is an error, or a text with all of the content.
    #[test]
    fn what_is_cut_or_mixed_up_loses_nothing(
        from in 0..LINES.len(),
        cut in 0..400usize,
        with in "[-#:{}\\[\\]|>&*!'\" \n\t,a?]{0,6}",
    ) {
        let mut text = laid_out(&vec![(Extra::Nothing, false); LINES.len()], 2, "\n");
        let at = (from * 17 + cut) % text.len();
        text.insert_str(at, &with);
        if let Ok(hardened) = harden(&text) {
            let mut rest = hardened.text.chars();
            for c in text.chars() {
                prop_assert!(rest.any(|other| other == c), "{text}=>\n{}", hardened.text);
            }
        }
    }
}

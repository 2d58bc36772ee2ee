//! The order of fields, blanks and escapes does not matter.

use serde_json::Value;

use crate::{
    bad_input::{
        Random,
        seeds::{HOOKS, seeds, server},
    },
    generator::text::odd,
};

#[test]
fn fields_are_read_in_any_order() {
    let server = server();
    for (name, text) in seeds() {
        let review: Value = serde_json::from_str(&text).unwrap();
        let straight = HOOKS.map(|hook| server.ask(hook, text.clone()).response());
        for seed in 0..5 {
            let shuffled = odd(&review, &mut Random::new(seed));
            let answers = HOOKS.map(|hook| server.ask(hook, shuffled.clone()).response());
            assert_eq!(answers, straight, "{name}: {shuffled}");
        }
    }
}

/// The object is then read again, once its type is known.
#[test]
fn an_unreadable_object_may_precede_the_fields_that_identify_it() {
    let server = server();
    let text = r#"{"request":{"object":{"spec":{"containers":"web"}},"uid":"x","operation":"CREATE",
        "resource":{"group":"","resource":"pods"}},"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"}"#;
    let [validated, mutated] = HOOKS.map(|hook| server.ask(hook, text).response());
    assert_eq!(validated["status"]["code"], 400, "{validated:#}");
    assert_eq!(mutated["allowed"], true);
    let late = text.replace("web", "web\",,\"");
    assert_eq!(server.ask(HOOKS[0], late).status, 400, "it breaks off before its uid");
}

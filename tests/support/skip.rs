//! What a test needs and a machine may lack. The test says in one line what it needs, and passes.

use std::env;
use std::io::{Write, stderr};
use std::thread;

/// A test was left out, and has said why.
#[derive(Debug)]
pub(crate) struct Skip;

impl Skip {
    /// For what CI always has, as Go: with `PORTCULLIS_REQUIRE_E2E=1` the test fails instead.
    pub(crate) fn needs(what: &str) -> Self {
        let required = is_set("PORTCULLIS_REQUIRE_E2E");
        assert!(!required, "needs {what}, and PORTCULLIS_REQUIRE_E2E=1 forbids to skip");
        Self::needs_if_present(what)
    }

    /// For what CI may lack, too, as control groups: the test never fails for want of it.
    pub(crate) fn needs_if_present(what: &str) -> Self {
        // With one thread, tests run on the main one, and their names are printed before they run.
        let thread = thread::current();
        let test = thread.name().filter(|name| *name != "main").unwrap_or("this test");
        say(&format!("{test}: skipped: needs {what}"));
        Self
    }
}

/// Whether this environment variable is 1.
pub(crate) fn is_set(variable: &str) -> bool {
    env::var(variable).is_ok_and(|value| value == "1")
}

/// Writes past the test harness, which keeps the output of tests that pass to itself.
pub(crate) fn say(line: &str) {
    let _ = writeln!(stderr(), "{line}");
}

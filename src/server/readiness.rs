//! The readiness of this replica: a list of named conditions, all of which must hold.
//!
//! Stateless: each probe evaluates every condition, so the result is never outdated.

use std::fmt::{self, Write as _};

type Check = Box<dyn Fn() -> Result<(), String> + Send + Sync>;

/// Named conditions, in the order of the report.
#[derive(Default)]
pub struct Readiness {
    conditions: Vec<(&'static str, Check)>,
}

impl Readiness {
    /// Adds a condition. `check` runs at each probe: it must not block, and returns a line that says why the condition
    /// does not hold.
    #[must_use]
    pub fn and<F>(mut self, name: &'static str, check: F) -> Self
    where
        F: Fn() -> Result<(), String> + Send + Sync + 'static,
    {
        self.conditions.push((name, Box::new(check)));
        self
    }

    /// Evaluates every condition.
    #[must_use]
    pub fn report(&self) -> Report {
        let ask = |(name, check): &(&'static str, Check)| (*name, check());
        Report(self.conditions.iter().map(ask).collect())
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.conditions.iter().map(|(name, _)| name);
        f.debug_list().entries(names).finish()
    }
}

/// The results of the conditions.
#[derive(Debug)]
pub struct Report(Vec<(&'static str, Result<(), String>)>);

impl Report {
    /// Whether all conditions hold.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.iter().all(|(_, result)| result.is_ok())
    }
}

/// One line per condition, and one for all, in the format of kube-apiserver.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, result) in &self.0 {
            match result {
                Ok(()) => writeln!(f, "[+]{name} ok")?,
                Err(why) => {
                    write!(f, "[-]{name} failed: ")?;
                    for c in why.chars() {
                        f.write_char(if c.is_control() { ' ' } else { c })?;
                    }
                    f.write_char('\n')?;
                }
            }
        }
        let all = if self.is_ready() { "passed" } else { "failed" };
        writeln!(f, "readyz check {all}")
    }
}

//! A line on the terminal with the progress of an audit, removed at its end.

use std::{
    io::{self, IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

use super::AuditProgress;

const EVERY: Duration = Duration::from_millis(100);

/// The line on standard error; nothing if that is not a terminal.
pub struct ProgressLine {
    last: Option<Instant>,
    state: State,
}

enum State {
    /// Standard error is not a terminal.
    Never,
    Hidden,
    Shown,
}

impl ProgressLine {
    /// Creates the line without showing it.
    #[allow(clippy::new_without_default, reason = "it looks at the process's standard error")]
    pub fn new() -> Self {
        let state = if io::stderr().is_terminal() { State::Hidden } else { State::Never };
        Self { last: None, state }
    }

    /// Updates the line, at a limited rate.
    pub fn show(&mut self, progress: AuditProgress) {
        let is_soon = self.last.is_some_and(|last| last.elapsed() < EVERY);
        if is_soon || matches!(self.state, State::Never) {
            return;
        }
        self.last = Some(Instant::now());
        self.state = State::Shown;
        // An audit continues even if its progress cannot be shown.
        let _ = write!(io::stderr(), "\r\x1b[K{}", text(progress));
        let _ = io::stderr().flush();
    }

    /// Removes the line, so that other output can be written.
    pub fn clear(&mut self) {
        if matches!(self.state, State::Shown) {
            self.state = State::Hidden;
            let _ = write!(io::stderr(), "\r\x1b[K");
            let _ = io::stderr().flush();
        }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.clear();
    }
}

fn text(progress: AuditProgress) -> String {
    let AuditProgress { pods, all_pods, namespaces, all_namespaces } = progress;
    let pods = match all_pods {
        Some(all) => format!("{} of {} pods", grouped(pods), grouped(all)),
        None => format!("{} pods", grouped(pods)),
    };
    format!("{pods}, {} of {} namespaces", grouped(namespaces), grouped(all_namespaces))
}

/// Separates thousands with commas.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_shown_if_it_is_known() {
        let progress = AuditProgress {
            pods: 12_400,
            all_pods: Some(100_000),
            namespaces: 230,
            all_namespaces: 2000,
        };
        assert_eq!(text(progress), "12,400 of 100,000 pods, 230 of 2,000 namespaces");
        assert_eq!(
            text(AuditProgress { all_pods: None, pods: 7, ..progress }),
            "7 pods, 230 of 2,000 namespaces"
        );
    }
}

//! What each control and each rule forbids, why, and how to comply, and what lints report: the texts of `explain`, of
//! docs/controls.md, docs/lints.md and of the help in SARIF.
//!
//! One Markdown file per control or rule, all with the same headings. Pure: no judging, no I/O.

mod find;
mod lint;
mod page;
mod style;
mod text;
mod topic;

pub use find::{Unknown, find};
pub use lint::{LintText, lints, lints_page};
pub use page::{controls_page, help_markdown, list, page};
pub use style::styled;
pub use text::{Text, all, of};
pub use topic::answer;

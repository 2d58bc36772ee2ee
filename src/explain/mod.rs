//! What each control and each rule forbids, why, and how to comply: the texts of `explain`, of docs/controls.md and of
//! the help in SARIF.
//!
//! One Markdown file per control or rule, all with the same headings. Pure: no judging, no I/O.

mod find;
mod page;
mod style;
mod text;

pub use find::{Unknown, find};
pub use page::{controls_page, help_markdown, list, page};
pub use style::styled;
pub use text::{Text, all, of};

//! What each control forbids, why, and how to live with it, and the same of each rule beside the Standard: the texts
//! of `explain`, of docs/controls.md and of the help that both have in SARIF.
//!
//! One Markdown file a control or rule, all with the same headings. Pure: it judges nothing, reads nothing and prints
//! nothing.

mod find;
mod page;
mod style;
mod text;

pub use find::{Unknown, find};
pub use page::{controls_page, help_markdown, list, page};
pub use style::styled;
pub use text::{Text, all, of};

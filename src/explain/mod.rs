//! What each control forbids, why, and how to live with it: the texts of `explain`, of docs/controls.md and of the
//! help that rules have in SARIF.
//!
//! One Markdown file a control, all with the same headings, and one for each default that hardening adds though no
//! control demands it. Pure: it judges nothing, reads nothing and prints nothing.

mod find;
mod page;
mod style;
mod text;

pub use find::{Unknown, find};
pub use page::{controls_page, help_markdown, list, page};
pub use style::styled;
pub use text::{Text, all, of};

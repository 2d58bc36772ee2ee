//! The texts of the controls hold what they say, and `portcullis explain`, its man pages, its completions and its
//! life as a plugin of kubectl are as people use them.

mod actions;
mod command_line;
mod krew;
mod kubectl;
mod manual;
mod pages;
mod policies;
mod program;
mod rules;
mod texts;

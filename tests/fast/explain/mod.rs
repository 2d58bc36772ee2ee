//! The texts of the controls are correct, and `portcullis explain`, its manual pages, completions and kubectl plugin
//! work.

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

//! `portcullis test` as people and scripts use it: the example's own tests, what is told of those that fail, and how
//! the program ends.

mod example;
mod exceptions;
mod files;
mod forms;
mod program;
mod verdicts;
mod webhook;

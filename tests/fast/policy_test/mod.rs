//! `portcullis test`: the example's tests, reports of failures, and the exit status.

mod example;
mod exceptions;
mod files;
mod forms;
mod program;
mod verdicts;
mod webhook;

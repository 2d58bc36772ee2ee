//! A manual page of a command: roff, read off clap's own description. clap_mangen makes the same of it, in ten times
//! the code: the program is to stay small.

use std::fmt::Write as _;

use clap::{Arg, Command};

/// The page. The command must have been built.
pub(super) fn page(command: &Command) -> String {
    let name = name(command);
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let usage = command.clone().render_usage().to_string();
    let mut page = format!(
        ".TH {name} 1 \"\" \"Portcullis {version}\"\n.SH NAME\n{name} \\- {about}\n\
         .SH SYNOPSIS\n{usage}\n.SH DESCRIPTION\n{about}\n",
        name = text(name),
        version = env!("CARGO_PKG_VERSION"),
        about = text(&about),
        usage = text(usage.trim_start_matches("Usage: ")),
    );
    if let Some(more) = command.get_after_long_help() {
        let _ = write!(page, ".PP\n{}\n", text(&more.to_string()));
    }
    page.push_str(".SH OPTIONS\n");
    for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
        let _ = write!(page, ".TP\n{}\n{}\n", names(arg), text(&help(arg)));
    }
    let mut commands =
        command.get_subcommands().filter(|command| !command.is_hide_set()).peekable();
    if commands.peek().is_some() {
        page.push_str(".SH COMMANDS\n");
    }
    for command in commands {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        let _ = write!(page, ".TP\n{}(1)\n{}\n", text(self::name(command)), text(&about));
    }
    page
}

/// What the page is called.
pub(super) fn name(command: &Command) -> &str {
    command.get_display_name().unwrap_or(command.get_name())
}

/// `-o, --output FORMAT`.
fn names(arg: &Arg) -> String {
    let short = arg.get_short().map(|short| format!("-{short}"));
    let long = arg.get_long().map(|long| format!("--{long}"));
    let flags = [short, long].into_iter().flatten().map(|flag| format!("\\fB{}\\fR", text(&flag)));
    let flags = flags.collect::<Vec<_>>().join(", ");
    if !arg.get_action().takes_values() {
        return flags;
    }
    let values = arg.get_value_names().unwrap_or_default();
    let values = values.iter().map(|value| format!("\\fI{}\\fR", text(value)));
    let between = if flags.is_empty() { "" } else { " " };
    format!("{flags}{between}{}", values.collect::<Vec<_>>().join(" "))
}

/// What it is for, what it may be, what it is otherwise, and which variable sets it.
fn help(arg: &Arg) -> String {
    let long = arg.get_long_help().or(arg.get_help());
    let mut parts: Vec<_> = long.map(ToString::to_string).into_iter().collect();
    let shown = arg.get_possible_values();
    let shown: Vec<_> = shown.iter().filter(|value| !value.is_hide_set()).collect();
    if arg.get_action().takes_values() && !shown.is_empty() && !arg.is_hide_possible_values_set() {
        let names: Vec<_> = shown.iter().map(|value| value.get_name()).collect();
        parts.push(format!("[possible values: {}]", names.join(", ")));
    }
    if arg.get_action().takes_values() && !arg.get_default_values().is_empty() {
        let defaults = arg.get_default_values().iter().map(|value| value.to_string_lossy());
        parts.push(format!("[default: {}]", defaults.collect::<Vec<_>>().join(", ")));
    }
    if let Some(variable) = arg.get_env() {
        parts.push(format!("[env: {}]", variable.to_string_lossy()));
    }
    parts.join(" ")
}

/// As roff prints it: nothing in it is a command or an escape.
fn text(text: &str) -> String {
    let escaped = text.trim().replace('\\', "\\e").replace('-', "\\-");
    let lines = escaped.lines().map(|line| match line.trim() {
        "" => ".sp".to_owned(),
        line if line.starts_with(['.', '\'']) => format!("\\&{line}"),
        line => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_is_a_command() {
        assert_eq!(text(".so x\n\n'a \\n -b"), "\\&.so x\n.sp\n\\&'a \\en \\-b");
    }

    #[test]
    fn a_page_has_all_that_the_help_has() {
        let mut command = Command::new("tool").about("Does it").arg(
            Arg::new("form")
                .short('o')
                .long("form")
                .value_name("FORM")
                .help("How")
                .value_parser(["a", "b"])
                .default_value("a"),
        );
        command.build();
        let expected = format!(
            ".TH tool 1 \"\" \"Portcullis {}\"\n.SH NAME\ntool \\- Does it\n.SH SYNOPSIS\n\
             tool [OPTIONS]\n.SH DESCRIPTION\nDoes it\n.SH OPTIONS\n\
             .TP\n\\fB\\-o\\fR, \\fB\\-\\-form\\fR \\fIFORM\\fR\n\
             How [possible values: a, b] [default: a]\n\
             .TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nPrint help\n",
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(page(&command), expected);
    }
}

//! Errors in arguments, in one line like all other startup errors.

use crate::sanitize;

use clap::error::{ContextKind, ErrorKind};

/// Prints the error or the requested help, and ends the process.
pub(super) fn end<T>(error: clap::Error, name: &str) -> T {
    match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => error.exit(),
        _ => {
            let code = error.exit_code();
            anstream::eprintln!("{name}: {}", one_line(error));
            std::process::exit(code)
        }
    }
}

/// clap's message without the usage, which is long and does not explain the error.
fn one_line(mut error: clap::Error) -> String {
    error.remove(ContextKind::Usage);
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let paragraphs = text.split("\n\n").map(|paragraph| {
        let lines: Vec<_> = paragraph.lines().map(str::trim).collect();
        lines.join(" ").replace("For more", "for more")
    });
    let line = paragraphs.collect::<Vec<_>>().join("; ");
    sanitize::one_line(&line).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Cli;

    fn line(args: &[&str]) -> String {
        one_line(Cli::try_parse_from([&["portcullis"], args].concat()).unwrap_err())
    }

    #[test]
    fn an_invalid_value_is_reported_in_one_line_with_the_allowed_values() {
        for (flag, value, expected) in [
            ("--log-format", "xml", "for '--log-format <FORMAT>' [possible values: json, text]"),
            ("--harden", "hard", "must be one of auto, apply, report, off"),
            ("--secure-port", "65536", "must be a number from 0 to 65535"),
            ("--drain-grace", "2m", "for '--drain-grace <SECONDS>': must be a whole number"),
            ("--bind-address", "here", "for '--bind-address <IP>': invalid IP address syntax"),
            ("--log-level", "inof", "must be off, error, warn, info, debug, trace"),
        ] {
            let line = line(&["serve", flag, value]);
            let start = format!("invalid value '{value}' for '{flag} ");
            assert!(line.starts_with(&start) && line.contains(expected), "{line}");
            assert!(!line.contains('\n'), "{line}");
        }
    }

    #[test]
    fn conflicting_and_unknown_arguments_are_reported_in_one_line() {
        for (args, expected) in [
            (&["serve", "--ports"][..], "unexpected argument '--ports' found; "),
            (
                &["srve"],
                "unrecognized subcommand 'srve'; tip: a similar subcommand exists: 'serve'",
            ),
            (&["serve", "--harden"], "a value is required for '--harden <auto|apply|report|off>'"),
            (
                &["serve", "--tls-cert-file", "tls.crt"],
                "the following required arguments were not provided: --tls-private-key-file <FILE>;",
            ),
            (
                &["serve", "--standalone", "--kubeconfig", "a\nb"],
                "the argument '--standalone' cannot be used with '--kubeconfig <FILE>';",
            ),
            (&["serve", "--harden", "a\n\nb"], "invalid value 'a; b' for '--harden"),
        ] {
            let line = line(args);
            assert!(line.starts_with(expected), "{line}");
            assert!(line.ends_with("; for more information, try '--help'."), "{line}");
            assert!(!line.contains('\n'), "{line}");
        }
    }
}

//! Validates documents against JSON Schemas with a Go program. Without Go, it says that it is skipped.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::support::go::{Program, build};

#[derive(Clone, Copy)]
pub(crate) enum Schema {
    /// `docs/schema/report-v1.json`.
    Report,
    /// `docs/schema/test-v1.json`.
    Test,
    /// A schema of files that users write, such as `docs/schema/configuration.json`.
    Written(&'static str),
    /// SARIF 2.1.0 by OASIS.
    Sarif,
}

/// Panics if the document is invalid.
pub(crate) fn hold(document: &str, schema: Schema) {
    if let Some(Err(wrong)) = validate(document, schema) {
        panic!("{wrong}\n{document}");
    }
}

/// The validation errors. None without Go.
pub(crate) fn validate(document: &str, schema: Schema) -> Option<Result<(), String>> {
    let program = build(Program::Schema).ok()?;
    let directory = tempfile::tempdir().unwrap();
    let file = match schema {
        Schema::Report => project().join("docs/schema/report-v1.json"),
        Schema::Test => project().join("docs/schema/test-v1.json"),
        Schema::Written(kind) => project().join(format!("docs/schema/{kind}.json")),
        Schema::Sarif => sarif(directory.path()),
    };
    let mut child = Command::new(program)
        .arg(file)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(document.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let wrong = String::from_utf8_lossy(&output.stderr).into_owned();
    Some(if output.status.success() { Ok(()) } else { Err(wrong) })
}

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// OASIS' schema is in the source of a Go module, as the only text in backticks of a file.
fn sarif(directory: &Path) -> PathBuf {
    let output = Command::new("go")
        .args(["list", "-m", "-f", "{{.Dir}}", "github.com/owenrumney/go-sarif/v3"])
        .current_dir(project().join("tests/go/schema"))
        .output()
        .unwrap();
    let module = String::from_utf8(output.stdout).unwrap();
    let source = Path::new(module.trim()).join("pkg/report/v210/sarif/schema.go");
    let source = fs::read_to_string(source).unwrap();
    let schema = source.split('`').nth(1).unwrap();
    assert!(schema.contains("docs.oasis-open.org/sarif/sarif/v2.1.0"), "{schema}");
    let file = directory.join("sarif.json");
    fs::write(&file, schema).unwrap();
    file
}

//! Lints in every format of `check`.

use crate::check::program::check_with;

const TEXT: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec:
  securityContext:
    readOnlyRootFilesystem: true
  containers:
  - {name: web, image: web}
";

#[test]
fn every_format_says_what_has_no_effect_and_where() {
    for (format, parts) in [
        (
            "concise",
            &[
                "-:6:5: Pod shop/web: lint/misplaced-field: spec.securityContext.readOnlyRootFilesystem: ",
            ][..],
        ),
        ("human", &["-:6:5: Pod shop/web: lint/misplaced-field: ", "; 1 lint"]),
        (
            "github",
            &[
                "::notice file=-,line=6,endLine=6,col=5,endColumn=27,title=lint/misplaced-field::Pod shop/web: ",
            ],
        ),
        (
            "json",
            &[
                "\"lints\":[\n{\"source\":\"-\",\"line\":6,\"column\":5,\"endLine\":6,\"endColumn\":27,\"rule\":\"misplaced-field\",\"severity\":\"note\"",
            ],
        ),
        ("jsonl", &["\n{\"source\":\"-\",\"line\":6,"]),
        ("yaml", &["rule: misplaced-field"]),
        ("sarif", &["\"ruleId\":\"lint/misplaced-field\"", "\"startColumn\":5,\"startLine\":6"]),
        ("junit", &["classname=\"lint\"", "<system-out>-:6:5: lint/misplaced-field: "]),
        ("html", &["<h2>Lints</h2>", "<code>-:6:5</code> Pod shop/web: "]),
    ] {
        let outcome = check_with(&["-o", format], TEXT.as_bytes());
        assert_eq!(outcome.status, Some(0), "{format}");
        for part in parts {
            assert!(outcome.out.contains(part), "{format}: {part} is not in {}", outcome.out);
        }
        let fix = "a field of a container";
        assert!(outcome.out.contains(fix), "{format}: {}", outcome.out);
    }
}

#[test]
fn lints_fail_only_on_request() {
    for (flags, status) in [(&[][..], 0), (&["--fail-on-lints"], 1)] {
        let outcome = check_with(flags, TEXT.as_bytes());
        assert_eq!(outcome.status, Some(status), "{flags:?}");
    }
    for (format, part) in [
        ("json", "\"severity\":\"error\""),
        ("github", "::error file=-"),
        ("sarif", "\"level\":\"error\",\"locations\""),
        ("junit", "failures=\"1\""),
    ] {
        let outcome = check_with(&["--fail-on-lints", "-o", format], TEXT.as_bytes());
        assert!(outcome.out.contains(part), "{format}: {}", outcome.out);
    }
}

//! Bodies with one error each. The pod in them passes restricted, so nothing else is denied.

use admission::Hook;
use serde_json::json;

use crate::{
    bad_input::seeds::{HOOKS, Verdict, server, verdict},
    reviews::objects::{Ask, UID, object},
};

fn good() -> String {
    Ask::pod(object("good")).text()
}

fn good_with(from: &str, to: &str) -> String {
    let text = good();
    assert_eq!(text.matches(from).count(), 1, "{from} in {text}");
    text.replace(from, to)
}

fn verdicts(body: impl Into<Vec<u8>>) -> [Verdict; 2] {
    let (body, server) = (body.into(), server());
    HOOKS.map(|hook| verdict(&server.ask(hook, body.clone()), None))
}

#[test]
fn compliant_pods_are_allowed() {
    assert_eq!(verdicts(good()), [Verdict::Allowed, Verdict::Allowed]);
    assert_eq!(verdicts(format!(" \n\t{}\r\n ", good())), [Verdict::Allowed, Verdict::Allowed]);
}

#[test]
fn what_is_no_review_is_a_bad_request() {
    let wrapped = |request: &str| {
        format!(
            r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{request}}}"#
        )
    };
    let utf16: Vec<_> = good().encode_utf16().flat_map(u16::to_le_bytes).collect();
    let uid = format!("{:?}", UID);
    let bodies: Vec<(&str, Vec<u8>)> = vec![
        ("empty", "".into()),
        ("blank", " \n".into()),
        ("a zero byte", "\0".into()),
        ("not JSON", "kind: AdmissionReview".into()),
        ("null", "null".into()),
        ("a list", format!("[{}]", good()).into()),
        ("a text", format!("{:?}", good()).into()),
        ("a number", "1".into()),
        ("an empty object", "{}".into()),
        ("no request", r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}"#.into()),
        ("a null request", wrapped("null").into()),
        ("a request that is a list", wrapped("[]").into()),
        ("a request that is a text", wrapped("\"x\"").into()),
        ("an empty request", wrapped("{}").into()),
        ("no uid", good_with(&format!("\"uid\":{uid},"), "").into()),
        ("a null uid", good_with(&uid, "null").into()),
        ("an empty uid", good_with(&uid, "\"\"").into()),
        ("a uid that is a number", good_with(&uid, "7").into()),
        ("a uid that is a list", good_with(&uid, &format!("[{uid}]")).into()),
        ("a uid with half a character", good_with(&uid, r#""\ud800""#).into()),
        ("another version", good_with("admission.k8s.io/v1", "admission.k8s.io/v1beta1").into()),
        ("another kind", good_with("AdmissionReview", "AdmissionReviews").into()),
        ("no kind", good_with(r#""kind":"AdmissionReview","#, "").into()),
        ("a byte order mark", format!("\u{feff}{}", good()).into()),
        ("UTF-16", utf16),
        ("single quotes", good().replace('"', "'").into()),
        ("another case", good_with("\"request\"", "\"Request\"").into()),
        ("the uid in another case", good_with("\"uid\"", "\"UID\"").into()),
        ("nothing but nesting", "[".repeat(100_000).into()),
        ("nesting before the uid", format!("{{\"a\":{}", "{\"a\":".repeat(100_000)).into()),
        ("not UTF-8", [good().as_bytes(), b"\xff"].concat()),
        (
            "not UTF-8 where nobody looks",
            good()
                .replace("web:1", "web\u{1}")
                .bytes()
                .map(|b| if b == 1 { 0xc0 } else { b })
                .collect(),
        ),
        (
            "two requests",
            good_with("\"request\":", &format!("\"request\":{{\"uid\":{uid}}},\"request\":"))
                .into(),
        ),
        ("two uids", good_with(&uid, &format!("{uid},\"uid\":\"other\"")).into()),
        (
            "two operations",
            good_with(
                "\"operation\":\"CREATE\"",
                "\"operation\":\"DELETE\",\"operation\":\"CREATE\"",
            )
            .into(),
        ),
        (
            "two objects",
            good_with("\"oldObject\":null", "\"oldObject\":null,\"object\":null").into(),
        ),
        (
            "two namespaces",
            good_with("\"operation\"", "\"namespace\":\"kube-system\",\"operation\"").into(),
        ),
        (
            "two resources",
            good_with("\"operation\"", r#""resource":{"resource":"configmaps"},"operation""#)
                .into(),
        ),
        (
            "two users",
            good_with("\"userInfo\"", r#""userInfo":{"username":"admin"},"userInfo""#).into(),
        ),
    ];
    for (name, body) in bodies {
        assert_eq!(verdicts(body), [Verdict::Bad, Verdict::Bad], "{name}");
    }
}

#[test]
fn a_review_that_breaks_off_or_says_too_little_is_denied_by_its_uid() {
    let bodies = [
        ("something behind it", format!("{}x", good())),
        ("another behind it", format!("{0}{0}", good())),
        ("a comma too many", good_with("\"dryRun\":false", "\"dryRun\":false,,")),
        ("a comment", good_with("\"dryRun\"", "/* */ \"dryRun\"")),
        ("a brace too many", format!("{}}}", good().trim())),
        ("a bare line break in a text", good_with("web:1", "web\n")),
        ("not a number", good_with("\"dryRun\":false", "\"dryRun\":NaN")),
        ("no operation", good_with("\"operation\":\"CREATE\",", "")),
        ("a null operation", good_with("\"CREATE\"", "null")),
        ("an unknown operation", good_with("\"CREATE\"", "\"PATCH\"")),
        ("an operation in another case", good_with("\"CREATE\"", "\"create\"")),
        ("an operation that is a list", good_with("\"CREATE\"", "[\"CREATE\"]")),
        ("no resource", good_with("\"resource\":{", "\"Resource\":{")),
        ("a resource without a name", good_with("\"resource\":\"pods\"", "\"resource\":\"\"")),
        (
            "a resource that is a text",
            good_with(
                r#""resource":{"group":"","resource":"pods","version":"v1"}"#,
                r#""resource":"pods""#,
            ),
        ),
        (
            "two groups",
            good_with(r#""resource":{"group":"","#, r#""resource":{"group":"","group":"apps","#),
        ),
        (
            "a subresource that is a number",
            good_with("\"operation\"", "\"subResource\":7,\"operation\""),
        ),
        ("a user that is a text", good_with("\"userInfo\":{", "\"userInfo\":\"alice\",\"x\":{")),
        ("groups that are a text", good_with(r#"["system:authenticated"]"#, "\"system:nodes\"")),
        ("a dry run that is a text", good_with("\"dryRun\":false", "\"dryRun\":\"false\"")),
    ];
    for (name, body) in bodies {
        assert_eq!(verdicts(body), [Verdict::Denied(400), Verdict::Denied(400)], "{name}");
    }
}

/// It is refused whether the error comes before or after the uid.
#[test]
fn a_bare_control_character_in_a_text_is_refused() {
    for text in ["web\n", "web\0", "web\u{1b}"] {
        let [validated, mutated] = verdicts(good_with("web:1", text));
        assert!(validated != Verdict::Allowed && mutated != Verdict::Allowed, "{text:?}");
    }
}

/// `/mutate` does not change what it cannot read, because `/validate` is called after it.
#[test]
fn a_pod_that_cannot_be_read_is_denied() {
    let spec = "\"spec\":{";
    let context = r#""securityContext":{"allowPrivilegeEscalation":false"#;
    let deep = format!("\"drop\":{}\"ALL\"{}", "[".repeat(1000), "]".repeat(1000));
    let sources: Vec<_> = (0..17).map(|index| format!("\"s{index}\":{{}}")).collect();
    let bodies = [
        ("null", good_with_object("null")),
        ("a list", good_with_object("[]")),
        ("a text", good_with_object("\"pod\"")),
        ("a number", good_with_object("7")),
        ("a boolean", good_with_object("true")),
        ("not there", good_with("\"object\":", "\"Object\":")),
        ("a spec that is a list", good_with_object(r#"{"spec":[]}"#)),
        ("containers that are an object", good_with_object(r#"{"spec":{"containers":{}}}"#)),
        ("a container that is a text", good_with_object(r#"{"spec":{"containers":["web"]}}"#)),
        (
            "a boolean that is a text",
            good_with(context, r#""securityContext":{"privileged":"true""#),
        ),
        ("a boolean that is a number", good_with(context, r#""securityContext":{"privileged":1"#)),
        (
            "a whole number that is none",
            good_with(context, r#""securityContext":{"runAsUser":0.5"#),
        ),
        (
            "a number beyond 64 bits",
            good_with(context, r#""securityContext":{"runAsUser":9223372036854775808"#),
        ),
        ("a number beyond all", good_with(context, r#""securityContext":{"runAsUser":1e999"#)),
        (
            "a number of a million digits",
            good_with(
                context,
                &format!(r#""securityContext":{{"runAsUser":{}"#, "1".repeat(1_000_000)),
            ),
        ),
        (
            "a port beyond 32 bits",
            good_with_object(r#"{"spec":{"containers":[{"ports":[{"hostPort":4294967376}]}]}}"#),
        ),
        ("a capability that is a number", good_with("[\"ALL\"]", "[7]")),
        ("capabilities that are a text", good_with("[\"ALL\"]", "\"ALL\"")),
        ("half a character", good_with("\"ALL\"", r#""ALL\ud800""#)),
        ("nested deeply", good_with(r#""drop":["ALL"]"#, &deep)),
        (
            "privileged twice",
            good_with(context, r#""securityContext":{"privileged":true,"privileged":false"#),
        ),
        ("two specs", good_with(spec, "\"spec\":{\"hostNetwork\":true},\"spec\":{")),
        ("two lists of containers", good_with(spec, "\"spec\":{\"containers\":[],")),
        (
            "a volume source twice",
            good_with(spec, r#""spec":{"volumes":[{"hostPath":{},"hostPath":null}],"#),
        ),
        (
            "a volume of many sources",
            good_with(spec, &format!(r#""spec":{{"volumes":[{{{}}}],"#, sources.join(","))),
        ),
        (
            "annotations that are a list",
            good_with("\"metadata\":{", "\"metadata\":{\"annotations\":[],"),
        ),
        ("another kind", good_with("\"kind\":\"Pod\"", "\"kind\":\"Binding\"")),
        (
            "a kind of another group",
            good_with(r#""kind":{"group":"""#, r#""kind":{"group":"apps""#),
        ),
    ];
    for (name, body) in bodies {
        let [validated, mutated] = verdicts(body);
        assert_eq!(validated, Verdict::Denied(400), "{name}");
        assert_eq!(mutated, Verdict::Allowed, "{name}");
    }
}

fn good_with_object(with: &str) -> String {
    let mut text = Ask::pod(json!("OBJECT")).text();
    text = text.replace("\"OBJECT\"", with);
    text
}

/// Like the API server: field names are exact, and misspelt fields do not exist.
#[test]
fn fields_in_another_case_are_no_fields() {
    let context = r#""securityContext":{"allowPrivilegeEscalation":false"#;
    let spec = "\"spec\":{";
    for extra in
        ["\"hostnetwork\":true,", "\"HostPID\":true,", "\"HOSTIPC\":true,", "\"Containers\":[7],"]
    {
        let [validated, _] = verdicts(good_with(spec, &format!("{spec}{extra}")));
        assert_eq!(validated, Verdict::Allowed, "{extra}");
    }
    let shouted = context.replace("allowPrivilegeEscalation", "AllowPrivilegeEscalation");
    assert_eq!(verdicts(good_with(context, &shouted))[0], Verdict::Denied(403));
    assert_eq!(verdicts(good_with(spec, "\"Spec\":{"))[0], verdicts(good_with_object("{}"))[0]);
}

#[test]
fn what_is_not_read_may_be_anything_that_json_allows() {
    let spec = "\"spec\":{";
    for extra in [
        "1e999999".to_owned(),
        "-0.0e-0".to_owned(),
        "9".repeat(100_000),
        format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)),
        r#"{"a":1,"a":2}"#.to_owned(),
        r#""\ud800\u0000\/""#.to_owned(),
        r#"{"":{"\u0061":null}}"#.to_owned(),
    ] {
        let body = good_with(spec, &format!("{spec}\"quantum\":{extra},"));
        assert_eq!(verdicts(body)[0], Verdict::Allowed, "{extra:.40}");
    }
}

#[test]
fn a_deletion_has_no_object() {
    for resource in ["pods", "namespaces", "apps/deployments", "example.com/robots"] {
        for operation in ["DELETE", "CONNECT"] {
            let ask = Ask {
                resource: resource.to_owned(),
                operation: operation.to_owned(),
                ..Ask::default()
            };
            assert_eq!(verdicts(ask.text()), [Verdict::Allowed, Verdict::Allowed], "{resource}");
        }
    }
}

#[test]
fn a_field_is_known_however_it_is_escaped() {
    let body = good_with("\"spec\":{", "\"\\u0073pec\":{\"host\\u0050ID\":true,");
    assert_eq!(verdicts(body)[0], Verdict::Denied(403));
}

#[test]
fn a_body_too_large_is_denied_by_its_uid() {
    use policy::config::Config;
    use portcullis::server::BodyLimits;
    let limits = BodyLimits { largest: 8192, ..BodyLimits::default() };
    let server = crate::reviews::ask::Server::with_limits(Config::standalone(), limits);
    let body = good_with("\"spec\":{", &format!("\"spec\":{{\"x\":\"{}\",", "<".repeat(10_000)));
    for hook in [Hook::Validate, Hook::Mutate] {
        let reply = server.ask(hook, body.clone());
        assert_eq!(verdict(&reply, Some(UID)), Verdict::Denied(413));
    }
    let reply = server.ask(Hook::Validate, "x".repeat(10_000));
    assert_eq!(verdict(&reply, None), Verdict::Bad);
}

//! What responses say about exceptions that have expired, or will soon.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use policy::{
    config::Config,
    exceptions::{Allowed, Exception, Exceptions, Match, Relaxation},
    pss::NEWEST,
    verdict::{Context, ExceptionSummary, ExceptionsAt},
};

use crate::{Hook, Outcome, Request, Review};

/// An expired exception for the whole namespace `shop`.
fn expired(name: &str, allow: Allowed<'_>) -> Exception {
    let mut relaxation = Relaxation::default();
    relaxation.add(allow).unwrap();
    let mut matches = Match::default();
    matches.namespaces.add("shop").unwrap();
    Exception {
        name: format!("x/{name}"),
        matches,
        allow: relaxation,
        reason: "why".to_owned(),
        owner: "who".to_owned(),
        expires: Some(SystemTime::UNIX_EPOCH),
    }
}

/// The exceptions that a denial names as missing, and its text.
fn missed(spec: &str, exceptions: Vec<Exception>) -> (Vec<String>, String) {
    let (covered, denial) = told(spec, exceptions);
    (covered.missed.into_iter().map(|note| note.name).collect(), denial)
}

#[test]
fn an_expiry_is_reported_to_users_of_the_exception() {
    let ending = |name, allow| Exception {
        expires: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1)),
        ..expired(name, allow)
    };
    let exceptions = || {
        vec![
            ending("raw", Allowed::Capability("NET_RAW")),
            ending("pid", Allowed::HostNamespace("pid")),
        ]
    };
    for (spec, expected) in [
        (r#"{"containers":[{"name":"c"}]}"#, &[][..]),
        (r#"{"hostPID":true,"containers":[{"name":"c"}]}"#, &["x/pid"]),
        // It is already denied now.
        (r#"{"hostPID":true,"hostIPC":true,"containers":[{"name":"c"}]}"#, &[]),
    ] {
        let ending = told(spec, exceptions()).0.ending;
        let names: Vec<_> = ending.iter().map(|note| note.name.as_str()).collect();
        assert_eq!(names, expected, "{spec}");
    }
}

fn told(spec: &str, exceptions: Vec<Exception>) -> (ExceptionSummary, String) {
    let pods = r#"{"group":"","version":"v1","resource":"pods"}"#;
    let text = format!(
        r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"uid":"1","resource":{pods},
        "namespace":"shop","operation":"CREATE","object":{{"metadata":{{"name":"p"}},"spec":{spec}}}}}}}"#
    );
    let request = Request::decode(text.as_bytes(), policy::workloads::Kinds::default()).unwrap();
    let config = Config::embedded();
    let exceptions: Exceptions = exceptions.into_iter().collect();
    let excepted = ExceptionsAt { exceptions: Some(&exceptions), now: SystemTime::UNIX_EPOCH };
    let context = Context { config: &config, newest: NEWEST, excepted };
    let Review::AwaitsPolicy(review) = crate::review(Hook::Validate, &request, context) else {
        panic!("a pod's verdict depends on its namespace");
    };
    let labels = [("pod-security.kubernetes.io/enforce".to_owned(), "baseline".to_owned())];
    let outcome = review.with(Ok(&BTreeMap::from(labels)));
    let answer = crate::answer(&outcome, &request, config.mode);
    let Outcome::Pod(verdict) = outcome else { panic!("{outcome:?}") };
    (verdict.exceptions, serde_json::to_string(&answer.denial).unwrap())
}

#[test]
fn only_what_would_have_prevented_a_denial_is_named() {
    let raw = |name| expired(name, Allowed::Capability("NET_RAW"));
    let trace = || expired("a-trace", Allowed::Capability("SYS_PTRACE"));
    let pid = || expired("pid", Allowed::Control("hostNamespaces"));
    let adding = |names: &str, more: &str| {
        format!(
            r#"{{{more}"containers":[{{"name":"c","securityContext":{{"capabilities":{{"add":[{names}]}}}}}}]}}"#
        )
    };
    let host = r#""hostPID":true,"#;
    for (spec, exceptions, expected) in [
        // By name, the other one comes first.
        (adding(r#""NET_RAW""#, ""), vec![trace(), raw("raw")], &["x/raw"][..]),
        (adding(r#""NET_RAW""#, ""), vec![trace()], &[]),
        (
            adding(r#""NET_RAW""#, ""),
            vec![raw("raw-1"), raw("raw-2"), trace()],
            &["x/raw-1", "x/raw-2"],
        ),
        (adding(r#""NET_RAW","SYS_PTRACE""#, ""), vec![raw("raw")], &[]),
        (
            adding(r#""NET_RAW","SYS_PTRACE""#, ""),
            vec![trace(), pid(), raw("raw")],
            &["x/a-trace", "x/raw"],
        ),
        (adding(r#""NET_RAW""#, host), vec![trace(), raw("raw")], &[]),
        (adding(r#""NET_RAW""#, host), vec![trace(), raw("raw"), pid()], &["x/pid", "x/raw"]),
        (
            adding(r#""NET_RAW""#, host),
            vec![raw("raw-1"), trace(), raw("raw-2"), pid()],
            &["x/pid", "x/raw-1", "x/raw-2"],
        ),
        (adding("", ""), vec![trace(), raw("raw"), pid()], &[]),
    ] {
        let (names, denial) = missed(&spec, exceptions);
        assert_eq!(names, expected, "{spec}");
        assert_eq!(denial.contains("would have covered"), !expected.is_empty(), "{denial}");
        // Two may be needed together, so naming one would be misleading.
        assert!(expected.iter().all(|name| denial.contains(name)), "{denial}");
    }
}

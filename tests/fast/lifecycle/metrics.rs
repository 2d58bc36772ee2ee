//! `/metrics` has all documented metrics under their names.

use std::collections::BTreeSet;

use crate::support::{
    process::Folder,
    server::{DENIED, HARDENED, Server},
};

const CONFIGURATION: &str = "
apiVersion: portcullis.dev/v1alpha1
kind: Configuration
defaults: {enforce: restricted, audit: restricted, warn: restricted}
exemptions: {usernames: [bot]}
";

const UPSTREAMS: [&str; 3] = [
    "pod_security_errors_total counter",
    "pod_security_evaluations_total counter",
    "pod_security_exemptions_total counter",
];

const OURS: [&str; 28] = [
    "portcullis_body_memory_bytes gauge",
    "portcullis_body_memory_limit_bytes gauge",
    "portcullis_build_info gauge",
    "portcullis_certificate_expiry_timestamp_seconds gauge",
    "portcullis_certificate_last_reload_successful gauge",
    "portcullis_certificate_start_timestamp_seconds gauge",
    "portcullis_config_last_reload_success_timestamp_seconds gauge",
    "portcullis_config_last_reload_successful gauge",
    "portcullis_connections gauge",
    "portcullis_connections_evicted_total counter",
    "portcullis_connections_timed_out_total counter",
    "portcullis_dry_run gauge",
    "portcullis_handler_panics_total counter",
    "portcullis_hardened_fields_total counter",
    "portcullis_namespace_cache_age_seconds gauge",
    "portcullis_namespace_cache_namespaces gauge",
    "portcullis_namespace_cache_synced gauge",
    "portcullis_namespace_denials_total counter",
    "portcullis_ready gauge",
    "portcullis_request_duration_seconds histogram",
    "portcullis_requests_in_flight gauge",
    "portcullis_requests_malformed_total counter",
    "portcullis_requests_shed_total counter",
    "portcullis_requests_total counter",
    "portcullis_tls_handshakes_failed_total counter",
    "portcullis_violations_total counter",
    "process_cpu_seconds_total counter",
    "process_resident_memory_bytes gauge",
];

const SERIES: [(&str, f64); 12] = [
    (
        r#"pod_security_evaluations_total{decision="deny",mode="enforce",policy_level="restricted",policy_version="latest",request_operation="create",resource="pod",subresource=""}"#,
        1.0,
    ),
    (
        r#"pod_security_exemptions_total{request_operation="create",resource="pod",subresource=""}"#,
        1.0,
    ),
    (
        r#"pod_security_errors_total{fatal="true",request_operation="create",resource="pod",subresource=""}"#,
        1.0,
    ),
    (r#"portcullis_requests_total{hook="validate",outcome="denied"}"#, 1.0),
    (r#"portcullis_requests_total{hook="mutate",outcome="hardened"}"#, 1.0),
    (r#"portcullis_violations_total{control="privileged",mode="enforce"}"#, 1.0),
    (r#"portcullis_hardened_fields_total{field="runAsNonRoot",mode="apply"}"#, 1.0),
    (r#"portcullis_request_duration_seconds_count{hook="mutate"}"#, 1.0),
    (r#"portcullis_request_duration_seconds_count{hook="validate"}"#, 3.0),
    (r#"portcullis_request_duration_seconds_bucket{hook="validate",le="+Inf"}"#, 3.0),
    ("portcullis_requests_malformed_total", 1.0),
    (r#"portcullis_namespace_denials_total{namespace="shop"}"#, 1.0),
];

#[tokio::test]
async fn all_that_was_promised_is_there() {
    let folder = Folder::new("metrics");
    let file = folder.write("config.yaml", CONFIGURATION);
    let flags = [format!("--config={}", file.display()), "--metrics-namespaces=1".to_owned()];
    let server = Server::of(folder, &flags.each_ref().map(String::as_str)).await;
    let exempt = DENIED.replacen(r#""alice""#, r#""bot""#, 1);
    let unreadable = DENIED.replacen(r#""containers":["#, r#""containers":7,"other":["#, 1);
    server.ask("/validate", DENIED).await;
    server.ask("/validate", &exempt).await;
    server.ask("/validate", &unreadable).await;
    server.ask("/mutate", HARDENED).await;
    let malformed = server.connect().await.post("/validate", b"{}").await;
    assert_eq!(malformed.status(), 400);

    let page = server.page("/metrics").await;

    assert!(page.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    let types: BTreeSet<_> =
        page.body.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    for promised in UPSTREAMS.into_iter().chain(OURS) {
        assert!(types.contains(promised), "{promised} is not among {types:#?}");
    }
    for (series, value) in SERIES {
        assert_eq!(server.metric(series).await, Some(value), "{series}\n{}", page.body);
    }
    let buckets: Vec<_> =
        page.body.lines().filter(|line| line.contains("hook=\"mutate\",le=")).collect();
    assert!(buckets.first().unwrap().contains("le=\"0.00005\""), "{buckets:#?}");
    assert!(buckets[buckets.len() - 2].contains("le=\"10\""), "{buckets:#?}");
}

//! Spans reach a collector, contain only what they should, and never delay requests.

use std::net::SocketAddr;
use std::process::Command;

use serde_json::json;

use super::collector::{Collector, attributes, mute};
use crate::support::{
    process::{Folder, free_port},
    server::{DENIED, HARDENED, Server, command},
};

/// kube-apiserver's format: version, trace, parent, and whether it is sampled.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

#[tokio::test]
async fn each_request_is_a_span_of_the_callers_trace() {
    let collector = Collector::plain().await;
    let flag = format!("--otlp-endpoint=http://{}", collector.address);
    let mut server = Server::start(&[&flag]).await;
    post(&server, "/validate", DENIED, Some("01")).await;
    post(&server, "/mutate", HARDENED, None).await;
    end(&mut server).await;

    let head = &collector.heads()[0];
    assert_eq!((head.method.as_str(), head.uri.path()), ("POST", "/v1/traces"));
    assert_eq!(head.headers["content-type"], "application/x-protobuf");
    let mut spans = collector.spans();
    spans.sort_by_key(|span| span.start_time_unix_nano);
    let [denied, hardened] = &spans[..] else { panic!("{spans:#?}") };
    assert_eq!(denied.name, "validate pods");
    // Server, by the numbers of the specification.
    assert_eq!(denied.kind, 2);
    assert_eq!(denied.trace_id, hex(TRACE));
    assert_eq!(denied.parent_span_id, hex(PARENT));
    assert!(denied.start_time_unix_nano < denied.end_time_unix_nano);
    assert_eq!(
        attributes(&denied.attributes),
        json!({
            "portcullis.hook": "validate",
            "portcullis.uid": "3f0c2d9e-6a0b-4f5e-9c55-0d6f3b1f7a01",
            "portcullis.operation": "create",
            "portcullis.resource.group": "",
            "portcullis.resource": "pods",
            "portcullis.subresource": "",
            "portcullis.request.dry_run": false,
            "portcullis.outcome": "denied",
            "portcullis.allowed": false,
            "portcullis.policy": "restricted:latest",
            "portcullis.violations": ["privileged", "allowPrivilegeEscalation", "capabilities_restricted",
                "restrictedVolumes", "runAsNonRoot", "seccompProfile_restricted"],
            "k8s.namespace.name": "shop",
        })
    );
    assert_eq!(hardened.name, "mutate pods");
    assert_ne!(hardened.trace_id, hex(TRACE));
    assert!(hardened.parent_span_id.is_empty());
    let attributes_of_it = attributes(&hardened.attributes);
    assert_eq!(attributes_of_it["portcullis.outcome"], "hardened");
    let fields =
        json!(["runAsNonRoot", "seccompProfile", "capabilities", "allowPrivilegeEscalation"]);
    assert_eq!(attributes_of_it["portcullis.hardened"], fields);

    let resource = attributes(&collector.resources()[0].attributes);
    assert_eq!(resource["service.name"], "portcullis");
    assert_eq!(resource["service.version"], env!("CARGO_PKG_VERSION"));
    // The user, and the content of the object.
    for secret in ["alice", "system:authenticated", "registry.example.com", "migrate"] {
        assert!(DENIED.contains(secret) || HARDENED.contains(secret));
        assert!(!collector.text().contains(secret), "{secret} in {}", collector.text());
    }
}

#[tokio::test]
async fn what_the_caller_does_not_sample_is_not_sent() {
    let collector = Collector::plain().await;
    let flag = format!("--otlp-endpoint=http://{}", collector.address);
    let mut server = Server::start(&[&flag]).await;
    post(&server, "/validate", DENIED, Some("00")).await;
    post(&server, "/mutate", HARDENED, Some("01")).await;
    end(&mut server).await;

    let spans = collector.spans();
    assert_eq!(spans.iter().map(|span| span.name.as_str()).collect::<Vec<_>>(), ["mutate pods"]);
}

#[tokio::test]
async fn a_collector_behind_tls_and_a_path_is_reached_by_the_standard_variables() {
    let collector = Collector::tls().await;
    let mut command = standalone();
    command
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("https://{}/otlp", collector.address))
        .env("OTEL_EXPORTER_OTLP_CERTIFICATE", collector.authority.as_ref().unwrap())
        .env("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=shop")
        .env("OTEL_SERVICE_NAME", "gate")
        .env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
        .env("POD_NAME", "portcullis-0");
    let mut server = Server::run(Folder::new("traces"), command).await;
    post(&server, "/validate", DENIED, None).await;
    end(&mut server).await;

    assert_eq!(collector.spans().len(), 1);
    let head = &collector.heads()[0];
    assert_eq!(head.uri.path(), "/otlp/v1/traces");
    assert_eq!(head.headers["x-tenant"], "shop");
    let resource = attributes(&collector.resources()[0].attributes);
    assert_eq!(resource["service.name"], "gate");
    assert_eq!(resource["deployment.environment.name"], "test");
    assert_eq!(resource["k8s.pod.name"], "portcullis-0");
}

#[tokio::test]
async fn a_collector_that_is_away_or_mute_changes_no_answer() {
    let (address, _running) = mute().await;
    let away = SocketAddr::from(([127, 0, 0, 1], free_port()));
    for address in [away, address] {
        let mut command = standalone();
        command
            .arg(format!("--otlp-endpoint=http://{address}"))
            .env("OTEL_BSP_MAX_QUEUE_SIZE", "64")
            .env("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "32");
        let mut server = Server::run(Folder::new("traces"), command).await;
        let mut connection = server.connect().await;
        // More than the queue has room for.
        let request = crate::support::client::head("/validate", DENIED.len() as u64) + DENIED;
        for _ in 0..10 {
            connection.send(request.repeat(50)).await;
            for _ in 0..50 {
                let answer = connection.answer().await.unwrap();
                assert_eq!(answer.status(), 200);
                assert!(answer.body.contains(r#""allowed":false"#), "{}", answer.body);
            }
        }
        drop(connection);
        let denied = r#"portcullis_requests_total{hook="validate",outcome="denied"}"#;
        assert_eq!(server.metric(denied).await, Some(500.0));
        assert_eq!(server.page("/readyz").await.status(), 200);
        end(&mut server).await;
        let count = server.output().matches("traces cannot be delivered").count();
        let is_away = address == away;
        assert!(if is_away { count == 1 } else { count <= 1 }, "{count} times");
    }
}

#[tokio::test]
async fn an_endpoint_that_makes_no_sense_is_refused_at_once() {
    for (flags, why) in [
        (&["--otlp-endpoint=collector:4317"][..], "must be http:// or https://"),
        (&["--otlp-endpoint=https://collector:4318"], "https needs --otlp-ca-file"),
        (
            &["--otlp-endpoint=https://collector:4318", "--otlp-ca-file=/no/such"],
            "--otlp-ca-file /no/such",
        ),
    ] {
        let output = standalone().args(flags).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{flags:?}");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(stderr.contains(why), "{stderr}");
    }
    let output = standalone().env("OTEL_EXPORTER_OTLP_ENDPOINT", "collector").output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        stderr.contains("'collector' for OTEL_EXPORTER_OTLP_ENDPOINT: must be http"),
        "{stderr}"
    );
}

fn standalone() -> Command {
    command(["serve", "--standalone", "--secure-port=0", "--admin-port=0"])
}

async fn post(server: &Server, path: &str, review: &str, sampled: Option<&str>) {
    let trace = sampled.map(|flags| format!("traceparent: 00-{TRACE}-{PARENT}-{flags}\r\n"));
    let head = crate::support::client::head(path, review.len() as u64);
    let (line, rest) = head.split_once("\r\n").unwrap();
    let mut connection = server.connect().await;
    let trace = trace.unwrap_or_default();
    connection.send(format!("{line}\r\n{trace}{rest}{review}")).await;
    assert_eq!(connection.answer().await.unwrap().status(), 200);
}

/// The last spans are sent during shutdown.
async fn end(server: &mut Server) {
    server.signal("TERM");
    assert_eq!(server.ended().await.code(), Some(0), "{}", server.output());
}

fn hex(text: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

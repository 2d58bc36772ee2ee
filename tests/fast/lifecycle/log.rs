//! One log line per decision.

use serde_json::{Value, json};

use crate::support::server::{DENIED, HARDENED, Server};

#[tokio::test]
async fn a_denial_is_one_json_line_with_all_that_matters() {
    let server = Server::start(&[]).await;
    let response = server.ask("/validate", DENIED).await;

    let line = server.logged("decision").await;

    for (field, expected) in [
        ("level", "INFO"),
        ("hook", "validate"),
        ("operation", "create"),
        ("kind", "Pod"),
        ("namespace", "shop"),
        ("name", "web"),
        ("user", "alice"),
        ("outcome", "denied"),
    ] {
        assert_eq!(line[field], expected, "{field}");
    }
    assert_eq!(line["uid"], response["uid"]);
    assert_eq!(line["allowed"], false);
    let violations = line["violations"].as_str().unwrap();
    assert!(violations.contains("privileged,") && violations.contains("runAsNonRoot"), "{line:#}");
    assert!(line["microseconds"].is_u64(), "{line:#}");
    assert!(line["timestamp"].is_string(), "{line:#}");
    let detail = line["detail"].as_str().unwrap();
    assert!(detail.starts_with(r#"pods "web" is forbidden: violates PodSecurity"#), "{detail}");
}

#[tokio::test]
async fn allowed_requests_are_logged_at_debug_only() {
    for (level, expected) in [("info", 0), ("debug", 1)] {
        let server = Server::start(&["--log-level", level]).await;
        server.ask("/mutate", HARDENED).await;
        // A later line: all earlier lines are written before it.
        server.ask("/validate", DENIED).await;
        until_denied(&server).await;
        let hardened = |line: &&Value| line["outcome"] == "hardened" && line["level"] == "DEBUG";
        assert_eq!(server.log().iter().filter(hardened).count(), expected, "{level}");
    }
}

#[tokio::test]
async fn text_is_for_people() {
    let server = Server::start(&["--log-format=text"]).await;
    server.ask("/validate", DENIED).await;

    let output = server.output();

    let lines: Vec<_> = output.lines().filter(|line| line.contains("decision")).collect();
    assert_eq!(lines.len(), 1, "{output}");
    for part in [" INFO ", r#"namespace="shop""#, r#"name="web""#, r#"outcome="denied""#] {
        assert!(lines[0].contains(part), "no {part} in {}", lines[0]);
    }
    assert!(!output.contains('\x1b'), "no colour where there is no terminal");
}

#[tokio::test]
async fn what_clients_write_stays_on_its_line_and_is_cut() {
    let mut review: Value = serde_json::from_str(DENIED).unwrap();
    let forged = "web\n{\"message\":\"decision\",\"outcome\":\"forged\"}\n\u{1b}[31m";
    review["request"]["name"] = json!(forged);
    review["request"]["object"]["metadata"]["name"] = json!(forged);
    review["request"]["userInfo"]["username"] = json!("u".repeat(100_000));
    for format in ["json", "text"] {
        let server = Server::start(&["--log-format", format]).await;
        server.ask("/validate", &review.to_string()).await;

        let output = server.output();

        let lines: Vec<_> = output.lines().filter(|line| line.contains("decision")).collect();
        assert_eq!(lines.len(), 1, "{output}");
        assert!(!output.contains('\x1b'), "{output}");
        assert!(lines[0].len() < 4096, "{}", lines[0].len());
    }
}

async fn until_denied(server: &Server) {
    use crate::support::wait::{PATIENCE, until};
    until("a denial in the log", PATIENCE, async || {
        server.log().into_iter().find(|line| line["outcome"] == "denied")
    })
    .await;
}

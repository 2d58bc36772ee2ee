//! While the API server is unreachable, the log reports it once with its address, and reports when it is back.

use std::time::Duration;

use crate::support::{
    control_plane::{BuiltInPodSecurity, ControlPlane},
    portcullis::Portcullis,
    wait::{PATIENCE, until},
};

#[tokio::test]
async fn an_outage_of_the_api_server_is_a_few_lines_with_its_address() {
    let Ok(mut plane) = ControlPlane::start(BuiltInPodSecurity::Off) else {
        return;
    };
    let config = "apiVersion: portcullis.dev/v1alpha1\nkind: Configuration\nexceptions: {namespaces: [default]}\n";
    let server = Portcullis::start(&plane, Some(config), &["--log-format", "json"]).await;
    until("the server to watch", PATIENCE, async || {
        server.log().contains("namespaces are listed").then_some(())
    })
    .await;
    let before = server.log().lines().count();

    plane.stop_apiserver();
    let lines = || server.log().lines().skip(before).map(str::to_owned).collect::<Vec<_>>();
    until("the first failure", PATIENCE, async || (!lines().is_empty()).then_some(())).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    let during = lines();
    plane.start_apiserver().await;
    until("the log to say that it is over", PATIENCE * 2, async || {
        lines().iter().any(|line| line.contains("recovered: cannot watch namespaces")).then_some(())
    })
    .await;

    // kube's client alone wrote about 45 lines in that time. Each of our loops logs it once, or twice if the first
    // error differs.
    println!("{} lines in 20 seconds:\n{}", during.len(), during.join("\n"));
    assert!(during.len() <= 12, "{during:#?}");
    let failures = during.iter().filter(|line| line.contains(r#""level":"WARN""#));
    for line in failures.clone() {
        assert!(line.contains("https://127.0.0.1:") && line.contains("trying again"), "{line}");
    }
    assert!(failures.count() > 0, "{during:#?}");
    for line in lines() {
        assert!(!line.contains("kube_client") && !line.contains("kube_runtime"), "{line}");
    }
}

//! Client authentication by the chart: only the API server gets responses.

use std::fs;
use std::slice::from_ref;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::{
    install::{RESTRICTED, direct::ask},
    support::{
        client_certificates::{CLIENT_NAME, WebhookClient},
        cluster::{Cluster, PROGRAMS},
        control_plane::Who,
        go::Program,
        namespaces::in_namespaces,
        objects::{compliant, pods, privileged},
        process::Folder,
    },
};

#[test]
fn the_api_server_alone_is_answered() {
    in_namespaces(PROGRAMS, async || {
        let folder = Folder::new("client-auth");
        let api_server = WebhookClient::new(&folder);
        let cluster = Cluster::start_with(Program::Helm4, from_ref(&api_server.apiserver_flag));
        let authority = STANDARD.encode(fs::read(&api_server.authority).unwrap());
        cluster.secret("webhook-clients", "Opaque", &json!({"ca.crt": authority})).await;

        let values = json!({
            "mode": "enforce",
            "clientAuth": {
                "enabled": true,
                "caSecret": "webhook-clients",
                "allowedNames": [CLIENT_NAME],
            },
        });
        cluster.install(&values).await;

        let developer = cluster.user(Who::Developer).await;
        let strict = cluster.namespace("strict", RESTRICTED).await;
        assert_eq!(developer.create(&pods(&strict), &privileged("bad")).await.code, 403);
        developer.create(&pods(&strict), &compliant("good")).await.granted();
        for replica in cluster.replicas() {
            let untrusted =
                ask(&cluster, &replica, include_str!("../../../src/cli/serve/samples/denied.json"))
                    .await;
            assert!(untrusted.is_err(), "answered: {untrusted:?}");
        }
    });
}

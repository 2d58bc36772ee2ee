//! A namespace and a violating pod that reach the API server at the same time: our server may not know the namespace
//! yet, and must still deny the pod.

use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::{
    e2e::{RESTRICTED, assert_denied, mirror_pods::mirror, standard},
    support::{
        control_plane::{Who, namespace, unique_name},
        objects::{pods, privileged},
        portcullis::Portcullis,
        user::Answer,
    },
};

const AT_ONCE: usize = 32;

#[tokio::test]
async fn no_pod_slips_into_a_namespace_that_was_just_made() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let admin = plane.user(Who::Admin).await;

    let answers = race(1000, |_| {
        let (admin, name, namespace) = (admin.clone(), unique_name("race"), new_namespace(server));
        async move {
            admin.create("/api/v1/namespaces", &named(namespace, &name)).await.granted();
            admin.create(&pods(&name), &bad()).await
        }
    })
    .await;

    for answer in &answers {
        assert_denied(answer, "bad", "restricted:latest");
    }
    assert_eq!(answers.len(), 1000);
}

/// The API server delays a pod in an unknown namespace by 50 ms and looks again: a namespace that is created meanwhile
/// is as new as possible when our server is called.
#[tokio::test]
async fn no_pod_slips_into_a_namespace_that_is_being_made() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let admin = plane.user(Who::Admin).await;

    let answers = race(500, |index| {
        let (admin, name, namespace) = (admin.clone(), unique_name("race"), new_namespace(server));
        async move {
            let pod = async { admin.create(&pods(&name), &bad()).await };
            let namespace = async {
                sleep(Duration::from_millis(index % 50)).await;
                admin.create("/api/v1/namespaces", &named(namespace, &name)).await.granted()
            };
            tokio::join!(pod, namespace).0
        }
    })
    .await;

    let judged: Vec<&Answer> = answers.iter().filter(|answer| answer.code != 404).collect();
    for answer in &judged {
        assert_denied(answer, "bad", "restricted:latest");
    }
    assert!(judged.len() >= 20, "only {} of {} races met", judged.len(), answers.len());
}

/// Runs this number of races, several at a time.
async fn race<F>(count: u64, start: impl Fn(u64) -> F) -> Vec<Answer>
where
    F: Future<Output = Answer> + Send + 'static,
{
    let mut racing = JoinSet::new();
    let mut answers = Vec::new();
    for index in 0..count {
        if racing.len() == AT_ONCE {
            answers.push(racing.join_next().await.unwrap().unwrap());
        }
        racing.spawn(start(index));
    }
    answers.extend(racing.join_all().await);
    answers
}

fn new_namespace(server: &Portcullis) -> Value {
    namespace("", &server.with_own_label(RESTRICTED))
}

fn named(mut object: Value, name: &str) -> Value {
    object["metadata"]["name"] = name.into();
    object
}

/// The API server makes pods other than mirror pods wait for the namespace's service account, which takes longer than
/// our server's watch.
fn bad() -> Value {
    mirror(&privileged("bad"))
}

//! Decides reviews without a server.

use std::{collections::BTreeMap, path::Path};

use admission::{Answer, Hook, Request, Review, answer, review};
use policy::{
    config::Config,
    pss::NEWEST,
    verdict::{Context, ExceptionsAt},
};
use portcullis::config;

use crate::reviews::objects::Ask;

/// A configuration with these fields.
pub(crate) fn configured(fields: &str) -> Config {
    let text = format!("apiVersion: portcullis.dev/v1alpha1\nkind: Configuration\n{fields}");
    config::parse(&text, Path::new("case")).unwrap()
}

/// Without exceptions, and with the newest version that the build knows.
pub(crate) fn context(config: &Config) -> Context<'_> {
    Context { config, newest: NEWEST, excepted: ExceptionsAt::none() }
}

/// The response for a pod in a namespace with these labels.
pub(crate) fn answer_about_pod(
    ask: &Ask,
    config: &Config,
    labels: &BTreeMap<String, String>,
) -> Answer {
    let text = ask.text();
    let request = Request::decode(text.as_bytes(), policy::workloads::Kinds::default()).unwrap();
    let Review::AwaitsPolicy(waiting) = review(Hook::Validate, &request, context(config)) else {
        panic!("a pod waits for its namespace");
    };
    answer(&waiting.with(Ok(labels)), &request, config.mode)
}

/// Whether the review needs the pods of the namespace.
pub(crate) fn asks_for_pods(ask: &Ask, config: &Config) -> bool {
    let text = ask.text();
    let request = Request::decode(text.as_bytes(), policy::workloads::Kinds::default()).unwrap();
    matches!(review(Hook::Validate, &request, context(config)), Review::AwaitsPods(_))
}

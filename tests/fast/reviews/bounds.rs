//! Messages stay within the API server's limits, whatever names and numbers a request contains.

use std::collections::BTreeMap;

use admission::{Answer, Hook, Request, Review, Unlisted, answer, respond, review};
use policy::{
    config::{Config, Mode},
    pss::{Level, LevelVersion, NEWEST},
    verdict::{Context, ExceptionsAt},
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    reviews::objects::{Ask, object},
    reviews::{ask::Server, counted::series},
};

fn config(mode: Mode, warn: Level) -> Config {
    let mut config = Config::standalone();
    config.mode = mode;
    config.defaults.warn = LevelVersion::latest(warn);
    config
}

/// The response, for a namespace without labels.
fn judge(hook: Hook, ask: &Ask, config: &Config) -> Answer {
    let text = ask.text();
    let request = Request::decode(text.as_bytes(), policy::workloads::Kinds::default()).unwrap();
    let outcome = match review(
        hook,
        &request,
        Context { config, newest: NEWEST, excepted: ExceptionsAt::none() },
    ) {
        Review::Decided(outcome) => outcome,
        Review::AwaitsPolicy(review) => review.with(Ok(&BTreeMap::new())),
        Review::AwaitsPods(review) => {
            let none = review.scan().finish(Unlisted::Known(0));
            review.with(none)
        }
    };
    let answer = answer(&outcome, &request, config.mode);
    assert_bounded(&answer);
    assert!(serde_json::from_slice::<Value>(&respond(&answer, &request.uid)).is_ok());
    answer
}

fn assert_bounded(answer: &Answer) {
    let is_clean = |text: &str| !text.chars().any(char::is_control);
    if let Some(denial) = &answer.denial {
        assert!(denial.message.len() <= 1024, "{}", denial.message.len());
        assert!(denial.message.lines().all(is_clean), "{:?}", denial.message);
    }
    let lengths: Vec<_> = answer.warnings.iter().map(|warning| warning.chars().count()).collect();
    assert!(lengths.iter().all(|length| (1..=250).contains(length)), "{:?}", answer.warnings);
    assert!(lengths.iter().sum::<usize>() <= 4000, "{lengths:?}");
    assert!(answer.warnings.iter().all(|warning| is_clean(warning)), "{:?}", answer.warnings);
    for text in answer.annotations.values() {
        assert!(text.len() <= 1024, "{}", text.len());
    }
}

/// A pod with many violating containers with such names.
fn crowd(containers: usize, name: &str) -> Value {
    let containers: Vec<_> = (0..containers)
        .map(|index| {
            let context =
                json!({"privileged": true, "capabilities": {"add": [format!("{name}{index}")]}});
            json!({"name": format!("{name}{index}"), "securityContext": context})
        })
        .collect();
    json!({"metadata": {"name": name}, "spec": {"containers": containers}})
}

#[test]
fn a_long_denial_is_cut_at_whole_lines() {
    let answer = judge(
        Hook::Validate,
        &Ask::pod(crowd(200, "c")),
        &config(Mode::Enforce, Level::Restricted),
    );
    let message = answer.denial.unwrap().message;
    let lines: Vec<_> = message.lines().collect();
    assert!(
        lines[0]
            .starts_with(r#"pods "web" is forbidden: violates PodSecurity "restricted:latest": "#)
    );
    assert!(lines[0].contains("privileged container"), "{message}");
    assert!(lines.last().unwrap().starts_with("policy: namespace \"shop\""), "{message}");
    let [.., more, _] = lines[..] else { panic!("{message}") };
    assert!(more.starts_with("  and ") && more.ends_with(" more"), "{message}");
    for line in &lines[1..lines.len() - 2] {
        assert!(line.starts_with("  pod: ") || line.starts_with("  container \"c"), "{message}");
        assert!(!line.ends_with("..."), "a line is cut: {message}");
    }
    // Omitted violations are counted.
    let all = 200 * 4 + 2;
    let shown = lines.len() - 3;
    assert_eq!(more.trim(), format!("and {} more", all - shown), "{message}");
}

#[test]
fn warnings_end_with_how_many_are_missing() {
    let mut config = config(Mode::Enforce, Level::Restricted);
    config.defaults.enforce = LevelVersion::PRIVILEGED;
    let answer = judge(Hook::Validate, &Ask::pod(crowd(200, "c")), &config);
    assert!(answer.denial.is_none());
    // A summary, the pod with two fields to set, and one container with four.
    assert_eq!(answer.warnings.len(), 3, "{:?}", answer.warnings);
    let last = answer.warnings.last().unwrap();
    assert!(last.contains("container \"c0\": set"), "{last}");
    assert!(last.ends_with(&format!("; and {} more", 200 * 4 + 2 - 6)), "{last}");
}

#[test]
fn the_whole_is_small_whatever_is_wrong() {
    for hook in [Hook::Validate, Hook::Mutate] {
        for mode in [Mode::Enforce, Mode::DryRun] {
            let pod = crowd(200, "c");
            let ask = Ask::pod(pod);
            let answer = judge(hook, &ask, &config(mode, Level::Restricted));
            let without_patch = Answer { patch: None, ..answer };
            assert!(respond(&without_patch, "uid").len() < 64 << 10);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Names with control characters, quotes and multi-byte characters, with and without dry run.
    #[test]
    fn no_message_is_long_or_has_control_characters(
        name in "(\\PC|\\pC|[\"\\\\\r\n\u{1b}☃😀]){0,300}",
        containers in 0..40usize,
        is_dry_run: bool,
        is_mutation: bool,
        is_template: bool,
    ) {
        let mode = if is_dry_run { Mode::DryRun } else { Mode::Enforce };
        let hook = if is_mutation { Hook::Mutate } else { Hook::Validate };
        let pod = crowd(containers, &name);
        let mut ask = Ask::pod(pod.clone());
        (ask.name, ask.namespace, ask.user) = (name.clone(), name.clone(), name);
        if is_template {
            ask.resource = "apps/deployments".to_owned();
            ask.object = json!({"spec": {"template": pod}});
        }
        let answer = judge(hook, &ask, &config(mode, Level::Restricted));
        if is_dry_run {
            prop_assert!(answer.denial.is_none() && answer.patch.is_none());
        }
    }
}

/// Requests cannot create new metric labels, so the number of series is bounded.
#[test]
fn no_request_makes_more_series() {
    let server = Server::new(Config::standalone());
    let ask = |index: usize| {
        let text = format!("x{index}");
        let mut ask = Ask {
            user: text.clone(),
            namespace: text.clone(),
            name: text.clone(),
            ..Ask::default()
        };
        ask.object = object("bad");
        match index % 5 {
            0 => ask.subresource = text,
            1 => ask.operation = text,
            2 => ask.resource = text,
            3 => ask.resource = format!("{text}/deployments"),
            _ => ask.object["spec"]["containers"][0]["name"] = text.into(),
        }
        ask.text()
    };
    let all = || {
        let families = server.metrics.registry().gather();
        families.iter().map(|family| family.get_metric().len()).sum::<usize>()
    };
    for index in 0..5 {
        server.ask(Hook::Validate, ask(index));
        server.ask(Hook::Mutate, ask(index));
    }
    let before = (all(), series(&server.metrics).len());
    for index in 5..100 {
        server.ask(Hook::Validate, ask(index));
        server.ask(Hook::Mutate, ask(index));
    }
    assert_eq!((all(), series(&server.metrics).len()), before);
}

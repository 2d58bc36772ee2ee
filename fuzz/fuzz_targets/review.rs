//! Decides and answers any review: never a panic, and always an answer that names the uid and stays small. Start from
//! the seeds: `cargo +nightly fuzz run review fuzz/corpus/review tests/reviews`.
#![no_main]

use std::collections::BTreeMap;

use admission::{Hook, Request, Review, Unlisted, answer, respond, review};
use libfuzzer_sys::fuzz_target;
use policy::{
    config::Config,
    pss::NEWEST,
    verdict::{Context, ExceptionsAt},
    workloads::Object,
};
use serde_json::Value;

fuzz_target!(|body: &[u8]| {
    let Ok(request) = Request::decode(body, policy::workloads::Kinds::default()) else { return };
    let config = Config::standalone();
    for hook in [Hook::Validate, Hook::Mutate] {
        let context = Context { config: &config, newest: NEWEST, excepted: ExceptionsAt::none() };
        let outcome = match review(hook, &request, context) {
            Review::Decided(outcome) => outcome,
            Review::AwaitsPolicy(review) => review.with(Ok(&BTreeMap::new())),
            Review::AwaitsPods(review) => {
                let none = review.scan().finish(Unlisted::Known(0));
                review.with(none)
            }
        };
        let answer = answer(&outcome, &request, config.mode);
        assert!(answer.denial.is_some() || !matches!(request.object, Object::Malformed(_)));
        assert!(answer.denial.as_ref().is_none_or(|denial| denial.message.len() <= 1024));
        assert!(
            answer.warnings.iter().map(|warning| warning.chars().count()).sum::<usize>() <= 4000
        );
        let text = respond(&answer, &request.uid);
        let response = serde_json::from_slice::<Value>(&text).expect("the answer is JSON");
        assert_eq!(response["response"]["uid"], request.uid.as_str());
        assert_eq!(response["response"]["allowed"], answer.denial.is_none());
    }
});

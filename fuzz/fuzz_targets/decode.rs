//! Decodes any bytes: never a panic, and what is a review for us is JSON for everyone. Start from the seeds:
//! `cargo +nightly fuzz run decode fuzz/corpus/decode tests/reviews`.
#![no_main]

use admission::Request;
use libfuzzer_sys::fuzz_target;
use policy::workloads::Object;
use serde::de::IgnoredAny;

fuzz_target!(|body: &[u8]| {
    let _ = Request::decode_head(body);
    let Ok(request) = Request::decode(body, policy::workloads::Kinds::default()) else { return };
    assert!(!request.uid.is_empty());
    if !matches!(request.object, Object::Malformed(_)) {
        assert!(serde_json::from_slice::<IgnoredAny>(body).is_ok());
    }
});

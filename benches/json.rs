//! Decoding a review into a narrow view of its pod, and into nothing, by this crate's reader and by serde_json.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use portcullis::json;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::fmt;
use std::hint::black_box;

/// A string that borrows where it can; serde's `Option<Cow<str>>` never does.
#[derive(Deserialize)]
struct Str<'a>(#[serde(borrow)] Cow<'a, str>);

macro_rules! views {
    ($($name:ident { $($(#[$attribute:meta])* $field:ident: $type:ty,)* })*) => {$(
        #[derive(Default, Deserialize)]
        #[serde(default, rename_all = "camelCase")]
        #[allow(dead_code, reason = "only the decoding is measured")]
        struct $name<'a> {
            $($(#[$attribute])* $field: $type,)*
            #[serde(skip)]
            lifetime: std::marker::PhantomData<&'a ()>,
        }
    )*};
}

views! {
    Review {
        #[serde(borrow)] request: Option<Request<'a>>,
    }
    Request {
        #[serde(borrow)] uid: Option<Str<'a>>,
        #[serde(borrow)] kind: Kind<'a>,
        #[serde(borrow)] resource: Kind<'a>,
        #[serde(borrow)] sub_resource: Option<Str<'a>>,
        #[serde(borrow)] name: Option<Str<'a>>,
        #[serde(borrow)] namespace: Option<Str<'a>>,
        #[serde(borrow)] operation: Option<Str<'a>>,
        #[serde(borrow)] user_info: User<'a>,
        #[serde(borrow)] object: Option<Pod<'a>>,
        #[serde(borrow)] old_object: Option<Pod<'a>>,
    }
    Kind {
        #[serde(borrow)] group: Option<Str<'a>>,
        #[serde(borrow)] version: Option<Str<'a>>,
        #[serde(borrow)] kind: Option<Str<'a>>,
        #[serde(borrow)] resource: Option<Str<'a>>,
    }
    User {
        #[serde(borrow)] username: Option<Str<'a>>,
        #[serde(borrow)] groups: Vec<Str<'a>>,
    }
    Pod {
        #[serde(borrow)] metadata: Metadata<'a>,
        #[serde(borrow)] spec: Spec<'a>,
    }
    Metadata {
        #[serde(borrow)] name: Option<Str<'a>>,
        #[serde(borrow)] generate_name: Option<Str<'a>>,
        #[serde(borrow)] namespace: Option<Str<'a>>,
        #[serde(borrow)] annotations: Annotations<'a>,
    }
    Spec {
        #[serde(borrow)] containers: Vec<Container<'a>>,
        #[serde(borrow)] init_containers: Vec<Container<'a>>,
        #[serde(borrow)] ephemeral_containers: Vec<Container<'a>>,
        #[serde(borrow)] volumes: Vec<Volume<'a>>,
        #[serde(borrow)] security_context: Option<SecurityContext<'a>>,
        #[serde(borrow)] service_account_name: Option<Str<'a>>,
        host_network: Option<bool>,
        #[serde(rename = "hostPID")] host_pid: Option<bool>,
        #[serde(rename = "hostIPC")] host_ipc: Option<bool>,
        host_users: Option<bool>,
    }
    Container {
        #[serde(borrow)] name: Option<Str<'a>>,
        #[serde(borrow)] image: Option<Str<'a>>,
        #[serde(borrow)] security_context: Option<SecurityContext<'a>>,
        #[serde(borrow)] ports: Vec<Port<'a>>,
        #[serde(borrow)] volume_mounts: Vec<Named<'a>>,
        #[serde(borrow)] liveness_probe: Option<Probe<'a>>,
        #[serde(borrow)] readiness_probe: Option<Probe<'a>>,
        #[serde(borrow)] startup_probe: Option<Probe<'a>>,
    }
    SecurityContext {
        privileged: Option<bool>,
        allow_privilege_escalation: Option<bool>,
        read_only_root_filesystem: Option<bool>,
        run_as_non_root: Option<bool>,
        run_as_user: Option<i64>,
        #[serde(borrow)] capabilities: Option<Capabilities<'a>>,
        #[serde(borrow)] seccomp_profile: Option<Typed<'a>>,
        #[serde(borrow)] app_armor_profile: Option<Typed<'a>>,
        #[serde(borrow)] proc_mount: Option<Str<'a>>,
    }
    Capabilities {
        #[serde(borrow)] add: Vec<Str<'a>>,
        #[serde(borrow)] drop: Vec<Str<'a>>,
    }
    Typed { #[serde(borrow, rename = "type")] kind: Option<Str<'a>>, }
    Port { host_port: Option<i32>, container_port: Option<i32>, }
    Named { #[serde(borrow)] name: Option<Str<'a>>, }
    Probe {
        #[serde(borrow)] http_get: Option<Host<'a>>,
        #[serde(borrow)] tcp_socket: Option<Host<'a>>,
    }
    Host { #[serde(borrow)] host: Option<Str<'a>>, }
    Volume {
        #[serde(borrow)] name: Option<Str<'a>>,
        host_path: Option<IgnoredAny>,
        empty_dir: Option<IgnoredAny>,
        config_map: Option<IgnoredAny>,
        secret: Option<IgnoredAny>,
        projected: Option<IgnoredAny>,
    }
}

/// The annotations of seccomp and AppArmor; of the others not even the values are read.
#[derive(Default)]
#[expect(dead_code, reason = "only the decoding is measured")]
struct Annotations<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'de: 'a, 'a> Deserialize<'de> for Annotations<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Filter;
        impl<'de> Visitor<'de> for Filter {
            type Value = Annotations<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("annotations")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut kept = Vec::new();
                while let Some(Str(key)) = map.next_key()? {
                    if key.contains("seccomp") || key.contains("apparmor") {
                        kept.push((key, map.next_value::<Str<'de>>()?.0));
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(Annotations(kept))
            }
        }
        deserializer.deserialize_map(Filter)
    }
}

/// The review to decode: `REVIEW` names a file.
fn review() -> Option<String> {
    let beside = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../shared/admission-reviews/create-pods-shop-api.json"
    );
    let path = std::env::var("REVIEW").unwrap_or_else(|_| beside.to_owned());
    std::fs::read_to_string(path).ok()
}

fn decode(criterion: &mut Criterion) {
    let Some(text) = review() else {
        eprintln!("skipped: REVIEW names no file to decode");
        return;
    };
    let body = text.as_bytes();
    let mut group = criterion.benchmark_group("json");
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("view", |bencher| {
        bencher.iter(|| json::from_slice::<Review<'_>>(black_box(body)).is_ok());
    });
    group.bench_function("view, serde_json", |bencher| {
        bencher.iter(|| from_slice_by_serde_json::<Review<'_>>(black_box(body)).is_ok());
    });
    group.bench_function("nothing", |bencher| {
        bencher.iter(|| json::from_slice::<IgnoredAny>(black_box(body)).is_ok());
    });
    group.bench_function("nothing, serde_json", |bencher| {
        bencher.iter(|| from_slice_by_serde_json::<IgnoredAny>(black_box(body)).is_ok());
    });
    group.finish();
}

/// One check of the whole and then from_str, which is faster than its from_slice.
fn from_slice_by_serde_json<'a, T: Deserialize<'a>>(body: &'a [u8]) -> serde_json::Result<T> {
    serde_json::from_str(std::str::from_utf8(body).map_err(serde::de::Error::custom)?)
}

criterion_group!(benches, decode);
criterion_main!(benches);

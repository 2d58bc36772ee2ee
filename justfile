# What contributors do; CI does the same. `just` alone lists it.

default:
    @just --list

# Formatting, lints, licences, and every test
check: lint deny test

# Formatting and clippy, warnings denied
lint:
    cargo fmt --check
    cargo clippy --all-targets --locked -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked

# Every test; those that need Go say so when they skip
test:
    cargo test --locked

# Only the tests on a real API server
e2e:
    PORTCULLIS_REQUIRE_E2E=1 cargo test --locked --test control_plane --test e2e

# Generated pods, judged by us and by upstream's policy library: `just oracle 10000000`
oracle N="1000000":
    PORTCULLIS_REQUIRE_E2E=1 PORTCULLIS_ORACLE_CASES={{N}} cargo test --release --locked --test standard oracle -- --nocapture

# Random input to the decoder and the review: `just fuzz 10000000`
fuzz N="1000000":
    PORTCULLIS_CASES={{N}} cargo test --release --locked --test json --test bad_input

# Licences, bans and sources of dependencies; with the network also advisories
deny:
    cargo deny --locked check bans licenses sources

# Decode, evaluate, harden, respond
bench:
    cargo bench --locked --bench review

# Against upstream's webhook and the floor of this machine; needs Go, wrk and taskset
bench-webhook:
    benches/webhook/run

# The container image, with docker or podman: `just image registry.example/portcullis:dev`
image TAG="portcullis:dev":
    $(command -v docker || command -v podman) build --tag {{TAG}} .

# What the image holds, built and run without an engine; root lets it run in a root of its own
image-test:
    cargo test --locked --test image -- --include-ignored --nocapture

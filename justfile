# What contributors do; CI does the same. `just` alone lists it.

default:
    @just --list

# Formatting, lints, licences, and every test
check: lint deny test

# Formatting and clippy, warnings denied
lint:
    cargo fmt --all --check
    cargo clippy --all-targets --locked -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked

# Every test; those that need Go say so when they skip
test:
    cargo test --locked

# Only the tests on a real API server
e2e:
    PORTCULLIS_REQUIRE_E2E=1 cargo test --locked --test cluster

# Writes what is made from the chart: deploy/install.yaml, the parts of deploy/kustomize, certs/cert-manager.yaml
install-yaml:
    PORTCULLIS_REWRITE=1 cargo test --locked --test cluster chart::rendered_files

# Once there is a publisher: its name in place of the placeholders, `just publish-as acme ghcr.io/acme/portcullis`
publish-as OWNER IMAGE: && install-yaml chart-docs
    git grep -lzE '<owner>/portcullis|portcullis\.invalid' -- ':!tests/fast/docs' ':!CHANGELOG.md' ':!justfile' | xargs -0 sed -i \
        -e 's#https://portcullis\.invalid/portcullis#https://github.com/{{OWNER}}/portcullis#g' \
        -e 's#portcullis\.invalid/portcullis#{{IMAGE}}#g' \
        -e 's#<owner>/portcullis#{{OWNER}}/portcullis#g'
    sed -i 's#^  repository: ""#  repository: {{IMAGE}}#' charts/portcullis/values.yaml

# Writes the values table of the chart's README from the comments in values.yaml
chart-docs:
    PORTCULLIS_REWRITE=1 cargo test --locked --test cluster chart::readme

# Writes the definition of PolicyExceptions from its types
crd:
    PORTCULLIS_REWRITE=1 cargo test --locked --lib exceptions::resource

# Writes the schemas of what people write: docs/schema, and the chart's values below `config`
schemas:
    PORTCULLIS_REWRITE=1 cargo test --locked --lib config::schema
    jq --slurpfile new target/config.schema.json '.properties.config.properties = $new[0]' \
        charts/portcullis/values.schema.json >target/values.schema.json
    mv target/values.schema.json charts/portcullis/values.schema.json

# Writes docs/controls.md and docs/lints.md from the texts of `explain`
controls:
    PORTCULLIS_REWRITE=1 cargo test --locked --test fast explain::pages

# Writes the table of Kubernetes' fields from the OpenAPI of the pinned version; needs Go and its modules
fields:
    PORTCULLIS_REQUIRE_E2E=1 PORTCULLIS_REWRITE=1 cargo test --locked --test fast lints::fields

# The chart and the image on a real node, with kubelet and containerd; needs root and Debian's packages
node:
    PORTCULLIS_REQUIRE_E2E=1 PORTCULLIS_NODE_RELEASE=1 cargo test --locked --test node -- --nocapture

# Generated pods, judged by us and by upstream's policy library: `just oracle 10000000`
oracle N="1000000":
    PORTCULLIS_REQUIRE_E2E=1 PORTCULLIS_ORACLE_CASES={{N}} cargo test --release --locked --test fast standard::oracle -- --nocapture

# Generated pods and policies: adding something strict admits nothing. `just law 1000000`
law N="100000":
    PORTCULLIS_LAW_CASES={{N}} cargo test --release --locked --test fast standard::law -- --nocapture

# Generated policies: every command gives the verdict of the webhook. `just agree 10000`
agree N="1000":
    PORTCULLIS_AGREE_CASES={{N}} cargo test --release --locked --test fast standard::agree -- --nocapture

# Random reviews: `just fuzz 10000000`
fuzz N="1000000":
    PORTCULLIS_CASES={{N}} cargo test --release --locked --test fast bad_input

# Hostile reviews: what each costs a byte of its body, in memory and work: `just hostile 10000`
hostile N="3000":
    PORTCULLIS_HOSTILE={{N}} cargo test --release --locked --test hostile -- --nocapture

# The program with profile-guided optimisation, as the image has it: two release builds, target/HOST/release/portcullis
pgo:
    benches/pgo

# Licences, bans and sources of dependencies; with the network also advisories
deny:
    cargo deny --locked check bans licenses sources

# Decode, evaluate, harden, respond
bench:
    cargo bench --locked --bench review

# Against upstream's webhook and the floor of this machine; needs Go, wrk and taskset. `just bench-webhook HEAD~1` also measures that commit
bench-webhook BEFORE="":
    BEFORE={{BEFORE}} benches/webhook/run

# An audit of 100,000 pods in 2,000 namespaces on a real API server: its memory, and where the time goes
bench-audit:
    PORTCULLIS_REQUIRE_E2E=1 cargo test --release --locked --test cluster audit::bulk -- --ignored --nocapture

# `check` against kyverno apply and kube-score; needs Go and GNU time, and half an hour for the first build of Kyverno
bench-check:
    benches/check/run

# Faults at full length, 40 minutes: the rows of docs/reliability.md; needs root for some, and `ulimit -n 20000`
faults:
    #!/usr/bin/env sh
    set -e
    ulimit -n 20000
    export PORTCULLIS_FAULTS=full PORTCULLIS_ROTATIONS=10 PORTCULLIS_REQUIRE_E2E=1
    cargo test --release --locked --test faults -- --nocapture --test-threads=1
    cargo test --release --locked --test cluster certificates:: -- --nocapture --test-threads=1

# The container image, with docker or podman: `just image registry.example/portcullis:dev`
image TAG="portcullis:dev":
    $(command -v docker || command -v podman) build --tag {{TAG}} .

# What the image holds, built and run without an engine; root lets it run in a root of its own
image-test:
    cargo test --locked --test image -- --include-ignored --nocapture

# One static program and nothing else: no shell, no libraries, not root. `just image` builds it.

FROM docker.io/library/rust:1-bookworm AS build
# Writes the list of crates into the program, for scanners to read: `cargo audit bin`, syft, trivy.
RUN cargo install cargo-auditable --version 0.7.7 --locked
WORKDIR /src
COPY . .
# Static glibc. Only with a target named are build scripts and procedural macros spared the flag.
ENV RUSTFLAGS="-C target-feature=+crt-static"
# Two builds, the second optimised by how the first answered the reviews in tests/reviews.
RUN target="$(rustc -vV | sed -n 's/^host: //p')" \
    && CARGO="cargo auditable" benches/pgo \
    && strip -o /portcullis "target/$target/release/portcullis"

FROM scratch
COPY --from=build /portcullis /portcullis
USER 65532:65532
EXPOSE 10250 8080
ENTRYPOINT ["/portcullis"]

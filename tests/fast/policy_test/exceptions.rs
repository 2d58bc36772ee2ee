//! Exceptions from files, at the time in a test file.

use crate::{policy_test::program::test_in, support::process::Folder};

const CONFIG: &str = "
apiVersion: portcullis.dev/v1alpha1
kind: Configuration
defaults: {enforce: baseline}
harden: {mode: off}
";

const EXCEPTION: &str = "
apiVersion: portcullis.dev/v1alpha1
kind: PolicyException
metadata: {name: probe, namespace: portcullis}
spec:
  match: {namespaces: [shop], images: [registry.example/probe*]}
  allow: {capabilities: [NET_ADMIN]}
  reason: until the new driver is there
  owner: team network
  expires: 2027-01-31T12:00:00Z
";

fn suite(time: &str, image: &str, added: &str, verdict: &str) -> String {
    format!(
        "
apiVersion: portcullis.dev/v1alpha1
kind: PolicyTest
name: probe
config: config.yaml
exceptions: [exceptions.yaml]
time: {time}
cases:
- name: the probe
  namespace: shop
  manifest: |
    apiVersion: v1
    kind: Pod
    metadata: {{name: probe}}
    spec:
      containers:
      - name: probe
        image: {image}
        securityContext: {{capabilities: {{add: [{added}]}}}}
  expect:
  - {{workload: Pod/probe, verdict: {verdict}}}
"
    )
}

/// The program's status and output.
fn tried(suite: &str, exceptions: &str) -> (Option<i32>, String) {
    let folder = Folder::new("suite");
    folder.write("config.yaml", CONFIG);
    folder.write("exceptions.yaml", exceptions);
    folder.write("portcullis-test.yaml", suite);
    let outcome = test_in(folder.path(), &[]);
    (outcome.status, format!("{}{}", outcome.out, outcome.err))
}

#[test]
fn they_allow_what_they_name_until_the_very_second() {
    const PROBE: &str = "registry.example/probe:1";
    for (time, image, added, verdict) in [
        ("2027-01-31T11:59:59Z", PROBE, "NET_ADMIN", "allowed"),
        ("2027-01-31T12:00:00Z", PROBE, "NET_ADMIN", "denied"),
        ("2027-01-01T00:00:00Z", PROBE, "NET_ADMIN, SYS_TIME", "denied"),
        ("2027-01-01T00:00:00Z", "registry.example/other:1", "NET_ADMIN", "denied"),
    ] {
        let (status, output) = tried(&suite(time, image, added, verdict), EXCEPTION);
        assert_eq!(status, Some(0), "{time} {image} {added}: {output}");
    }
}

#[test]
fn one_that_is_none_ends_it() {
    let suite = suite("2027-01-01T00:00:00Z", "a", "NET_ADMIN", "allowed");
    let (status, output) = tried(&suite, &EXCEPTION.replace("NET_ADMIN", "CAP_NET_ADMIN"));
    assert_eq!(status, Some(2));
    assert!(output.contains("spec.allow.capabilities[0]"), "{output}");
}

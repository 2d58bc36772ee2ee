//! What an audit reports about lists without permission, and in a cluster without Portcullis, in every format.

use serde_json::{Value, json};

use crate::reach::{
    program::{Outcome, command, run},
    world::World,
};

const WEBHOOKS: &str = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

impl World {
    /// Two namespaces: `free` has no label, `held` enforces baseline. A webhook of Portcullis is registered.
    fn with_namespaces(name: &str) -> Self {
        let world = Self::new(name);
        let namespaces = json!([
            {"metadata": {"name": "free"}},
            {"metadata": {"name": "held", "labels": {ENFORCE: "baseline"}}},
        ]);
        for namespace in namespaces.as_array().unwrap() {
            let path =
                format!("/api/v1/namespaces/{}", namespace["metadata"]["name"].as_str().unwrap());
            world.api.answer(&path, 200, namespace.clone());
        }
        world.api.answer("/api/v1/namespaces", 200, list(&namespaces));
        world.register(&["other.example", "enforce.portcullis.dev"]);
        world
    }

    fn register(&self, webhooks: &[&str]) {
        let webhooks: Vec<_> = webhooks.iter().map(|name| json!({"name": name})).collect();
        let all = json!([{"metadata": {"name": "x"}, "webhooks": webhooks}, {"webhooks": null}]);
        self.api.answer(WEBHOOKS, 200, list(&all));
    }

    fn audit_in_form(&self, args: &[&str]) -> Outcome {
        let file = self.kubeconfig(&json!({}), &json!({}));
        // The last -o applies.
        let mut command = std::process::Command::new(command().get_program());
        run(command.arg("audit").args(args).arg("--kubeconfig").arg(file).env_remove("NO_PROXY"))
    }
}

fn list(items: &Value) -> Value {
    json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items})
}

#[test]
fn pods_that_may_not_be_read_are_fine_in_no_form() {
    let world = World::with_namespaces("forbidden-pods");
    for (path, what) in [
        ("/api/v1/namespaces/free/pods", "list pods"),
        ("/apis/apps/v1/namespaces/free/deployments", "list deployments.apps"),
        ("/apis/batch/v1/namespaces/free/cronjobs", "list cronjobs.batch"),
    ] {
        world.api.forbid(path);
        let why = format!("User \"reader\" cannot get path {path} (code 403)");
        for form in
            ["human", "concise", "json", "jsonl", "yaml", "sarif", "junit", "github", "html"]
        {
            let outcome = world.audit_in_form(&["-n", "free", "-o", form]);
            assert_eq!(outcome.status, Some(2), "{form}: {outcome:?}");
            let out =
                outcome.out.replace("\\\"", "\"").replace("&quot;", "\"").replace("&#34;", "\"");
            assert!(out.contains(&why), "{form}: {out}");
            assert!(!out.contains("meets restricted"), "{form}: {out}");
        }
        let human = world.audit_in_form(&["-n", "free"]).out;
        assert!(
            human.contains("  meets      unknown, restricted at most: not all of it could be read"),
            "{human}"
        );
        assert!(
            human.contains(&format!("not read, so there may be more: {what}: {why}")),
            "{human}"
        );
        let concise = world.audit_in_form(&["-n", "free", "-o", "concise"]).out;
        assert!(concise.contains("what it meets is not known"), "{concise}");
        let json: Value =
            serde_json::from_str(&world.audit_in_form(&["-n", "free", "-o", "json"]).out).unwrap();
        let row = &json["namespaces"][0];
        assert_eq!(
            (&row["meets"], &row["meetsHardened"], &row["command"]),
            (&Value::Null, &Value::Null, &Value::Null)
        );
        assert_eq!(row["unread"], json!([format!("{what}: {why}")]));
        world.api.answer(path, 200, list(&json!([])));
        assert_eq!(world.audit_in_form(&["-n", "free"]).status, Some(0));
    }
}

#[test]
fn the_report_says_whether_the_webhook_is_installed() {
    let world = World::with_namespaces("presence");
    let rows = |outcome: &Outcome| -> Vec<[Value; 3]> {
        let report: Value = serde_json::from_str(&outcome.out).unwrap();
        let rows = report["namespaces"].as_array().unwrap().clone();
        rows.into_iter()
            .map(|row| ["enforce", "portcullis", "inForce"].map(|key| row[key].clone()))
            .collect()
    };
    let baseline = json!("baseline:latest");

    let outcome = world.audit_in_form(&["-o", "json"]);
    let both = [baseline.clone(), json!("installed"), baseline.clone()];
    assert_eq!((rows(&outcome), outcome.err.as_str()), (vec![both.clone(), both], ""));
    let human = world.audit_in_form(&[]).out;
    assert!(
        human.contains("free: enforces baseline:latest (default of the configuration); "),
        "{human}"
    );

    world.register(&["other.example"]);
    let outcome = world.audit_in_form(&["-o", "json"]);
    let free = [baseline.clone(), json!("absent"), json!("privileged:latest")];
    let held = [baseline.clone(), json!("absent"), baseline.clone()];
    assert_eq!(rows(&outcome), [free, held]);
    assert!(outcome.err.contains("no Portcullis webhook is registered"), "{}", outcome.err);
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    let human = world.audit_in_form(&[]).out;
    let free = "free: would enforce baseline:latest (default of the configuration), nothing is enforced now; ";
    let held = "the built-in admission enforces baseline:latest now; ";
    assert!(human.contains(free) && human.contains(held), "{human}");

    world.api.forbid(WEBHOOKS);
    let outcome = world.audit_in_form(&["-o", "json"]);
    let unknown = [baseline, json!("unknown"), Value::Null];
    assert_eq!(rows(&outcome), [unknown.clone(), unknown]);
    let why = "cannot determine whether Portcullis enforces anything in this cluster: User \"reader\" cannot";
    assert!(outcome.err.contains(why), "{}", outcome.err);
    assert_eq!(outcome.status, Some(0), "nothing that is judged was missing: {outcome:?}");
    let human = world.audit_in_form(&[]).out;
    assert!(human.contains("what is enforced now is not known; "), "{human}");
}

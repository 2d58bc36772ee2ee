//! Which kubeconfigs are read, and how they are merged.

use std::{env, fs};

use serde_json::{Value, json};

use crate::{
    reach::{
        apiserver::ApiServer,
        program::{command, run},
    },
    support::process::Folder,
};

#[test]
fn of_several_files_the_missing_ones_are_skipped_and_the_first_holds() {
    let folder = Folder::new("several");
    let api = ApiServer::start(&folder);
    let good = api.kubeconfig(&json!({}), &json!({"token": "good"}));
    let mut split_users = good.clone();
    split_users["users"] = json!([]);
    let users = json!({"users": good["users"], "current-context": "elsewhere"});
    let mut other = good.clone();
    other["users"][0]["user"] = json!({"token": "other"});
    let mut empty_current = other.clone();
    empty_current["current-context"] = json!("");
    empty_current["users"] = json!([]);
    empty_current["contexts"] = Value::Null;

    let missing = folder.path().join("missing");
    let file = |name: &str, config: &Value| folder.write(name, config.to_string());
    let good = file("good", &good);
    let other = file("other", &other);
    let split_users = file("split-users", &split_users);
    let users = file("users", &users);
    let empty_current = file("empty-current", &empty_current);
    let empty = folder.write("empty", "");
    for (what, files, token) in [
        ("one", vec![&good], "good"),
        ("missing ones", vec![&missing, &good, &missing], "good"),
        ("the first holds", vec![&good, &other], "good"),
        ("in both orders", vec![&other, &good], "other"),
        ("parts of a whole", vec![&split_users, &users], "good"),
        ("an empty current context says nothing", vec![&empty_current, &good], "good"),
        ("an empty file", vec![&empty, &good], "good"),
    ] {
        let mut list = env::join_paths(files).unwrap();
        // Empty names are skipped too.
        list.push("::");
        let outcome = run(command().env("KUBECONFIG", &list));
        assert_eq!(outcome.status, Some(0), "{what}: {outcome:?}");
        let seen = api.seen();
        let authorization = seen[0].header("authorization");
        assert_eq!(authorization, Some(format!("Bearer {token}").as_str()), "{what}");
    }
}

#[test]
fn a_missing_file_is_reported_with_the_searched_places() {
    let folder = Folder::new("nowhere");
    let [a, b] = ["a", "b"].map(|name| folder.path().join(name));
    let list = env::join_paths([&a, &b]).unwrap();
    let outcome = run(command().env("KUBECONFIG", &list).env("HOME", folder.path()));
    assert_eq!(outcome.status, Some(2));
    let expected = format!(
        "portcullis: no cluster to ask: none of the files in KUBECONFIG is there ({}:{}), and this is no pod",
        a.display(),
        b.display()
    );
    assert!(outcome.err.starts_with(&expected), "{}", outcome.err);

    // An invalid file must not lead to another cluster.
    fs::write(&a, "- no\n- kubeconfig\n").unwrap();
    let outcome = run(command().env("KUBECONFIG", &list));
    assert_eq!(outcome.status, Some(2));
    let expected = format!("portcullis: kubeconfig {}: ", a.display());
    let err = &outcome.err;
    assert!(err.starts_with(&expected) && err.contains("must be a kubeconfig"), "{err}");
    assert_eq!(err.lines().count(), 1, "{err}");
}

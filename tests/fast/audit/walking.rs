use super::{stub::Stub, *};

const TOKEN: &str = "continue";

/// Namespaces whose order depends on the character after the name.
fn shops() -> Stub {
    let mut stub = Stub::default();
    for name in ["shop", "shop-a", "shop0", "empty", "zoo"] {
        stub.namespace(name, &json!({"pod-security.kubernetes.io/enforce": "baseline"}));
    }
    for name in ["shop", "shop-a", "shop0", "zoo"] {
        for i in 0..5 {
            let web = format!("web-{i}");
            stub.put(DEPLOYMENTS, name, &web, controller(&plain()));
            let set = format!("{web}-1");
            let of_web = owned(controller(&plain()), "apps/v1", "Deployment", &web);
            stub.put(REPLICA_SETS, name, &set, of_web);
            for j in 0..=i {
                let pod = owned(pod(&plain()), "apps/v1", "ReplicaSet", &set);
                stub.put(PODS, name, &format!("{set}-{j}"), pod);
            }
        }
    }
    stub
}

fn expected() -> Vec<String> {
    let namespaces = ["shop-a", "shop", "shop0", "zoo"].into_iter();
    let workloads = namespaces.flat_map(|namespace| {
        (0..5).map(move |i| format!("Deployment {namespace}/web-{i} {} baseline restricted", i + 1))
    });
    workloads.collect()
}

#[tokio::test]
async fn lists_are_walked_side_by_side_whatever_their_pages() {
    for page in [1, 2, 3, 7, 500] {
        let recorded = audit(&shops().client().0, &settings(page)).await;
        assert_eq!(recorded.workloads(), expected(), "pages of {page}");
        assert_eq!(
            recorded.names(),
            ["empty", "shop-a", "shop", "shop0", "zoo"],
            "pages of {page}"
        );
        assert_eq!(
            (&recorded.unread[..], &recorded.notes[..]),
            (&[][..], &[][..]),
            "pages of {page}"
        );
        let progress =
            AuditProgress { pods: 60, all_pods: Some(60), namespaces: 5, all_namespaces: 5 };
        assert_eq!(recorded.last, progress, "pages of {page}");
    }
}

#[tokio::test]
async fn a_list_that_is_forgotten_goes_on_where_it_was() {
    let mut stub = shops();
    // After the third pod: the stub uses the key as its token.
    stub.fail(PODS, 1, 410, json!({TOKEN: "shop-a/web-2-1-0"}));
    let recorded = audit(&stub.client().0, &settings(4)).await;
    assert_eq!(recorded.workloads(), expected());
    assert_eq!(recorded.unread, [""; 0]);
    assert_eq!(
        recorded.notes,
        [
            "the list of pods expired in the API server: the following objects are from a later state"
        ]
    );
}

#[tokio::test]
async fn or_is_begun_anew_without_counting_twice() {
    let mut stub = shops();
    stub.fail(PODS, 3, 410, json!({}));
    let recorded = audit(&stub.client().0, &settings(4)).await;
    assert_eq!(recorded.workloads(), expected());
    assert_eq!(recorded.unread, [""; 0]);
    assert!(recorded.notes[0].contains("it restarted"), "{:?}", recorded.notes);
}

#[tokio::test]
async fn a_busy_api_server_is_asked_again() {
    let mut stub = shops();
    for code in [429, 500, 503] {
        stub.fail(PODS, 2, code, json!({}));
    }
    let recorded = audit(&stub.client().0, &settings(4)).await;
    assert_eq!(recorded.workloads(), expected());
    assert_eq!(recorded.unread, [""; 0]);
}

#[tokio::test]
async fn lists_without_permission_are_reported_and_the_rest_is_judged() {
    let mut stub = shops();
    stub.forbid(REPLICA_SETS);
    let recorded = audit(&stub.client().0, &settings(4)).await;
    assert_eq!(
        recorded.unread,
        [
            r#"list replicasets.apps in all namespaces: is forbidden: User "reader" cannot list it (code 403)"#
        ]
    );
    // The list of ReplicaSets is incomplete, so they may still exist.
    assert!(
        recorded.workloads().contains(&"ReplicaSet shop/web-4-1 5 baseline restricted".to_owned()),
        "{:?}",
        recorded.workloads()
    );
    for namespace in &recorded.namespaces {
        let [unread] = &namespace.unread[..] else { panic!("{:?}", namespace.unread) };
        assert_eq!(unread.what, "list replicasets.apps");
        assert!(unread.why.contains("cannot list it (code 403)"), "{unread}");
        assert_eq!(namespace.meets(), None, "nobody knows");
    }
    assert!(recorded.namespaces.iter().all(|namespace| namespace.command.is_none()));
}

#[tokio::test]
async fn a_list_that_breaks_off_leaves_what_came_before() {
    let mut stub = shops();
    for _ in 0..5 {
        stub.fail(PODS, 9, 500, json!({}));
    }
    let recorded = audit(&stub.client().0, &settings(4)).await;
    assert_eq!(recorded.unread, ["list pods after namespace shop0: no (code 500)"]);
    let broken = |namespace: &&Namespace| !namespace.unread.is_empty();
    let broken: Vec<_> = recorded.namespaces.iter().filter(broken).collect();
    let names: Vec<_> = broken.iter().map(|namespace| &*namespace.facts.name).collect();
    assert_eq!(names, ["shop0", "zoo"]);
}

#[tokio::test]
async fn without_the_labels_of_namespaces_the_defaults_hold() {
    let mut stub = shops();
    stub.forbid("/api/v1/namespaces");
    let recorded = audit(&stub.client().0, &settings(500)).await;
    assert_eq!(recorded.names(), ["shop-a", "shop", "shop0", "zoo"]);
    assert_eq!(recorded.workloads(), expected());
    assert_eq!(recorded.unread.len(), 1, "{:?}", recorded.unread);
    assert!(
        recorded.unread[0].starts_with("list namespaces: is forbidden"),
        "{:?}",
        recorded.unread
    );
    assert!(recorded.namespaces.iter().all(|namespace| namespace.facts.labels.is_none()));
    assert!(recorded.namespaces.iter().all(|namespace| namespace.command.is_none()));
}

#[tokio::test]
async fn a_namespace_that_was_made_meanwhile_is_read_and_one_that_is_gone_is_left_out() {
    let mut stub = shops();
    stub.put(PODS, "gone", "web", pod(&plain()));
    stub.put(PODS, "late", "web", pod(&plain()));
    // The list of namespaces ends before it, as if it had been created later.
    let (client, stub) = stub.client();
    stub.lock().unwrap().late("late");
    let recorded = audit(&client, &settings(500)).await;
    assert_eq!(recorded.names(), ["empty", "late", "shop-a", "shop", "shop0", "zoo"]);
    assert_eq!(recorded.unread, [""; 0]);
}

/// Old kine and dqlite list like this: for any page size, every missing object is reported.
#[tokio::test]
async fn lists_out_of_order_are_read_a_namespace_at_a_time() {
    for shuffled in [&[PODS][..], &[REPLICA_SETS, PODS], &[DEPLOYMENTS], &[DEPLOYMENTS, PODS]] {
        for page in [1, 2, 3, 7, 500] {
            let mut stub = shops();
            for path in shuffled {
                stub.shuffle(path);
            }
            let (client, stub) = stub.client();
            let recorded = audit(&client, &settings(page)).await;
            let what = format!("{shuffled:?} in pages of {page}: {:?}", recorded.unread);
            assert_eq!(recorded.names(), ["empty", "shop-a", "shop", "shop0", "zoo"], "{what}");
            let note =
                recorded.notes.iter().filter(|note| note.contains("one namespace at a time"));
            assert_eq!(note.count(), shuffled.len(), "{what}: {:?}", recorded.notes);
            if recorded.unread.is_empty() {
                assert_eq!(recorded.workloads(), expected(), "{what}");
            } else {
                let is_named = |unread: &String| unread.contains("some of these may come later");
                assert!(page < 7 && recorded.unread.iter().all(is_named), "{what}");
            }
            let log = &stub.lock().unwrap().log;
            let alone = log.iter().filter(|uri| uri.contains("/namespaces/"));
            assert!(alone.count() >= 5 * shuffled.len(), "{what}: {log:#?}");
        }
    }
}

/// Without the right to list namespaces, their objects cannot be listed one namespace at a time.
#[tokio::test]
async fn lists_out_of_order_without_namespaces_are_not_believed() {
    let mut stub = shops();
    stub.shuffle(PODS);
    stub.forbid("/api/v1/namespaces");
    let recorded = audit(&stub.client().0, &settings(500)).await;
    assert_eq!(recorded.unread.len(), 2, "{:?}", recorded.unread);
    assert!(recorded.unread[1].contains("out of order"), "{:?}", recorded.unread);
    assert!(recorded.namespaces.iter().all(|namespace| namespace.meets().is_none()));
}

#[tokio::test]
async fn a_list_that_is_forgotten_again_and_again_is_asked_for_at_once() {
    let mut stub = shops();
    stub.forget(PODS);
    let (client, stub) = stub.client();
    let recorded = audit(&client, &settings(4)).await;
    assert_eq!((recorded.workloads(), &recorded.unread[..]), (expected(), &[][..]));
    let log = &stub.lock().unwrap().log;
    let whole = log.iter().filter(|uri| uri.starts_with(PODS) && !uri.contains("limit="));
    assert_eq!(whole.count(), 1, "{log:#?}");
}

#[tokio::test]
async fn pods_that_may_not_be_listed_leave_their_namespace_unknown() {
    let mut stub = shops();
    stub.forbid("/api/v1/namespaces/shop/pods");
    let namespaces = vec!["shop".to_owned(), "zoo".to_owned()];
    let recorded = audit(&stub.client().0, &AuditSettings { namespaces, ..settings(500) }).await;
    let meets: Vec<_> = recorded.namespaces.iter().map(Namespace::meets).collect();
    assert_eq!(meets, [None, Some((Level::Baseline, Level::Restricted))]);
    let [unread] = &recorded.namespaces[0].unread[..] else {
        panic!("{:?}", recorded.namespaces[0].unread)
    };
    assert!(unread.to_string().starts_with("list pods: is forbidden: User"), "{unread}");
}

#[tokio::test]
async fn one_namespace_is_listed_alone() {
    let (client, stub) = shops().client();
    let settings =
        AuditSettings { namespaces: vec!["shop".to_owned(), "none".to_owned()], ..settings(3) };
    let recorded = audit(&client, &settings).await;
    assert_eq!(recorded.names(), ["shop"]);
    assert_eq!(recorded.workloads().len(), 5);
    assert_eq!(recorded.unread, ["namespace none: not found"]);
    let log = &stub.lock().unwrap().log;
    let is_within =
        |uri: &String| ["/version", "/apis"].contains(&&**uri) || uri.contains("/namespaces/");
    assert!(log.iter().all(is_within), "{log:?}");
}

#[tokio::test]
async fn a_selector_selects_objects_and_not_their_owners() {
    let mut stub = shops();
    let mut selected = owned(pod(&root()), "apps/v1", "ReplicaSet", "web-0-1");
    selected["metadata"]["labels"] = json!({"app": "web"});
    stub.put(PODS, "shop", "web-0-1-x", selected);
    let settings = AuditSettings { selector: Some("app=web".to_owned()), ..settings(3) };
    let recorded = audit(&stub.client().0, &settings).await;
    // Only the selected objects: the rest of the namespace is unknown.
    assert_eq!(recorded.workloads(), ["Deployment shop/web-0 1 baseline baseline"]);
    assert_eq!(recorded.names(), ["shop"]);
    assert_eq!(recorded.namespaces[0].command, None);
}

#[tokio::test]
async fn an_api_server_that_cannot_be_asked_is_an_error() {
    let service = tower::service_fn(|_: http::Request<kube::client::Body>| async {
        Err::<http::Response<kube::client::Body>, _>(std::io::Error::other("nobody there"))
    });
    let client = Client::new(service, "default");
    let result = run(&client, &settings(500), async |_| Ok::<_, Infallible>(())).await;
    let error = result.unwrap_err().to_string();
    assert!(
        error.starts_with("cannot reach the API server: ") && error.contains("nobody there"),
        "{error}"
    );
}

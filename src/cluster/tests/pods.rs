//! Lists of pods: pages, limits and failures.

use super::*;

/// An intake with this maximum page size in bytes.
fn intake(page: usize) -> Intake {
    Intake::new(BodyLimits { page, ..BodyLimits::default() })
}

/// Reads a list to its end: the names of the pods, how many were not listed, and the error.
async fn list(
    cluster: &Cluster,
    intake: &Intake,
    deadline: Instant,
) -> (Vec<String>, Option<usize>, Option<ApiError>) {
    let (mut names, mut unlisted) = (Vec::new(), None);
    let mut pages = match cluster.pods.list("a", intake, Peer::default(), deadline).await {
        Ok(pages) => pages,
        Err(error) => return (names, unlisted, Some(error)),
    };
    loop {
        let page = match pages.next().await {
            Ok(Some(page)) => page,
            Ok(None) => return (names, unlisted, None),
            Err(error) => return (names, unlisted, Some(error)),
        };
        assert_eq!(intake.used(), page.size(), "one page at a time, under the budget");
        let read = page.read(|pods, _| {
            let name = |pod: &&str| {
                let pod: serde_json::Value = serde_json::from_str(pod).unwrap();
                pod["metadata"]["name"].as_str().unwrap().to_owned()
            };
            names.extend(pods.iter().map(name));
        });
        assert_eq!(intake.used(), 0);
        match read {
            Ok(following) => {
                unlisted = following.unlisted();
                pages.follow(following);
            }
            Err(error) => return (names, unlisted, Some(error)),
        }
    }
}

/// A page that begins at this pod, from a list of `pods` pods of `size` bytes each.
fn page(uri: &str, pods: usize, size: usize) -> Answer {
    let parameter = |name: &str| {
        let pairs = uri.split(['?', '&']).filter_map(|pair| pair.split_once('='));
        pairs.filter(|(key, _)| *key == name).map(|(_, value)| value.parse().unwrap()).next_back()
    };
    let (limit, first): (usize, usize) =
        (parameter("limit").unwrap(), parameter("continue").unwrap_or_default());
    let end = pods.min(first + limit);
    let filler = "x".repeat(size);
    let items: Vec<_> = (first..end)
        .map(|index| json!({"metadata": {"name": format!("p{index}")}, "filler": filler}))
        .collect();
    let mut metadata = json!({"continue": ""});
    if end < pods {
        metadata = json!({"continue": end.to_string(), "remainingItemCount": pods - end});
    }
    text(json!({"kind": "PodList", "metadata": metadata, "items": items}).to_string())
}

#[tokio::test]
async fn pods_are_listed_page_by_page_whatever_their_size() {
    for (pods, size) in [(0, 0), (3, 100), (730, 100), (30, 100_000), (5, 900_000)] {
        let client = api(move |uri| Box::pin(async move { page(&uri, pods, size) }));
        let (cluster, _task) = Cluster::new(client);
        let (names, unlisted, error) = list(&cluster, &intake(1 << 20), far()).await;
        let all: Vec<_> = (0..pods).map(|index| format!("p{index}")).collect();
        assert_eq!((names, unlisted, error), (all, Some(0), None), "{pods} pods of {size} bytes");
    }
}

#[tokio::test]
async fn a_pod_larger_than_a_page_ends_the_list() {
    let client = api(|uri| Box::pin(async move { page(&uri, 3, 2 << 20) }));
    let (cluster, _task) = Cluster::new(client);
    let (names, _, error) = list(&cluster, &intake(1 << 20), far()).await;
    assert_eq!((names, error), (Vec::new(), Some(ApiError::TooLittleMemory)));
}

#[tokio::test]
async fn what_was_listed_until_it_failed_is_kept() {
    let late: fn() -> BoxFuture<'static, Answer> = || Box::pin(std::future::pending());
    let gone: fn() -> BoxFuture<'static, Answer> = || Box::pin(async { refused(410, "expired") });
    let soon = Duration::from_millis(300);
    for (second, within, kind) in [(late, soon, "time"), (gone, soon * 100, "error")] {
        let client = api(move |uri| {
            if uri.contains("continue") {
                second()
            } else {
                Box::pin(async move { page(&uri, 900, 9) })
            }
        });
        let (cluster, _task) = Cluster::new(client);
        let (names, unlisted, error) =
            list(&cluster, &intake(1 << 20), Instant::now() + within).await;
        assert_eq!((names.len(), unlisted), (10, Some(890)));
        assert_eq!(error.map(|error| error.kind()), Some(kind));
    }
}

#[tokio::test]
async fn without_a_first_page_there_is_an_error() {
    let intake = intake(1 << 20);
    let refusing = api(|_| Box::pin(async { refused(403, "no") }));
    let (cluster, _task) = Cluster::new(refusing);
    let forbidden = ApiError::Forbidden("no (code 403)".to_owned());
    assert_eq!(list(&cluster, &intake, far()).await.2, Some(forbidden));

    let silent = api(|_| Box::pin(std::future::pending()));
    let (cluster, _task) = Cluster::new(silent);
    let soon = Instant::now() + Duration::from_millis(20);
    assert_eq!(list(&cluster, &intake, soon).await.2, Some(ApiError::Timeout));

    let garbled = api(|_| Box::pin(async { text("<html>") }));
    let (cluster, _task) = Cluster::new(garbled);
    let Some(ApiError::Unreadable(error)) = list(&cluster, &intake, far()).await.2 else {
        panic!("it was read");
    };
    assert!(error.starts_with("the list cannot be read: "), "{error}");
}

#[tokio::test]
async fn two_lists_at_a_time_and_one_for_each_peer() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let client = api(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::pending())
    });
    let (cluster, _task) = Cluster::new(client);
    let intake = &intake(1 << 20);
    for (peers, lists) in [(1, 1), (2, 2), (3, 2)] {
        asked.store(0, Ordering::Relaxed);
        let soon = Instant::now() + Duration::from_millis(200);
        let cluster = &cluster;
        let ask = |index: u8| async move {
            let peer = Peer(std::net::Ipv4Addr::new(10, 0, 0, index % peers).into());
            match cluster.pods.list("a", intake, peer, soon).await {
                Ok(mut pages) => pages.next().await.err(),
                Err(error) => Some(error),
            }
        };
        let errors = join_all((0..12).map(ask)).await;
        let waited = errors.iter().filter(|error| **error == Some(ApiError::TooManyLists));
        assert_eq!((asked.load(Ordering::Relaxed), waited.count()), (lists, 12 - lists));
    }
}

/// For any peer and namespace, no further requests reach the API server.
#[tokio::test]
async fn lists_are_limited_by_their_bytes() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let client = api(move |uri| {
        count.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move { page(&uri, 400, 10_000) })
    });
    let limits = RequestLimits {
        pod_bytes_per_second: 1.0,
        pod_bytes_at_once: 2e6,
        ..RequestLimits::default()
    };
    let (cluster, _task) = Cluster::with_limits(client, limits);
    let intake = intake(4 << 20);
    let (names, unlisted, error) = list(&cluster, &intake, far()).await;
    assert_eq!(error, Some(ApiError::TooManyLists));
    assert_eq!((names.len(), unlisted), (210, Some(190)));
    let before = asked.load(Ordering::Relaxed);
    for _ in 0..10 {
        let again = list(&cluster, &intake, far()).await;
        assert_eq!((again.0.len(), again.2), (0, Some(ApiError::TooManyLists)));
    }
    assert_eq!(asked.load(Ordering::Relaxed), before);
}

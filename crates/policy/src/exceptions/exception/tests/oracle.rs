//! Compares exceptions with an oracle that is independent of the controls: it lists everything that a pod does, and
//! checks whether an exception names each item.

use proptest::{
    prelude::*,
    sample::{select, subsequence},
    strategy::ValueTree as _,
};
use serde_json::{Value, json};

use super::*;
use crate::rules::Access;

const CAPABILITIES: [&str; 4] = ["NET_RAW", "NET_ADMIN", "SYS_ADMIN", "CHOWN"];
/// A capability that every pod may add.
const HARMLESS: &str = "CHOWN";
const PORTS: [i32; 5] = [0, 80, 9100, 9101, 30_005];
const PORT_TEXTS: [&str; 4] = ["80", "9100", "9100-9101", "30000-30010"];
const PATHS: [&str; 6] =
    ["/var/log", "/var/log/app", "/var/logs", "/", "/var/log/../../etc", "/var"];
const ALLOWED_PATHS: [&str; 3] = ["/var/log", "/var/log/app", "/var"];
const SYSCTLS: [&str; 3] = ["kernel.msgmax", "net.core.somaxconn", "kernel.shm_rmid_forced"];
/// A sysctl that every pod may set.
const SAFE: &str = "kernel.shm_rmid_forced";
const SHARED: [(&str, &str); 3] =
    [("network", "hostNetwork"), ("pid", "hostPID"), ("ipc", "hostIPC")];
const IMAGES: [&str; 3] = ["ghcr.io/shop/web:1", "ghcr.io/shop/agent:2", "busybox"];
const IMAGE_PATTERNS: [&str; 4] = ["ghcr.io/shop/*", "*/shop/agent:2", "busybox", "nginx"];
const NAMESPACES: [&str; 3] = ["shop", "team-a", "team-b"];
const NAMESPACE_PATTERNS: [&str; 2] = ["team-*", "*"];
const NOW: u64 = 1000;

#[derive(Clone, Debug)]
struct Made {
    image: &'static str,
    capabilities: Vec<&'static str>,
    ports: Vec<i32>,
    /// Per volume: whether it is mounted, and if so, whether writable.
    mounts: Vec<Option<bool>>,
    mounts_image: bool,
}

#[derive(Clone, Debug)]
struct Work {
    namespace: &'static str,
    init: usize,
    containers: Vec<Made>,
    volumes: Vec<&'static str>,
    /// For an image volume.
    image: Option<&'static str>,
    shared: Vec<(&'static str, &'static str)>,
    sysctls: Vec<&'static str>,
}

#[derive(Clone, Debug)]
struct Written {
    namespaces: Vec<&'static str>,
    namespace_patterns: Vec<&'static str>,
    images: Vec<&'static str>,
    capabilities: Vec<&'static str>,
    ports: Vec<&'static str>,
    /// With whether the path is read-only.
    paths: Vec<(&'static str, bool)>,
    shared: Vec<(&'static str, &'static str)>,
    sysctls: Vec<&'static str>,
    ends: Option<u64>,
}

prop_compose! {
    fn made()(
        image in select(IMAGES.to_vec()),
        capabilities in subsequence(CAPABILITIES.to_vec(), 0..=2),
        ports in subsequence(PORTS.to_vec(), 0..=2),
        mounts in prop::collection::vec(prop::option::of(any::<bool>()), 2),
        mounts_image in any::<bool>(),
    ) -> Made {
        Made { image, capabilities, ports, mounts, mounts_image }
    }
}

prop_compose! {
    fn work()(
        namespace in select(NAMESPACES.to_vec()),
        init in 0..3_usize,
        containers in prop::collection::vec(made(), 1..=3),
        volumes in prop::collection::vec(select(PATHS.to_vec()), 0..=2),
        image in prop_oneof![4 => Just(None), 1 => select(IMAGES.to_vec()).prop_map(Some)],
        shared in subsequence(SHARED.to_vec(), 0..=1),
        sysctls in subsequence(SYSCTLS.to_vec(), 0..=1),
    ) -> Work {
        let init = init.min(containers.len() - 1);
        Work { namespace, init, containers, volumes, image, shared, sysctls }
    }
}

prop_compose! {
    fn written()(
        namespaces in subsequence(NAMESPACES.to_vec(), 1..=3),
        namespace_patterns in
            prop_oneof![3 => Just(Vec::new()), 1 => subsequence(NAMESPACE_PATTERNS.to_vec(), 1..=2)],
        images in prop_oneof![Just(Vec::new()), subsequence(IMAGE_PATTERNS.to_vec(), 1..=3)],
        capabilities in subsequence(CAPABILITIES.to_vec(), 0..=4),
        ports in subsequence(PORT_TEXTS.to_vec(), 0..=4),
        paths in subsequence(ALLOWED_PATHS.to_vec(), 0..=3),
        read_only in any::<[bool; 3]>(),
        shared in subsequence(SHARED.to_vec(), 0..=3),
        sysctls in subsequence(SYSCTLS.to_vec(), 0..=3),
        ends in prop::option::of(select(vec![NOW - 1, NOW, NOW + 1])),
    ) -> Written {
        let paths = paths.into_iter().zip(read_only).collect();
        Written {
            namespaces, namespace_patterns, images, capabilities, ports, paths, shared, sysctls, ends,
        }
    }
}

impl Made {
    fn json(&self, index: usize, volumes: usize) -> Value {
        let mount = |(volume, mount): (usize, &Option<bool>)| {
            let is_written = (*mount)?;
            let name = format!("v{volume}");
            Some(json!({"name": name, "mountPath": "/m", "readOnly": !is_written}))
        };
        let mounts = self.mounts.iter().enumerate().take(volumes).filter_map(mount);
        let image = self.mounts_image.then(|| json!({"name": "image", "mountPath": "/image"}));
        let port = |port| json!({"containerPort": 80, "hostPort": port});
        json!({
            "name": format!("c{index}"),
            "image": self.image,
            "ports": self.ports.iter().map(port).collect::<Vec<_>>(),
            "volumeMounts": mounts.chain(image).collect::<Vec<_>>(),
            "securityContext": {"capabilities": {"add": self.capabilities}},
        })
    }
}

impl Work {
    fn json(&self) -> String {
        let containers = self.containers.iter().enumerate();
        let containers: Vec<_> =
            containers.map(|(index, made)| made.json(index, self.volumes.len())).collect();
        let (init, main) = containers.split_at(self.init);
        let volume = |(index, path): (usize, &&str)| json!({"name": format!("v{index}"), "hostPath": {"path": path}});
        let image = self.image.map(|image| json!({"name": "image", "image": {"reference": image}}));
        let sysctl = |name| json!({"name": name, "value": "1"});
        let mut spec = json!({
            "initContainers": init,
            "containers": main,
            "volumes": self.volumes.iter().enumerate().map(volume).chain(image).collect::<Vec<_>>(),
            "securityContext": {"sysctls": self.sysctls.iter().map(sysctl).collect::<Vec<_>>()},
        });
        for (_, field) in &self.shared {
            spec[*field] = json!(true);
        }
        json!({"spec": spec}).to_string()
    }
}

impl Written {
    fn exception(&self, name: usize) -> Exception {
        let mut allow = Relaxation::default();
        // A value that the list already contains is rejected, and not missed.
        let mut add = |value| drop(allow.add(value));
        self.capabilities.iter().for_each(|it| add(Allowed::Capability(it)));
        self.ports.iter().rev().for_each(|it| add(Allowed::HostPorts(it)));
        self.shared.iter().for_each(|(it, _)| add(Allowed::HostNamespace(it)));
        self.sysctls.iter().for_each(|it| add(Allowed::Sysctl(it)));
        for (path, read_only) in self.known_paths() {
            let access = if read_only { Access::ReadOnly } else { Access::ReadWrite };
            add(Allowed::HostPath(path, access));
        }
        Exception {
            name: format!("x/{name}"),
            matches: Match {
                images: images(&self.images),
                ..within(&[&self.namespaces[..], &self.namespace_patterns].concat())
            },
            allow,
            reason: String::new(),
            owner: String::new(),
            expires: self.ends.map(at),
        }
    }

    /// The widest first.
    fn known_paths(&self) -> Vec<(&'static str, bool)> {
        let mut paths = self.paths.clone();
        paths.sort_by_key(|(path, _)| path.len());
        paths
    }

    /// Whether it covers this image here and now: compares text, without patterns.
    fn is_for(&self, work: &Work, image: &str) -> bool {
        let here = self.namespaces.contains(&work.namespace)
            || self.namespace_patterns.contains(&"*")
            || (self.namespace_patterns.contains(&"team-*") && work.namespace != "shop");
        let fits = |pattern: &&str| match *pattern {
            "ghcr.io/shop/*" => image.starts_with("ghcr.io/shop/"),
            "*/shop/agent:2" => image == "ghcr.io/shop/agent:2",
            exact => exact == image,
        };
        let is_over = matches!(self.ends, Some(end) if end <= NOW);
        here && !is_over && (self.images.is_empty() || self.images.iter().any(fits))
    }

    fn is_for_all(&self, work: &Work) -> bool {
        let images = work.containers.iter().map(|made| made.image);
        images.chain(work.image).all(|image| self.is_for(work, image))
    }

    fn names_port(&self, port: i32) -> bool {
        self.ports.iter().any(|text| match *text {
            "80" => port == 80,
            "9100" => port == 9100,
            "9100-9101" => port == 9100 || port == 9101,
            _ => (30_000..=30_010).contains(&port),
        })
    }

    fn names_path(&self, path: &str, is_written: bool) -> bool {
        let within: &[&str] = match path {
            "/var/log" => &["/var", "/var/log"],
            "/var/log/app" => &["/var", "/var/log", "/var/log/app"],
            "/var/logs" | "/var" => &["/var"],
            _ => &[],
        };
        let names =
            |(path, read_only): &(&str, bool)| within.contains(path) && !(is_written && *read_only);
        self.paths.iter().any(names)
    }
}

/// Whether exceptions name every single thing that the pod does.
fn all_is_named(work: &Work, all: &[Written]) -> bool {
    let of_pod =
        |named: &dyn Fn(&Written) -> bool| all.iter().any(|it| it.is_for_all(work) && named(it));
    let is_written =
        |volume: usize| work.containers.iter().any(|made| made.mounts[volume] == Some(true));
    let is_made = |made: &Made| {
        let of_one = |named: &dyn Fn(&Written) -> bool| {
            all.iter().any(|it| {
                let mounted = work.image.filter(|_| made.mounts_image);
                it.is_for(work, made.image)
                    && mounted.is_none_or(|image| it.is_for(work, image))
                    && named(it)
            })
        };
        let mut capabilities = made.capabilities.iter().filter(|name| **name != HARMLESS);
        let mut ports = made.ports.iter().filter(|port| **port != 0);
        capabilities.all(|name| of_one(&|it| it.capabilities.contains(name)))
            && ports.all(|port| of_one(&|it| it.names_port(*port)))
    };
    let mut volumes = work.volumes.iter().enumerate();
    let mut sysctls = work.sysctls.iter().filter(|name| **name != SAFE);
    work.containers.iter().all(is_made)
        && volumes.all(|(index, path)| of_pod(&|it| it.names_path(path, is_written(index))))
        && work.shared.iter().all(|shared| of_pod(&|it| it.shared.contains(shared)))
        && sysctls.all(|name| of_pod(&|it| it.sysctls.contains(name)))
}

fn is_admitted(work: &Work, exceptions: impl IntoIterator<Item = Exception>) -> bool {
    let json = work.json();
    let pod = pod(&json);
    let exceptions: Exceptions = exceptions.into_iter().collect();
    let covering = exceptions.covering(&Subject::of(&pod, work.namespace, "dev"), at(NOW));
    let relaxed = Relaxed::by(&pod, &covering.grants());
    let levels = LevelVersion::latest(Level::Baseline).into();
    controls(levels, &relaxed).is_empty()
}

fn exceptions(all: &[Written]) -> Vec<Exception> {
    all.iter().enumerate().map(|(name, it)| it.exception(name)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_pod_is_admitted_when_all_that_it_does_is_named_and_never_else(
        work in work(),
        all in prop::collection::vec(written(), 0..4),
    ) {
        prop_assert_eq!(is_admitted(&work, exceptions(&all)), all_is_named(&work, &all));
    }

    #[test]
    fn no_order_matters(
        work in work(),
        mut all in prop::collection::vec(written(), 2..5),
        turn in 0..5_usize,
    ) {
        let before = is_admitted(&work, exceptions(&all));
        let mut turned = exceptions(&all);
        turned.rotate_left(turn % all.len());
        prop_assert_eq!(is_admitted(&work, turned), before);
        // The names, by which they are sorted, do not matter either.
        all.reverse();
        prop_assert_eq!(is_admitted(&work, exceptions(&all)), before);
    }
}

/// The generated cases have both outcomes: a property that only sees denials proves little.
#[test]
fn of_the_pods_that_ask_for_something_some_are_admitted_and_some_are_not() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = (work(), prop::collection::vec(written(), 0..4));
    let (mut asking, mut named) = (0, 0);
    for _ in 0..500 {
        let (work, all) = strategy.new_tree(&mut runner).unwrap().current();
        if !all_is_named(&work, &[]) {
            asking += 1;
            named += usize::from(all_is_named(&work, &all));
        }
    }
    assert!(asking > 300 && named > 30 && named < asking / 2, "{named} of {asking}");
}

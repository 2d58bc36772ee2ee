//! Starts a container's program in the pod's network, with a private read-only root that contains the volumes, and with
//! the user and rights of the pod's spec.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::env::{Env, env, words};
use super::volumes::Volumes;

/// The path of the program in our image.
const PROGRAM: &str = "/portcullis";

/// The user of our image.
const IMAGE_USER: u64 = 65532;

/// Builds the root and becomes the program. Contains the system's libraries, because the program is not linked
/// statically here.
const BECOME: &str = r#"
set -e
root=$1 pid=$2 program=$3 dns=$4
shift 4
mkdir -p "$root"
mount -t tmpfs -o mode=755 tmpfs "$root"
cd "$root"
mkdir etc proc dev
for name in usr bin sbin lib lib32 lib64; do
    if [ -L "/$name" ]; then
        cp -P "/$name" "$name"
    elif [ -d "/$name" ]; then
        mkdir "$name"
        mount --rbind "/$name" "$name"
    fi
done
mount --rbind /proc proc
mount --rbind /dev dev
printf '127.0.0.1 localhost\n' >etc/hosts
printf 'hosts: files dns\n' >etc/nsswitch.conf
printf 'nameserver %s\noptions ndots:1\n' "$dns" >etc/resolv.conf
touch portcullis
mount --bind "$program" portcullis
while [ "$1" != -- ]; do
    mkdir -p ".$2"
    mount --bind "$1" ".$2"
    if [ "$3" = ro ]; then mount -o remount,bind,ro ".$2"; fi
    shift 3
done
shift
mount -o remount,ro "$root"
echo $$ >"$pid"
exec chroot . "$@"
"#;

/// The environment in which a container starts.
pub(super) struct Site<'a> {
    /// The file of the network namespace.
    pub(super) network: &'a str,
    /// The pod's folder.
    pub(super) folder: &'a Path,
    /// The Services of its namespace.
    pub(super) services: &'a [Value],
    /// The address of the name server.
    pub(super) dns: &'a str,
}

/// What starts the pod's first container.
pub(super) fn command(pod: &Value, volumes: &Volumes, site: &Site<'_>) -> Command {
    let container = &pod["spec"]["containers"][0];
    let env = env(pod, container, site.services);
    let mut command = Command::new("nsenter");
    command.arg(format!("--net={}", site.network));
    command.args(["unshare", "--mount", "sh", "-c", BECOME, "become"]);
    command.arg(site.folder.join("root")).arg(site.folder.join("pid"));
    command.args([env!("CARGO_BIN_EXE_portcullis"), site.dns]);
    for mount in container["volumeMounts"].as_array().into_iter().flatten() {
        let text = |key: &str| mount[key].as_str().unwrap();
        assert!(mount.get("subPath").is_none(), "a subPath would never be updated");
        command.arg(volumes.path(text("name"))).arg(text("mountPath"));
        command.arg(if mount["readOnly"] == true { "ro" } else { "rw" });
    }
    command.arg("--").args(["/usr/bin/env", "-i"]);
    command.args(env.iter().map(|(name, value)| format!("{name}={value}")));
    command.args(rights(pod, container));
    command.args(argv(container, &env));
    command
}

/// `command` takes the place of the image's entry point.
fn argv(container: &Value, env: &Env) -> Vec<String> {
    let mut argv = words(&container["command"], env);
    if argv.is_empty() {
        argv.push(PROGRAM.to_owned());
    }
    argv.extend(words(&container["args"], env));
    argv
}

/// What `setpriv` has to be told.
fn rights(pod: &Value, container: &Value) -> Vec<String> {
    let of_pod = &pod["spec"]["securityContext"];
    let own = &container["securityContext"];
    let id = |key: &str| own[key].as_u64().or(of_pod[key].as_u64()).unwrap_or(IMAGE_USER);
    let mut words = vec![
        "/usr/bin/setpriv".to_owned(),
        format!("--reuid={}", id("runAsUser")),
        format!("--regid={}", id("runAsGroup")),
    ];
    match of_pod["fsGroup"].as_u64() {
        Some(group) => words.push(format!("--groups={group}")),
        None => words.push("--clear-groups".to_owned()),
    }
    let drops_all =
        own["capabilities"]["drop"].as_array().is_some_and(|drop| drop.contains(&"ALL".into()));
    if drops_all {
        words.extend(["--inh-caps=-all", "--bounding-set=-all"].map(str::to_owned));
    }
    if own["allowPrivilegeEscalation"] == false {
        words.push("--no-new-privs".to_owned());
    }
    words
}

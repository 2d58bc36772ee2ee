//! The configuration files of containerd and the kubelet, and the CNI plugin of the pods' network.

use std::path::Path;

use serde_json::json;

use crate::support::{namespaces::ROUTER, services::DNS};

/// The sandbox image.
pub(super) const PAUSE: &str = "registry.example/pause:1";

/// containerd, with all its files below `folder`. `restrict_oom_score_adj` because a container of this machine may lack
/// the permission to lower it.
pub(super) fn containerd(folder: &Path, runc: &Path) -> String {
    let (folder, runc) = (folder.display(), runc.display());
    format!(
        r#"
version = 2
root = "{folder}/containerd"
state = "/run/containerd-tests"
[grpc]
  address = "/run/containerd-tests.sock"
[ttrpc]
  address = "/run/containerd-tests.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
  path = "{folder}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{folder}/cni/bin"
    conf_dir = "{folder}/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      BinaryName = "{runc}"
      SystemdCgroup = false
"#
    )
}

/// The KubeletConfiguration. Only the test can reach the kubelet, so it needs no authentication.
pub(super) fn kubelet(folder: &Path, cgroup: &str) -> String {
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": ROUTER,
        "readOnlyPort": 0,
        "healthzPort": 0,
        "authentication": {"anonymous": {"enabled": true}, "webhook": {"enabled": false}},
        "authorization": {"mode": "AlwaysAllow"},
        "containerRuntimeEndpoint": "unix:///run/containerd-tests.sock",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": format!("/{cgroup}"),
        "failCgroupV1": false,
        "failSwapOn": false,
        "oomScoreAdj": 0,
        "enforceNodeAllocatable": ["pods"],
        "makeIPTablesUtilChains": false,
        "podLogsDir": folder.join("pod-logs"),
        "volumePluginDir": folder.join("volume-plugins"),
        "resolvConf": "",
        "clusterDNS": [DNS],
        "clusterDomain": "cluster.local",
        "evictionHard": {"memory.available": "1Mi"},
        "imageGCHighThresholdPercent": 100,
        // The tests change ConfigMaps and wait for the effect.
        "syncFrequency": "5s",
        "shutdownGracePeriod": "0s",
    })
    .to_string()
}

/// The network of pods: each has an address and the test's network as its router.
pub(super) const NETWORK: &str =
    r#"{"cniVersion": "0.4.0", "name": "tests", "plugins": [{"type": "tests"}]}"#;

/// The CNI plugin: a program that reads its command from the environment, and prints the result. Also used as the
/// plugin `loopback`.
pub(super) fn plugin(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        r#"#!/bin/sh
set -e
case "$CNI_COMMAND" in
VERSION)
    echo '{{"cniVersion": "0.4.0", "supportedVersions": ["0.3.0", "0.3.1", "0.4.0"]}}'
    exit;;
DEL)
    exit;;
ADD) ;;
*) exit;;
esac
inside() {{ nsenter --net="$CNI_NETNS" ip "$@"; }}
if [ "$(basename "$0")" = loopback ]; then
    inside link set lo up
    echo '{{"cniVersion": "0.4.0", "interfaces": [], "ips": []}}'
    exit
fi
number=1
until mkdir "{folder}/addresses/$number" 2>/dev/null; do number=$((number + 1)); done
address=10.99.$((number / 250)).$((number % 250 + 1))
link=pod$number
ip link add "$link" type veth peer name "$CNI_IFNAME" netns "$CNI_NETNS"
ip link set "$link" up
ip route add "$address" dev "$link" src {ROUTER}
inside link set "$CNI_IFNAME" up
inside addr add "$address/32" dev "$CNI_IFNAME"
inside route add {ROUTER} dev "$CNI_IFNAME"
inside route add default via {ROUTER}
cat <<END
{{"cniVersion": "0.4.0",
 "interfaces": [{{"name": "$CNI_IFNAME", "sandbox": "$CNI_NETNS"}}],
 "ips": [{{"version": "4", "address": "$address/32", "gateway": "{ROUTER}", "interface": 0}}]}}
END
"#
    )
}

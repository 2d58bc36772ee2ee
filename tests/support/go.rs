//! Builds the Go programs under `tests/go`, once per state of their sources.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::skip::{Skip, say};

/// A program under `tests/go`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Program {
    Etcd,
    KubeApiserver,
    KubeControllerManager,
    KubeScheduler,
    Kubelet,
    /// The program in containers of the tests.
    Pause,
    /// Upstream's Pod Security admission webhook.
    PsaWebhook,
    /// Upstream's policy library, queried line by line.
    PsaOracle,
    Helm3,
    Helm4,
    Kustomize,
    Promtool,
    /// Prometheus' parser, which extracts the selectors of an expression.
    PromQl,
    /// Validates JSON against a JSON Schema.
    Schema,
    /// sigs.k8s.io/yaml, queried line by line.
    Yaml,
}

impl Program {
    /// The file name of the built program, its module's folder, and its package there.
    fn layout(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Etcd => ("etcd", "etcd", "."),
            Self::KubeApiserver => ("kube-apiserver", "controlplane", "./cmd/kube-apiserver"),
            Self::KubeControllerManager => {
                ("kube-controller-manager", "controlplane", "./cmd/kube-controller-manager")
            }
            Self::KubeScheduler => ("kube-scheduler", "controlplane", "./cmd/kube-scheduler"),
            Self::Kubelet => ("kubelet", "controlplane", "./cmd/kubelet"),
            Self::Pause => ("pause", "pause", "."),
            Self::PsaWebhook => ("psa-webhook", "psa", "./cmd/webhook"),
            Self::PsaOracle => ("psa-oracle", "psa", "./cmd/oracle"),
            // Upstream's own commands, pinned by our modules.
            Self::Helm3 => ("helm3", "helm3", "helm.sh/helm/v3/cmd/helm"),
            Self::Helm4 => ("helm4", "helm4", "helm.sh/helm/v4/cmd/helm"),
            Self::Promtool => {
                ("promtool", "promtool", "github.com/prometheus/prometheus/cmd/promtool")
            }
            Self::PromQl => ("promql", "promtool", "./cmd/promql"),
            Self::Schema => ("schema", "schema", "."),
            Self::Yaml => ("yaml", "yaml", "."),
            Self::Kustomize => ("kustomize", "kustomize", "sigs.k8s.io/kustomize/kustomize/v5"),
        }
    }

    /// The reported version, which must be set at link time.
    fn linker_flags(self) -> &'static str {
        match self {
            Self::KubeApiserver
            | Self::KubeControllerManager
            | Self::KubeScheduler
            | Self::Kubelet => {
                "-s -w -X k8s.io/component-base/version.gitVersion=v1.36.3 \
                 -X k8s.io/component-base/version.gitMajor=1 \
                 -X k8s.io/component-base/version.gitMinor=36"
            }
            // Without it, Helm 3 assumes Kubernetes 1.20 for clusters that it cannot reach.
            Self::Helm3 => {
                "-s -w -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1 \
                 -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=36 \
                 -X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor=1 \
                 -X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor=36"
            }
            Self::Etcd
            | Self::PsaWebhook
            | Self::PsaOracle
            | Self::Helm4
            | Self::Kustomize
            | Self::Pause
            | Self::Promtool
            | Self::PromQl
            | Self::Schema
            | Self::Yaml => "-s -w",
        }
    }

    /// Build tags. Without this one, promtool contains the clients of two dozen clouds.
    fn tags(self) -> &'static str {
        match self {
            Self::Promtool => "remove_all_sd",
            _ => "",
        }
    }
}

/// The path of the built program. The first call builds it, which can take minutes; parallel tests and processes wait.
/// Panics if the build fails.
pub(crate) fn build(program: Program) -> Result<PathBuf, Skip> {
    require_go()?;
    let (name, module, package) = program.layout();
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/go").join(module);
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("go");
    fs::create_dir_all(&cache).unwrap();
    let hash = hash_sources(&module, package, program.linker_flags());
    let built = cache.join(format!("{name}-{hash:016x}"));

    let lock = File::create(cache.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    if !built.exists() {
        say(&format!(
            "building {name} with Go: minutes the first time, then kept in {}",
            cache.display()
        ));
        let unfinished = built.with_extension("unfinished");
        let output = Command::new("go")
            .args([
                "build",
                "-trimpath",
                "-buildvcs=false",
                "-ldflags",
                program.linker_flags(),
                "-tags",
                program.tags(),
                "-o",
            ])
            .arg(&unfinished)
            .arg(package)
            .current_dir(&module)
            .env("CGO_ENABLED", "0")
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "go build {name}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        fs::rename(unfinished, &built).unwrap();
    }
    Ok(built)
}

/// Skips a test that runs Go programs if there is no Go.
pub(crate) fn require_go() -> Result<(), Skip> {
    match Command::new("go").arg("version").output() {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(Skip::needs("Go")),
        Err(error) => panic!("go version: {error}"),
    }
}

fn hash_sources(module: &Path, package: &str, flags: &str) -> u64 {
    let mut sources = Vec::new();
    // Other packages are upstream's, pinned by go.sum.
    if package.starts_with('.') {
        sources.extend(
            fs::read_dir(module.join(package))
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .filter(|path| path.extension().is_some_and(|extension| extension == "go")),
        );
    }
    sources.sort();
    sources.extend([module.join("go.mod"), module.join("go.sum")]);
    let mut hasher = DefaultHasher::new();
    flags.hash(&mut hasher);
    for source in sources {
        fs::read(source).unwrap().hash(&mut hasher);
    }
    hasher.finish()
}

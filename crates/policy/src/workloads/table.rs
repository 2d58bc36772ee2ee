//! The kinds that hold pods, and where: one row each. A configuration adds rows.
//!
//! The paths of Kubernetes' own kinds are those of its API, the others those of each project's custom resource
//! definition.

use std::borrow::Cow;

use super::{PodForm, WorkloadKind};

const fn row(
    group: &'static str,
    kind: &'static str,
    plural: &'static str,
    form: PodForm,
    paths: &'static str,
) -> WorkloadKind {
    WorkloadKind {
        group: Cow::Borrowed(group),
        kind: Cow::Borrowed(kind),
        plural: Cow::Borrowed(plural),
        form,
        paths: Cow::Borrowed(paths),
    }
}

const fn template(
    group: &'static str,
    kind: &'static str,
    plural: &'static str,
    paths: &'static str,
) -> WorkloadKind {
    row(group, kind, plural, PodForm::Template, paths)
}

const fn spec(
    group: &'static str,
    kind: &'static str,
    plural: &'static str,
    paths: &'static str,
) -> WorkloadKind {
    row(group, kind, plural, PodForm::Spec, paths)
}

const fn container(
    group: &'static str,
    kind: &'static str,
    plural: &'static str,
    paths: &'static str,
) -> WorkloadKind {
    row(group, kind, plural, PodForm::Container, paths)
}

const SPEC: &str = "spec.template";
/// Where an Argo workflow has containers: below `spec`, and below `spec.workflowSpec` of a CronWorkflow.
const ARGO: &str = "spec.templates[].container spec.templates[].script spec.templates[].initContainers[] \
    spec.templates[].sidecars[] spec.templates[].containerSet.containers[]";
const ARGO_CRON: &str = "spec.workflowSpec.templates[].container spec.workflowSpec.templates[].script \
    spec.workflowSpec.templates[].initContainers[] spec.workflowSpec.templates[].sidecars[] \
    spec.workflowSpec.templates[].containerSet.containers[]";
const ARGO_METRICS: &str = "spec.metrics[].provider.job.spec.template";

/// Kubernetes' own kinds. The webhook is registered for them by default.
pub(super) const BUILT_IN: &[WorkloadKind] = &[
    template("batch", "CronJob", "cronjobs", "spec.jobTemplate.spec.template"),
    template("apps", "DaemonSet", "daemonsets", SPEC),
    template("apps", "Deployment", "deployments", SPEC),
    template("batch", "Job", "jobs", SPEC),
    template("", "PodTemplate", "podtemplates", "template"),
    template("apps", "ReplicaSet", "replicasets", SPEC),
    template("", "ReplicationController", "replicationcontrollers", SPEC),
    template("apps", "StatefulSet", "statefulsets", SPEC),
];

/// Kinds of other projects.
pub(super) const CUSTOM: &[WorkloadKind] = &[
    template(
        "actions.github.com",
        "AutoscalingRunnerSet",
        "autoscalingrunnersets",
        "spec.template spec.listenerTemplate",
    ),
    template(
        "apps.kruise.io",
        "AdvancedCronJob",
        "advancedcronjobs",
        "spec.template.jobTemplate.spec.template spec.template.broadcastJobTemplate.spec.template",
    ),
    template("apps.kruise.io", "BroadcastJob", "broadcastjobs", SPEC),
    template("apps.kruise.io", "CloneSet", "clonesets", SPEC),
    template("apps.kruise.io", "DaemonSet", "daemonsets", SPEC),
    container(
        "apps.kruise.io",
        "SidecarSet",
        "sidecarsets",
        "spec.containers[] spec.initContainers[]",
    ),
    template("apps.kruise.io", "StatefulSet", "statefulsets", SPEC),
    template(
        "apps.kruise.io",
        "UnitedDeployment",
        "uniteddeployments",
        "spec.template.statefulSetTemplate.spec.template spec.template.advancedStatefulSetTemplate.spec.template \
         spec.template.cloneSetTemplate.spec.template spec.template.deploymentTemplate.spec.template",
    ),
    template("apps.openshift.io", "DeploymentConfig", "deploymentconfigs", SPEC),
    template("argoproj.io", "AnalysisRun", "analysisruns", ARGO_METRICS),
    template("argoproj.io", "AnalysisTemplate", "analysistemplates", ARGO_METRICS),
    template("argoproj.io", "ClusterAnalysisTemplate", "clusteranalysistemplates", ARGO_METRICS),
    container("argoproj.io", "ClusterWorkflowTemplate", "clusterworkflowtemplates", ARGO),
    container("argoproj.io", "CronWorkflow", "cronworkflows", ARGO_CRON),
    template("argoproj.io", "Experiment", "experiments", "spec.templates[].template"),
    template("argoproj.io", "Rollout", "rollouts", SPEC),
    container("argoproj.io", "Workflow", "workflows", ARGO),
    container("argoproj.io", "WorkflowTemplate", "workflowtemplates", ARGO),
    template("batch.volcano.sh", "CronJob", "cronjobs", "spec.jobTemplate.spec.tasks[].template"),
    template("batch.volcano.sh", "Job", "jobs", "spec.tasks[].template"),
    template(
        "disaggregatedset.x-k8s.io",
        "DisaggregatedSet",
        "disaggregatedsets",
        "spec.roles[].spec.leaderWorkerTemplate.leaderTemplate \
         spec.roles[].spec.leaderWorkerTemplate.workerTemplate",
    ),
    template(
        "flink.apache.org",
        "FlinkDeployment",
        "flinkdeployments",
        "spec.podTemplate spec.jobManager.podTemplate spec.taskManager.podTemplate",
    ),
    template("flow.volcano.sh", "JobTemplate", "jobtemplates", "spec.tasks[].template"),
    template("grafana.integreatly.org", "Grafana", "grafanas", "spec.deployment.spec.template"),
    template(
        "jobset.x-k8s.io",
        "JobSet",
        "jobsets",
        "spec.replicatedJobs[].template.spec.template",
    ),
    template("keda.sh", "ScaledJob", "scaledjobs", "spec.jobTargetRef.template"),
    template("kubeflow.org", "JAXJob", "jaxjobs", "spec.jaxReplicaSpecs{}.template"),
    template("kubeflow.org", "MPIJob", "mpijobs", "spec.mpiReplicaSpecs{}.template"),
    template("kubeflow.org", "Notebook", "notebooks", SPEC),
    template("kubeflow.org", "PaddleJob", "paddlejobs", "spec.paddleReplicaSpecs{}.template"),
    template("kubeflow.org", "PyTorchJob", "pytorchjobs", "spec.pytorchReplicaSpecs{}.template"),
    template("kubeflow.org", "TFJob", "tfjobs", "spec.tfReplicaSpecs{}.template"),
    template("kubeflow.org", "XGBoostJob", "xgboostjobs", "spec.xgbReplicaSpecs{}.template"),
    template(
        "leaderworkerset.x-k8s.io",
        "LeaderWorkerSet",
        "leaderworkersets",
        "spec.leaderWorkerTemplate.leaderTemplate spec.leaderWorkerTemplate.workerTemplate",
    ),
    template("postgresql.cnpg.io", "Pooler", "poolers", SPEC),
    template(
        "ray.io",
        "RayCluster",
        "rayclusters",
        "spec.headGroupSpec.template spec.workerGroupSpecs[].template",
    ),
    template(
        "ray.io",
        "RayJob",
        "rayjobs",
        "spec.rayClusterSpec.headGroupSpec.template spec.rayClusterSpec.workerGroupSpecs[].template \
         spec.submitterPodTemplate",
    ),
    template(
        "ray.io",
        "RayService",
        "rayservices",
        "spec.rayClusterConfig.headGroupSpec.template spec.rayClusterConfig.workerGroupSpecs[].template",
    ),
    template("serving.knative.dev", "Configuration", "configurations", SPEC),
    template("serving.knative.dev", "Service", "services", SPEC),
    container(
        "serving.kserve.io",
        "ClusterStorageContainer",
        "clusterstoragecontainers",
        "spec.container",
    ),
    spec("serving.kserve.io", "ClusterServingRuntime", "clusterservingruntimes", "spec"),
    spec(
        "serving.kserve.io",
        "InferenceService",
        "inferenceservices",
        "spec.predictor spec.explainer spec.transformer",
    ),
    spec("serving.kserve.io", "LLMInferenceService", "llminferenceservices", LLM),
    spec("serving.kserve.io", "LLMInferenceServiceConfig", "llminferenceserviceconfigs", LLM),
    spec("serving.kserve.io", "ServingRuntime", "servingruntimes", "spec"),
    template(
        "sparkoperator.k8s.io",
        "ScheduledSparkApplication",
        "scheduledsparkapplications",
        "spec.template.driver.template spec.template.executor.template",
    ),
    template(
        "sparkoperator.k8s.io",
        "SparkApplication",
        "sparkapplications",
        "spec.driver.template spec.executor.template",
    ),
    container(
        "tekton.dev",
        "Pipeline",
        "pipelines",
        "spec.tasks[].taskSpec.steps[] spec.tasks[].taskSpec.sidecars[] \
         spec.finally[].taskSpec.steps[] spec.finally[].taskSpec.sidecars[]",
    ),
    container("tekton.dev", "Task", "tasks", "spec.steps[] spec.sidecars[]"),
    container(
        "tekton.dev",
        "TaskRun",
        "taskruns",
        "spec.taskSpec.steps[] spec.taskSpec.sidecars[]",
    ),
    template("trainer.kubeflow.org", "ClusterTrainingRuntime", "clustertrainingruntimes", TRAINER),
    template("trainer.kubeflow.org", "TrainingRuntime", "trainingruntimes", TRAINER),
];

const LLM: &str = "spec.template spec.worker spec.prefill.template spec.prefill.worker \
    spec.router.scheduler.template";
const TRAINER: &str = "spec.template.spec.replicatedJobs[].template.spec.template";

/// The groups whose controllers set images that the object leaves out. Without an image, objects of other groups are
/// patches.
pub(super) const IMAGES_FROM_ELSEWHERE: [&str; 6] = [
    "actions.github.com",
    "flink.apache.org",
    "grafana.integreatly.org",
    "serving.kserve.io",
    "sparkoperator.k8s.io",
    "tekton.dev",
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn rows_are_unique_and_can_be_read_in_one_pass() {
        let mut kinds = HashSet::new();
        for row in BUILT_IN.iter().chain(CUSTOM) {
            assert!(kinds.insert((&row.group, &row.kind)), "{} {}", row.group, row.kind);
            assert!(kinds.insert((&row.group, &row.plural)), "{} {}", row.group, row.plural);
            assert_eq!(row.validate(), Ok(()), "{} {}", row.group, row.kind);
        }
    }
}

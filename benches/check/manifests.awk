# Writes manifests as a company's repositories hold them: one workload a file, in the folder `out`, `count` of them.
# Always the same ones: the dice are a linear congruential generator, in whole numbers that every awk holds exactly.
#
# About a third keeps to the restricted standard. Of the rest, two in five say nothing about security at all, and
# the others nearly do: each has one to three faults of those that reviews find.

BEGIN {
    dice = 20261122
    split("web api worker search cart orders payments invoices mail auth media stock", names)
    split("shop billing platform data edge", namespaces)
    split("registry.example/shop registry.example/platform ghcr.io/example quay.io/example", registries)
    split("Deployment Deployment Deployment Deployment Deployment StatefulSet DaemonSet CronJob CronJob Pod", kinds)
    split("root privileged hostPath hostNetwork addsCapability keepsCapabilities escalates noSeccomp unconfined sidecar hostPort sysctl", faults)
    for (i = 1; i <= count; i++) {
        file = sprintf("%s/%04d.yaml", out, i)
        workload(i)
        close(file)
    }
}

function roll(sides) {
    dice = (dice * 69069 + 12345) % 4294967296
    return int(dice / 65536) % sides
}

function pick(list, size) { return list[1 + roll(size)] }

function put(indent, text) { printf "%*s%s\n", indent, "", text > file }

# `care` is whether it says anything about security; `fault` holds what is wrong in spite of that.
function workload(i,    kind, name, compliant, n) {
    kind = pick(kinds, 10)
    name = pick(names, 12) "-" i
    compliant = roll(3) == 0
    care = compliant || roll(5) > 1
    split("", fault)
    if (care && !compliant)
        for (n = 1 + roll(3); n > 0; n--) fault[pick(faults, 12)] = 1

    put(0, "# Owned by team-" pick(namespaces, 5) "; see the runbook before changing replicas.")
    put(0, "apiVersion: " (kind == "Pod" ? "v1" : kind == "CronJob" ? "batch/v1" : "apps/v1"))
    put(0, "kind: " kind)
    put(0, "metadata:")
    metadata(2, name)
    put(2, "name: " name)
    put(2, "namespace: " pick(namespaces, 5))
    put(0, "spec:")
    if (kind == "Pod") return pod(2, name, "Always")
    if (kind == "CronJob") {
        put(2, "schedule: \"" roll(60) " " roll(24) " * * *\"")
        put(2, "concurrencyPolicy: Forbid")
        put(2, "successfulJobsHistoryLimit: 3")
        put(2, "jobTemplate:")
        put(4, "spec:")
        put(6, "backoffLimit: 2")
        return template(6, name, "OnFailure")
    }
    if (kind != "DaemonSet") put(2, "replicas: " 1 + roll(6))
    if (kind == "StatefulSet") put(2, "serviceName: " name)
    put(2, "selector:")
    put(4, "matchLabels:")
    put(6, "app.kubernetes.io/name: " name)
    template(2, name, "Always")
    if (kind == "StatefulSet") claims(2)
}

function template(at, name, restart) {
    put(at, "template:")
    put(at + 2, "metadata:")
    metadata(at + 4, name)
    put(at + 2, "spec:")
    pod(at + 4, name, restart)
}

function metadata(at, name) {
    put(at, "labels:")
    put(at + 2, "app.kubernetes.io/name: " name)
    put(at + 2, "app.kubernetes.io/part-of: " substr(name, 1, 3) "-suite")
    put(at + 2, "app.kubernetes.io/version: \"" roll(9) "." roll(30) "." roll(10) "\"")
    put(at + 2, "app.kubernetes.io/managed-by: argocd")
    put(at, "annotations:")
    put(at + 2, "prometheus.io/scrape: \"true\"")
    put(at + 2, "prometheus.io/port: \"9090\"")
    put(at + 2, "example.com/description: >-")
    put(at + 4, "What " name " does for customers, in a sentence that people wrote")
    put(at + 4, "and that goes on to a second line.")
}

function pod(at, name, restart,    n) {
    put(at, "serviceAccountName: " name)
    put(at, "restartPolicy: " restart)
    if ("hostNetwork" in fault) put(at, "hostNetwork: true")
    if (care) {
        put(at, "automountServiceAccountToken: false")
        put(at, "securityContext:")
        put(at + 2, "runAsNonRoot: true")
        put(at + 2, "runAsUser: 1000" roll(10))
        put(at + 2, "fsGroup: 10000")
        if ("sysctl" in fault) {
            put(at + 2, "sysctls:")
            put(at + 2, "- {name: net.core.somaxconn, value: \"1024\"}")
        }
        if (!("noSeccomp" in fault)) {
            put(at + 2, "seccompProfile:")
            put(at + 4, "type: " ("unconfined" in fault ? "Unconfined" : "RuntimeDefault"))
        }
    }
    put(at, "affinity:")
    put(at + 2, "podAntiAffinity:")
    put(at + 4, "preferredDuringSchedulingIgnoredDuringExecution:")
    put(at + 4, "- weight: 100")
    put(at + 6, "podAffinityTerm:")
    put(at + 8, "topologyKey: kubernetes.io/hostname")
    put(at + 8, "labelSelector:")
    put(at + 10, "matchLabels: {app.kubernetes.io/name: " name "}")
    if (roll(3) == 0) {
        put(at, "initContainers:")
        container(at, name, "migrate")
    }
    put(at, "containers:")
    container(at, name, "app")
    for (n = roll(3); n > 0; n--) container(at, name, "sidecar-" n)
    if ("sidecar" in fault) {
        put(at, "- name: log-shipper")
        put(at + 2, "image: registry.example/platform/log-shipper:1.4")
    }
    put(at, "volumes:")
    put(at, "- name: config")
    put(at + 2, "configMap:")
    put(at + 4, "name: " name)
    put(at, "- name: tmp")
    put(at + 2, "emptyDir: {sizeLimit: 64Mi}")
    if ("hostPath" in fault) {
        put(at, "- name: logs")
        put(at + 2, "hostPath:")
        put(at + 4, "path: /var/log")
    }
}

function container(at, name, called,    n) {
    put(at, "- name: " called)
    at += 2
    put(at, "image: " pick(registries, 4) "/" name ":" roll(9) "." roll(30) "." roll(10))
    put(at, "imagePullPolicy: IfNotPresent")
    put(at, "args: [\"--config=/etc/" name "/config.yaml\", \"--log-level=info\"]")
    if (called == "app") {
        put(at, "ports:")
        put(at, "- name: http")
        put(at + 2, "containerPort: 8080")
        if ("hostPort" in fault) put(at + 2, "hostPort: 8080")
    }
    put(at, "env:")
    for (n = 2 + roll(6); n > 0; n--) {
        put(at, "- name: SETTING_" n)
        put(at + 2, "value: \"" roll(1000) "\"")
    }
    put(at, "- name: DATABASE_URL")
    put(at + 2, "valueFrom:")
    put(at + 4, "secretKeyRef: {name: " name ", key: url}")
    put(at, "resources:")
    put(at + 2, "requests: {cpu: " 50 * (1 + roll(10)) "m, memory: 128Mi}")
    put(at + 2, "limits:")
    put(at + 4, "memory: " 128 * (1 + roll(8)) "Mi")
    if (called == "app") {
        probe(at, "livenessProbe", "/healthz")
        probe(at, "readinessProbe", "/readyz")
    }
    if (care) security(at, called)
    put(at, "volumeMounts:")
    put(at, "- {name: config, mountPath: /etc/" name ", readOnly: true}")
    put(at, "- name: tmp")
    put(at + 2, "mountPath: /tmp")
}

# The faults of a container are in the app, or in each.
function security(at, called,    is_app) {
    is_app = called == "app"
    put(at, "securityContext:")
    put(at + 2, "readOnlyRootFilesystem: true")
    if (is_app && "privileged" in fault) put(at + 2, "privileged: true")
    else if (!("escalates" in fault)) put(at + 2, "allowPrivilegeEscalation: false")
    if (is_app && "root" in fault) put(at + 2, "runAsUser: 0")
    if ("keepsCapabilities" in fault) return
    put(at + 2, "capabilities:")
    put(at + 4, "drop: [\"ALL\"]")
    if (is_app && "addsCapability" in fault) {
        put(at + 4, "add:")
        put(at + 4, "- NET_ADMIN")
    }
}

function probe(at, called, path) {
    put(at, called ":")
    put(at + 2, "httpGet:")
    put(at + 4, "path: " path)
    put(at + 4, "port: http")
    put(at + 2, "initialDelaySeconds: " 5 + roll(10))
    put(at + 2, "periodSeconds: 10")
}

function claims(at) {
    put(at, "volumeClaimTemplates:")
    put(at, "- metadata:")
    put(at + 4, "name: data")
    put(at + 2, "spec:")
    put(at + 4, "accessModes: [ReadWriteOnce]")
    put(at + 4, "resources:")
    put(at + 6, "requests:")
    put(at + 8, "storage: 10Gi")
}

{{- define "portcullis.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 53 | trimSuffix "-" }}
{{- end }}

{{/* Short enough that every suffix of this chart still fits into 63 characters. */}}
{{- define "portcullis.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 48 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 48 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 48 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{/* Sorts late: other webhooks have added their containers before ours hardens. */}}
{{- define "portcullis.mutatingName" -}}
zz-{{ include "portcullis.fullname" . }}
{{- end }}

{{- define "portcullis.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "portcullis.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "portcullis.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{ include "portcullis.podLabels" . }}
{{- end }}

{{/* What pods bear: nothing that changes with the chart alone, lest an upgrade restart them for a label. */}}
{{- define "portcullis.podLabels" -}}
app.kubernetes.io/name: {{ include "portcullis.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: portcullis
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The pods that serve, and not those of the hooks. */}}
{{- define "portcullis.selectorLabels" -}}
app.kubernetes.io/name: {{ include "portcullis.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: webhook
{{- end }}

{{- define "portcullis.image" -}}
{{- $tag := default .Chart.AppVersion .Values.image.tag -}}
{{- $repository := required (include "portcullis.noImage" .) .Values.image.repository -}}
{{- with .Values.image.registry }}{{ . }}/{{ end -}}
{{- $repository }}:{{ $tag }}
{{- with .Values.image.digest }}@{{ . }}{{ end -}}
{{- end }}

{{/* Nobody publishes an image yet, and a default would be a name that somebody else can take. */}}
{{- define "portcullis.noImage" -}}
image.repository: must name an image of Portcullis that your nodes can pull; none is published. Build and push one in the project's folder:
  docker build --tag registry.example.com/portcullis:{{ .Chart.AppVersion }} .
  docker push registry.example.com/portcullis:{{ .Chart.AppVersion }}
and add --set image.repository=registry.example.com/portcullis. For kind, `kind load docker-image` takes the place of the push.
{{- end }}

{{/* The configuration as the program reads it. */}}
{{- define "portcullis.config" -}}
apiVersion: portcullis.dev/v1alpha1
kind: Configuration
mode: {{ .Values.mode }}
{{- $config := .Values.config }}
{{- range tuple "rules" "profiles" "floor" "workloads" }}
{{- if not (get $config .) }}{{- $config = omit $config . }}{{- end }}
{{- end }}
{{ toYaml $config }}
{{- if .Values.exceptions.enabled }}
exceptions:
  namespaces:
    {{- default (list .Release.Namespace) .Values.exceptions.namespaces | toYaml | nindent 4 }}
  requireExpiry: {{ .Values.exceptions.requireExpiry }}
{{- end }}
{{- end }}

{{- define "portcullis.certificate" -}}
{{ include "portcullis.fullname" . }}
{{- end }}

{{/* The Secret that is mounted, where certificates come from files. */}}
{{- define "portcullis.tlsSecret" -}}
{{- if eq .Values.certs.mode "certManager" -}}
{{ include "portcullis.fullname" . }}-tls
{{- else -}}
{{ required "certs.existingSecret.name: must name a Secret with tls.crt and tls.key when certs.mode is existingSecret" .Values.certs.existingSecret.name }}
{{- end }}
{{- end }}

{{/* Every default that the API server adds is written out in these templates. Server-side apply compares some parts as a
whole: what it filled in there would differ from what another manager applies, and be a conflict. */}}
{{- define "portcullis.terminationMessage" -}}
terminationMessagePath: /dev/termination-log
terminationMessagePolicy: File
{{- end }}

{{/* The scheduling and pull settings that hook pods share with the server's. */}}
{{- define "portcullis.hookPod" -}}
restartPolicy: Never
dnsPolicy: ClusterFirst
schedulerName: default-scheduler
terminationGracePeriodSeconds: 30
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Called once, by the Deployment: what cannot work is refused before anything is made. */}}
{{- define "portcullis.validate" -}}
{{- $namespace := .Release.Namespace }}
{{- if or (eq $namespace "default") (hasPrefix "kube-" $namespace) }}
{{- fail (printf "namespace %s: install into a namespace of its own, such as portcullis (--namespace portcullis --create-namespace): the webhooks are never called for the release's namespace, so nothing else may run there" $namespace) }}
{{- end }}
{{- if and .Values.hostNetwork (eq (int .Values.webhook.port) 10250) }}
{{- fail "webhook.port: with hostNetwork it must not be 10250, which the kubelet uses; take one that is free on every node" }}
{{- end }}
{{- if .Values.clientAuth.enabled }}
{{- if and .Values.clientAuth.caSecret .Values.clientAuth.caConfigMap }}
{{- fail "clientAuth: set caSecret or caConfigMap, not both" }}
{{- end }}
{{- if not (or .Values.clientAuth.caSecret .Values.clientAuth.caConfigMap) }}
{{- fail "clientAuth: set caSecret or caConfigMap: the authority that signed the API server's client certificate" }}
{{- end }}
{{- if not .Values.clientAuth.allowedNames }}
{{- fail "clientAuth.allowedNames: must have at least one name: without any, every certificate of that authority would do" }}
{{- end }}
{{- end }}
{{- if and .Values.metrics.serviceMonitor.enabled (not .Values.metrics.service.enabled) }}
{{- fail "metrics.serviceMonitor: needs metrics.service.enabled; or take metrics.podMonitor" }}
{{- end }}
{{- end }}

{{/* What all webhooks share. Takes .root, .path, .settings (of this webhook), .failurePolicy, and .sideEffects where
there are any. */}}
{{- define "portcullis.webhook" -}}
clientConfig:
  # The chart sets caBundle only if it is a value. Otherwise the server or cert-manager writes it.
  {{- if and (eq .root.Values.certs.mode "existingSecret") .root.Values.certs.existingSecret.caBundle }}
  caBundle: {{ .root.Values.certs.existingSecret.caBundle | b64enc }}
  {{- end }}
  service:
    name: {{ include "portcullis.fullname" .root }}
    namespace: {{ .root.Release.Namespace }}
    path: {{ .path }}
    port: 443
failurePolicy: {{ .failurePolicy }}
timeoutSeconds: {{ .settings.timeoutSeconds }}
matchPolicy: Equivalent
sideEffects: {{ default "None" .sideEffects }}
admissionReviewVersions: [v1]
namespaceSelector:
  {{- include "portcullis.namespaceSelector" .root | nindent 2 }}
{{- end }}

{{/* Which pods and controllers: all of them, by default. */}}
{{- define "portcullis.objectSelector" -}}
objectSelector:
  {{- default dict .Values.webhooks.objectSelector | toYaml | nindent 2 }}
{{- end }}

{{/* What is asked for at all. An update that changes nothing that is judged never reaches the server, so that it does
not fail where the server cannot be reached: the finalizers that controllers remove, the labels of running pods. Takes
.root and .changes, the name of the template that says what such an update changes. An error in a condition would count
as a refusal, so that every expression has a value for every request. */}}
{{- define "portcullis.matchConditions" -}}
matchConditions:
  - name: portcullis.dev/changes-what-is-judged
    expression: >-
      request.operation != 'UPDATE' || object == null || oldObject == null ||
      {{- include .changes . | nindent 6 }}
  {{- if ne .changes "portcullis.changesLabels" }}
  {{- with .root.Values.webhooks.matchConditions }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- end }}
{{- end }}

{{/* A pod: its spec, or one of the annotations that the Standard reads. The API server bounds what a condition may cost,
and looks through keys at a cost that is quadratic in their number, so that more than 100 changed annotations are not
looked through: the server is asked. */}}
{{- define "portcullis.changesPod" -}}
object.?spec != oldObject.?spec ||
object.?metadata.?annotations != oldObject.?metadata.?annotations &&
[[object, oldObject], [oldObject, object]].exists(pair,
pair[0].?metadata.?annotations.orValue({}).size() > 100 ||
pair[0].?metadata.?annotations.orValue({}).exists(key,
(key.startsWith('container.apparmor.security.beta.kubernetes.io/') ||
key.startsWith('container.seccomp.security.alpha.kubernetes.io/') ||
key == 'seccomp.security.alpha.kubernetes.io/pod') &&
pair[0].?metadata.?annotations[?key] != pair[1].?metadata.?annotations[?key]))
{{- end }}

{{/* A controller: what holds its template. */}}
{{- define "portcullis.changesTemplate" -}}
object.?spec != oldObject.?spec || object.?template != oldObject.?template
{{- end }}

{{/* A namespace: its labels. */}}
{{- define "portcullis.changesLabels" -}}
object.?metadata.?labels != oldObject.?metadata.?labels
{{- end }}

{{/* By the label that the API server keeps, and nobody can change. It holds for Namespace objects too. */}}
{{- define "portcullis.namespaceSelector" -}}
{{- $selector := .Values.webhooks.namespaceSelector -}}
{{- with $selector.matchLabels -}}
matchLabels:
  {{- toYaml . | nindent 2 }}
{{ end -}}
matchExpressions:
  - key: kubernetes.io/metadata.name
    operator: NotIn
    values:
      {{- prepend (default list .Values.excludedNamespaces) .Release.Namespace | uniq | toYaml | nindent 6 }}
  {{- with $selector.matchExpressions }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* The parts of the name of a custom resource definition: `rollouts.argoproj.io`. */}}
{{- define "portcullis.resource" -}}
{{- index (splitList "." .) 0 }}
{{- end }}

{{- define "portcullis.group" -}}
{{- join "." (rest (splitList "." .)) }}
{{- end }}

{{- define "portcullis.webhookMetadata" -}}
labels:
  {{- include "portcullis.labels" . | nindent 2 }}
  {{- with .Values.webhooks.labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- $injected := eq .Values.certs.mode "certManager" }}
{{- if or $injected .Values.webhooks.annotations }}
annotations:
  {{- if $injected }}
  cert-manager.io/inject-ca-from: {{ .Release.Namespace }}/{{ include "portcullis.certificate" . }}
  {{- end }}
  {{- with .Values.webhooks.annotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end }}

{{/* What all webhooks share. Takes .root, .path, .settings (of this webhook), .failurePolicy, and .sideEffects where
there are any. */}}
{{- define "portcullis.webhook" -}}
clientConfig:
  # No caBundle but a given one: the server, or cert-manager, writes it.
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

{{/* What webhooks for pods and controllers add. */}}
{{- define "portcullis.narrowed" -}}
{{- with .Values.webhooks.objectSelector }}
objectSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.webhooks.matchConditions }}
matchConditions:
  {{- toYaml . | nindent 2 }}
{{- end }}
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

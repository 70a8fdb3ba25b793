{{/* Metadata of the pods of a component. (dict "root" $ "component" "…" "values" .Values.… "annotations" (dict …)) */}}
{{- define "kopr.podMetadata" -}}
labels:
  {{- include "kopr.selector" . | nindent 2 }}
  app.kubernetes.io/part-of: kopr
  {{- if not .noMetrics }}
  kopr.dev/metrics: "true"
  {{- end }}
  {{- with .root.Values.commonLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- with .values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with merge (dict) .values.podAnnotations (.annotations | default dict) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* What the pods of every component have in common. (dict "root" $ "component" "…" "values" .Values.…) */}}
{{- define "kopr.podSpec" -}}
enableServiceLinks: false
securityContext:
  {{- mergeOverwrite (deepCopy .root.Values.podSecurityContext) (.values.podSecurityContext | default dict) | toYaml | nindent 2 }}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .values.affinity }}
affinity:
  {{- toYaml .values.affinity | nindent 2 }}
{{- else if has .component (list "operator" "api" "resalloc") }}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- include "kopr.selector" . | nindent 14 }}
{{- end }}
{{- with .values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{/* Image and security context of a container. (dict "root" $ "values" .Values.…) */}}
{{- define "kopr.container" -}}
image: {{ include "kopr.image" (dict "root" .root "image" .values.image) }}
imagePullPolicy: {{ include "kopr.pullPolicy" (dict "root" .root "image" .values.image) }}
securityContext:
  {{- mergeOverwrite (deepCopy .root.Values.securityContext) (.values.securityContext | default dict) | toYaml | nindent 2 }}
{{- with .values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Environment of every process of kopr. (dict "root" $) */}}
{{- define "kopr.env" -}}
- name: KOPR_LOG_LEVEL
  value: {{ .root.Values.logLevel }}
- name: KOPR_METRICS_PORT
  value: "9090"
{{- if include "kopr.metricsEnabled" .root }}
- name: KOPR_METRICS
  value: "on"
- name: KOPR_METRICS_TOKEN_FILE
  value: /etc/kopr/metrics/token
{{- end }}
{{- end -}}

{{/* Where a process finds the token of its metrics; nothing without metrics. (dict "root" $) */}}
{{- define "kopr.metricsMount" -}}
{{- if include "kopr.metricsEnabled" .root -}}
- {name: metrics-token, mountPath: /etc/kopr/metrics, readOnly: true}
{{- end -}}
{{- end -}}

{{- define "kopr.metricsVolume" -}}
{{- if include "kopr.metricsEnabled" .root -}}
- name: metrics-token
  secret:
    secretName: {{ include "kopr.metricsSecret" .root }}
    defaultMode: 0440
    items: [{key: {{ .root.Values.monitoring.metrics.token.key }}, path: token}]
{{- end -}}
{{- end -}}

{{/* Probes on the metrics port. Starting may take long: a store is checked and put in order first. */}}
{{- define "kopr.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: metrics}
  periodSeconds: 2
  failureThreshold: 150
livenessProbe:
  httpGet: {path: /healthz, port: metrics}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: metrics}
  periodSeconds: 5
  timeoutSeconds: 5
{{- end -}}

{{/* The claim of a component, as a member of volumeClaimTemplates. (dict "root" $ "persistence" .Values.….persistence) */}}
{{- define "kopr.claim" -}}
- metadata:
    name: data
    labels:
      {{- include "kopr.selector" . | nindent 6 }}
    {{- with .persistence.annotations }}
    annotations:
      {{- toYaml . | nindent 6 }}
    {{- end }}
  spec:
    accessModes:
      {{- toYaml .persistence.accessModes | nindent 6 }}
    {{- with .persistence.storageClass }}
    storageClassName: {{ . }}
    {{- end }}
    resources:
      requests:
        storage: {{ .persistence.size }}
{{- end -}}

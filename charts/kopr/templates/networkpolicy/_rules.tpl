{{/* Egress: asking for names. */}}
{{- define "kopr.egressDNS" -}}
- to:
    - namespaceSelector:
        matchLabels:
          {{- toYaml .Values.networkPolicy.dns.namespaceLabels | nindent 10 }}
      podSelector:
        matchLabels:
          {{- toYaml .Values.networkPolicy.dns.podLabels | nindent 10 }}
    {{- range .Values.networkPolicy.dns.cidrs }}
    - ipBlock: {cidr: {{ . }}}
    {{- end }}
  ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- end -}}

{{/* Egress: the API server, which no selector can name. */}}
{{- define "kopr.egressAPIServer" -}}
- ports:
    {{- range .Values.networkPolicy.apiServer.ports }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
  {{- with .Values.networkPolicy.apiServer.cidrs }}
  to:
    {{- range . }}
    - ipBlock: {cidr: {{ . }}}
    {{- end }}
  {{- end }}
{{- end -}}

{{/* Egress: ports of a component in the namespace of kopr. (dict "root" $ "component" "…" "ports" (list …)) */}}
{{- define "kopr.egressTo" -}}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ .root.Release.Namespace }}
      podSelector:
        matchLabels:
          {{- include "kopr.selector" . | nindent 10 }}
  ports:
    {{- range .ports }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
{{- end -}}

{{/* Egress: sshd of machines, if any are named. */}}
{{- define "kopr.egressMachines" -}}
{{- with .Values.networkPolicy.machines -}}
{{- if or .cidrs .namespaces -}}
- to:
    {{- range .cidrs }}
    - ipBlock: {cidr: {{ . | quote }}}
    {{- end }}
    {{- range .namespaces }}
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ . }}
    {{- end }}
  {{- with .ports }}
  ports:
    {{- range . }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
  {{- end }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Ingress: ports for components of kopr. (dict "root" $ "components" (list …) "builds" true "ports" (list …)) */}}
{{- define "kopr.ingressFrom" -}}
- from:
    {{- range .components }}
    - podSelector:
        matchLabels:
          {{- include "kopr.selector" (dict "root" $.root "component" .) | nindent 10 }}
    {{- end }}
    {{- if .builds }}
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ .root.Values.buildsNamespace.name }}
      podSelector:
        matchLabels: {app.kubernetes.io/name: kopr-builder}
    {{- end }}
  ports:
    {{- range .ports }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
{{- end -}}

{{/* Ingress: the metrics port, for those who are named. */}}
{{- define "kopr.ingressMetrics" -}}
{{- with .Values.networkPolicy.metricsFrom }}
- from:
    {{- toYaml . | nindent 4 }}
  ports:
    - {protocol: TCP, port: 9090}
{{- end }}
{{- end -}}

{{/* Ingress: a port for everybody, or for those who are named. (dict "from" (list …) "port" 5002) */}}
{{- define "kopr.ingressPublic" -}}
- ports:
    - {protocol: TCP, port: {{ .port }}}
  {{- with .from }}
  from:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* Head of a policy for a component. (dict "root" $ "component" "…") */}}
{{- define "kopr.policyHead" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "kopr.fullname" .root }}-{{ .component }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "kopr.componentLabels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "kopr.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
{{- end -}}

{{/* Egress: a server outside of kopr. (dict "port" 5432 "cidrs" (list …)) */}}
{{- define "kopr.egressExternal" -}}
- ports:
    - {protocol: TCP, port: {{ .port }}}
  {{- with .cidrs }}
  to:
    {{- range . }}
    - ipBlock: {cidr: {{ . | quote }}}
    {{- end }}
  {{- end }}
{{- end -}}

{{/* Egress: Redis, if there is one. */}}
{{- define "kopr.egressRedis" -}}
{{- if include "kopr.ownRedis" . -}}
{{ include "kopr.egressTo" (dict "root" . "component" "redis" "ports" (list 6379)) }}
{{- else if and .Values.api.enabled .Values.externalRedis.existingSecret -}}
{{ include "kopr.egressExternal" (pick .Values.externalRedis "port" "cidrs") }}
{{- end -}}
{{- end -}}

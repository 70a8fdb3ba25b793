{{/* Name of the chart. */}}
{{- define "kopr.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* Beginning of the names of all objects. */}}
{{- define "kopr.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "kopr.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "kopr.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels of every object. */}}
{{- define "kopr.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: {{ include "kopr.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: kopr
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Labels that pods of a component are selected by. They never change. (dict "root" $ "component" "…") */}}
{{- define "kopr.selector" -}}
app.kubernetes.io/name: {{ include "kopr.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* Labels of an object that belongs to a component. (dict "root" $ "component" "…") */}}
{{- define "kopr.componentLabels" -}}
{{ include "kopr.labels" .root }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* Reference of an image. (dict "root" $ "image" .Values.….image) */}}
{{- define "kopr.image" -}}
{{- $registry := .image.registry | default .root.Values.image.registry -}}
{{- $name := ternary (printf "%s/%s" $registry .image.repository) .image.repository (ne $registry "") -}}
{{- if .image.digest -}}
{{ $name }}@{{ .image.digest }}
{{- else -}}
{{ $name }}:{{ .image.tag | default .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "kopr.pullPolicy" -}}
{{ .image.pullPolicy | default .root.Values.image.pullPolicy }}
{{- end -}}

{{/* Name of a Service inside the cluster. (dict "root" $ "name" "results") */}}
{{- define "kopr.host" -}}
{{ include "kopr.fullname" .root }}-{{ .name }}.{{ .root.Release.Namespace }}.svc.{{ .root.Values.clusterDomain }}
{{- end -}}

{{- define "kopr.operatorServiceAccount" -}}
{{- with .Values.operator.serviceAccount -}}
{{- if .create -}}
{{ .name | default (printf "%s-operator" (include "kopr.fullname" $)) }}
{{- else -}}
{{ .name | default "default" }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "kopr.placeholderPriorityClass" -}}
{{ .Values.builderPods.placeholders.name | default (printf "%s-placeholder" (include "kopr.fullname" .)) }}
{{- end -}}

{{/* Pools of the values whose machines are reached by SSH, by name. */}}
{{- define "kopr.sshPools" -}}
{{- $names := list -}}
{{- range .Values.pools -}}{{- if .ssh -}}{{- $names = append $names .name -}}{{- end -}}{{- end -}}
{{ join ", " $names }}
{{- end -}}

{{- define "kopr.tokenSecret" -}}
{{ .Values.token.existingSecret | default (printf "%s-token" (include "kopr.fullname" .)) }}
{{- end -}}

{{/* "true" if metrics are served, else nothing. */}}
{{- define "kopr.metricsEnabled" -}}
{{- if or .Values.monitoring.metrics.enabled .Values.monitoring.serviceMonitor.enabled -}}true{{- end -}}
{{- end -}}

{{- define "kopr.metricsSecret" -}}
{{ .Values.monitoring.metrics.token.existingSecret | default (printf "%s-metrics-token" (include "kopr.fullname" .)) }}
{{- end -}}

{{- define "kopr.masterKeySecret" -}}
{{ .Values.keygen.masterKey.existingSecret | default (printf "%s-keygen-master-key" (include "kopr.fullname" .)) }}
{{- end -}}

{{- define "kopr.serverTLSSecret" -}}
{{ .Values.tls.existingServerSecret | default (printf "%s-keygen-tls" (include "kopr.fullname" .)) }}
{{- end -}}

{{- define "kopr.clientTLSSecret" -}}
{{ .Values.tls.existingClientSecret | default (printf "%s-publisher-tls" (include "kopr.fullname" .)) }}
{{- end -}}

{{/* Names in the certificate of keygen. */}}
{{- define "kopr.keygenNames" -}}
{{- $name := printf "%s-keygen" (include "kopr.fullname" .) -}}
- {{ include "kopr.host" (dict "root" . "name" "keygen") }}
- {{ $name }}.{{ .Release.Namespace }}.svc
- {{ $name }}.{{ .Release.Namespace }}
- {{ $name }}
{{- end -}}

{{/* Base of the results tree inside the cluster. */}}
{{- define "kopr.resultsInternalURL" -}}
http://{{ include "kopr.host" (dict "root" . "name" "results") }}:5002/results
{{- end -}}

{{/* Base of the results tree for users. */}}
{{- define "kopr.resultsURL" -}}
{{- if .Values.resultsURL -}}
{{ .Values.resultsURL | trimSuffix "/" }}
{{- else if and .Values.ingress.enabled .Values.ingress.resultsHost -}}
{{ ternary "https" "http" (gt (len .Values.ingress.tls) 0) }}://{{ .Values.ingress.resultsHost }}/results
{{- else if and .Values.httpRoute.enabled .Values.httpRoute.resultsHost -}}
https://{{ .Values.httpRoute.resultsHost }}/results
{{- else -}}
{{ include "kopr.resultsInternalURL" . }}
{{- end -}}
{{- end -}}

{{/* Of the extra Service of distgit. Local keeps the addresses of clients, which distgit limits each by itself. */}}
{{- define "kopr.distgitTrafficPolicy" -}}
{{- with .Values.distgit.extraService -}}
{{ .externalTrafficPolicy | default (ternary "Local" "Cluster" (eq .type "LoadBalancer")) }}
{{- end -}}
{{- end -}}

{{/* Whom distgit takes for one client, if they are many. */}}
{{- define "kopr.distgitMasked" -}}
{{- $hosts := or (and .Values.ingress.enabled .Values.ingress.distgitHost) (and .Values.httpRoute.enabled .Values.httpRoute.distgitHost) -}}
{{- if and $hosts (not .Values.distgit.trustedProxies) -}}
the Ingress or HTTPRoute
{{- else if and (ne .Values.distgit.extraService.type "None") (eq (include "kopr.distgitTrafficPolicy" .) "Cluster") -}}
the extra Service
{{- end -}}
{{- end -}}

{{/* Mistakes that a schema cannot see. Included by every template that would be wrong with them. */}}
{{- define "kopr.check" -}}
{{- include "kopr.checkAPI" . -}}
{{- if eq .Values.buildsNamespace.name .Release.Namespace -}}
{{- fail (printf "buildsNamespace.name is %q, the namespace of kopr itself: builder pods run the code of strangers and need a namespace of their own" .Release.Namespace) -}}
{{- end -}}
{{- if and .Values.tls.certManager.enabled (or .Values.tls.existingServerSecret .Values.tls.existingClientSecret) -}}
{{- fail "tls.certManager.enabled and tls.existingServerSecret or tls.existingClientSecret exclude each other: leave one of them out" -}}
{{- end -}}
{{- if ne (empty .Values.tls.existingServerSecret) (empty .Values.tls.existingClientSecret) -}}
{{- fail "set both tls.existingServerSecret and tls.existingClientSecret, or neither: the two certificates need the same authority" -}}
{{- end -}}
{{- range .Values.pools -}}
{{- $providers := pick . "pod" "hosts" "command" | keys | sortAlpha -}}
{{- if ne (len $providers) 1 -}}
{{- fail (printf "the pool %q needs exactly one provider: set one of pod, hosts and command, not %s" .name (join " and " $providers | default "none")) -}}
{{- end -}}
{{- if and .hosts (not .ssh) -}}
{{- fail (printf "the pool %q has hosts but no ssh: say how they are reached" .name) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) -}}
{{- fail "httpRoute.enabled needs httpRoute.parentRefs: the Gateways that the routes belong to" -}}
{{- end -}}
{{- end -}}

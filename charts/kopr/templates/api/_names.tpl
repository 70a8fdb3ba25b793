{{- define "kopr.apiServiceAccount" -}}
{{- with .Values.api.serviceAccount -}}
{{- if .create -}}
{{ .name | default (printf "%s-api" (include "kopr.fullname" $)) }}
{{- else -}}
{{ .name | default "default" }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Host of the Ingress or HTTPRoute for the frontend with its scheme; nothing without one. */}}
{{- define "kopr.frontendRoute" -}}
{{- if .Values.api.enabled -}}
{{- if and .Values.ingress.enabled .Values.ingress.frontendHost -}}
{{ ternary "https" "http" (gt (len .Values.ingress.tls) 0) }}://{{ .Values.ingress.frontendHost }}
{{- else if and .Values.httpRoute.enabled .Values.httpRoute.frontendHost -}}
https://{{ .Values.httpRoute.frontendHost }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Base of the URLs of .repo files; nothing: the origin of the results. */}}
{{- define "kopr.frontendURL" -}}
{{ .Values.frontendURL | default (include "kopr.frontendRoute" .) | trimSuffix "/" }}
{{- end -}}

{{/* Base of the API for users. */}}
{{- define "kopr.apiURL" -}}
{{ .Values.api.url | default (include "kopr.frontendURL" .) | default (printf "http://%s:5000" (include "kopr.host" (dict "root" . "name" "api"))) | trimSuffix "/" }}
{{- end -}}

{{- define "kopr.uploadSecret" -}}
{{ .Values.uploadKey.existingSecret | default (printf "%s-upload" (include "kopr.fullname" .)) }}
{{- end -}}

{{/* "true" if the chart runs a database of its own. */}}
{{- define "kopr.ownPostgres" -}}
{{- if and .Values.api.enabled .Values.postgresql.enabled -}}true{{- end -}}
{{- end -}}

{{- define "kopr.databaseSecret" -}}
{{- if .Values.postgresql.enabled -}}
{{ .Values.postgresql.existingSecret | default (printf "%s-postgres" (include "kopr.fullname" .)) }}
{{- else -}}
{{ .Values.externalDatabase.existingSecret }}
{{- end -}}
{{- end -}}

{{- define "kopr.databaseKey" -}}
{{ ternary "url" .Values.externalDatabase.key .Values.postgresql.enabled }}
{{- end -}}

{{- define "kopr.ownRedis" -}}
{{- if and .Values.api.enabled .Values.redis.enabled -}}true{{- end -}}
{{- end -}}

{{/* Nothing without a Redis. */}}
{{- define "kopr.redisSecret" -}}
{{- if .Values.redis.enabled -}}
{{ .Values.redis.existingSecret | default (printf "%s-redis" (include "kopr.fullname" .)) }}
{{- else -}}
{{ .Values.externalRedis.existingSecret }}
{{- end -}}
{{- end -}}

{{/* Where a process finds Redis; nothing without one. */}}
{{- define "kopr.redisEnv" -}}
{{- if and .Values.api.enabled (include "kopr.redisSecret" .) -}}
- name: KOPR_REDIS_URL
  valueFrom:
    secretKeyRef:
      name: {{ include "kopr.redisSecret" . }}
      key: {{ ternary "url" .Values.externalRedis.key .Values.redis.enabled }}
{{- end -}}
{{- end -}}

{{/* Mistakes that a schema cannot see. */}}
{{- define "kopr.checkAPI" -}}
{{- if and .Values.api.enabled (not .Values.postgresql.enabled) (not .Values.externalDatabase.existingSecret) -}}
{{- fail "api.enabled needs a database: set externalDatabase.existingSecret, or leave postgresql.enabled true" -}}
{{- end -}}
{{- if and .Values.api.enabled .Values.postgresql.enabled .Values.externalDatabase.existingSecret -}}
{{- fail "postgresql.enabled and externalDatabase.existingSecret exclude each other: set postgresql.enabled to false" -}}
{{- end -}}
{{- if and .Values.api.enabled .Values.redis.enabled .Values.externalRedis.existingSecret -}}
{{- fail "redis.enabled and externalRedis.existingSecret exclude each other: set redis.enabled to false" -}}
{{- end -}}
{{- range .Values.owners.template -}}
{{- if not (has (printf "%s/%s" .apiVersion .kind) (list "v1/ResourceQuota" "v1/LimitRange" "networking.k8s.io/v1/NetworkPolicy" "kopr.dev/v1alpha1/BuildQuota")) -}}
{{- fail (printf "owners.template has a %s (%s): the API may make a v1 ResourceQuota or LimitRange, a networking.k8s.io/v1 NetworkPolicy and a kopr.dev/v1alpha1 BuildQuota only" .kind .apiVersion) -}}
{{- end -}}
{{- end -}}
{{- end -}}

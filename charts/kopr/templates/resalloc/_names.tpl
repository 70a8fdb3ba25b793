{{- define "kopr.resallocServiceAccount" -}}
{{ include "kopr.fullname" . }}-resalloc
{{- end -}}

{{- define "kopr.resallocSecret" -}}
{{ .Values.resalloc.password.existingSecret | default (printf "%s-resalloc" (include "kopr.fullname" .)) }}
{{- end -}}

{{/* Mistakes that a schema cannot see. */}}
{{- define "kopr.checkResalloc" -}}
{{- if and (eq .Values.resalloc.auth "None") (not (and .Values.networkPolicy.enabled .Values.networkPolicy.resallocFrom)) -}}
{{- fail "resalloc.auth is None, so whoever reaches the port may take machines: say in networkPolicy.resallocFrom who does (with networkPolicy.enabled), or leave resalloc.auth Basic" -}}
{{- end -}}
{{- end -}}

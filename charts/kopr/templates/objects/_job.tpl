{{- /*
A Job of the bootstrap program, as a hook of Helm. (dict "root" $ "name" "…" "hooks" "…" "action" "…" "timeoutSeconds" 180)
*/}}
{{- define "kopr.bootstrapJob" -}}
{{- $values := merge (dict "image" .root.Values.operator.image "resources" (dict "requests" (dict "cpu" "20m" "memory" "64Mi") "limits" (dict "memory" "256Mi"))) .root.Values.bootstrap }}
{{- $scope := dict "root" .root "component" "bootstrap" "values" $values }}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "kopr.fullname" .root }}-{{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "kopr.componentLabels" $scope | nindent 4 }}
  annotations:
    helm.sh/hook: {{ .hooks }}
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
spec:
  backoffLimit: 3
  activeDeadlineSeconds: {{ add (int .timeoutSeconds) 60 }}
  template:
    metadata:
      labels:
        {{- include "kopr.selector" $scope | nindent 8 }}
        app.kubernetes.io/part-of: kopr
        {{- with .root.Values.commonLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      restartPolicy: Never
      serviceAccountName: {{ include "kopr.fullname" .root }}-bootstrap
      automountServiceAccountToken: true
      {{- include "kopr.podSpec" $scope | nindent 6 }}
      containers:
        - name: bootstrap
          {{- include "kopr.container" $scope | nindent 10 }}
          command: [/usr/local/bin/node, /opt/kopr/bootstrap.mjs]
          env:
            - name: KOPR_LOG_LEVEL
              value: {{ .root.Values.logLevel }}
            - name: KOPR_ACTION
              value: {{ .action }}
            - name: KOPR_OBJECTS_FILE
              value: /etc/kopr/objects/objects.json
            - name: KOPR_RELEASE
              value: {{ .root.Release.Name }}
            - name: KOPR_RELEASE_NAMESPACE
              value: {{ .root.Release.Namespace }}
            - name: KOPR_BUILDS_NAMESPACE
              value: {{ .root.Values.buildsNamespace.name }}
            - name: KOPR_TIMEOUT_SECONDS
              value: {{ .timeoutSeconds | quote }}
          volumeMounts:
            - {name: objects, mountPath: /etc/kopr/objects, readOnly: true}
            - {name: tmp, mountPath: /tmp}
      volumes:
        - name: objects
          configMap:
            name: {{ include "kopr.fullname" .root }}-objects
        - name: tmp
          emptyDir: {sizeLimit: 16Mi}
{{- end -}}

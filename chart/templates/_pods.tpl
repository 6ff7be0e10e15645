{{/* Parts that the operator's pods and those of hooks have in common. */}}

{{/* The volume with the DSN, as the file `dsn`. Call with (list . optional): without its Secret an optional one is empty. */}}
{{- define "orloj-operator.postgresVolume" -}}
{{- $dsn := (include "orloj-operator.secrets" (index . 0) | fromYaml).dsn -}}
- name: postgres
  secret:
    secretName: {{ $dsn.secret }}
    # 0440, which not every reader of YAML takes for octal.
    defaultMode: 288
    {{- if index . 1 }}
    optional: true
    {{- end }}
    items:
      - key: {{ $dsn.key }}
        path: dsn
{{- end }}

{{/* The volume with the files of operator.kinds. Call with the name of the ConfigMap. */}}
{{- define "orloj-operator.kindsVolume" -}}
- name: kinds
  configMap:
    name: {{ . }}
    # 0444
    defaultMode: 292
{{- end }}

{{/* What would be mounted by itself, but for a pod's one container, and for an hour at a time. */}}
{{- define "orloj-operator.tokenVolume" -}}
- name: token
  projected:
    # 0440
    defaultMode: 288
    sources:
      - serviceAccountToken:
          path: token
          expirationSeconds: 3600
      - configMap:
          name: kube-root-ca.crt
          items:
            - key: ca.crt
              path: ca.crt
      - downwardAPI:
          items:
            - path: namespace
              fieldRef:
                apiVersion: v1
                fieldPath: metadata.namespace
{{- end }}

{{/* Labels of what belongs to a hook. Call with (list . "component"). */}}
{{- define "orloj-operator.hookLabels" -}}
{{- merge (dict "app.kubernetes.io/component" (index . 1)) (include "orloj-operator.labels" (index . 0) | fromYaml) | toYaml }}
{{- end }}

{{/*
A Job of a hook. Call with a map:

  root, component    the component is also the name's end and the container's name
  hook, weight       when, and in which order
  deadline           seconds
  args
  account            whose token it gets; none, and it calls no API server
  postgres           the DSN is mounted: "required" or "optional"; none, and it asks no database
  kinds              the ConfigMap whose kind files are mounted, if any
  volumes            whether operator.extraVolumes are there by then
*/}}
{{- define "orloj-operator.hookJob" -}}
{{- $root := .root }}
{{- $operator := .root.Values.operator -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "orloj-operator.named" (list $root .component) }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "orloj-operator.hookLabels" (list $root .component) | nindent 4 }}
  annotations:
    helm.sh/hook: {{ .hook }}
    {{- with .weight }}
    helm.sh/hook-weight: {{ . | quote }}
    {{- end }}
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
    # What it says is shown by Helm 4; Helm 3 passes over this.
    helm.sh/hook-output-log-policy: hook-failed,hook-succeeded
    {{- if not $operator.image.digest }}
    checkov.io/skip1: CKV_K8S_43=The image is named by the chart's version; operator.image.digest pins it.
    {{- end }}
spec:
  backoffLimit: 2
  activeDeadlineSeconds: {{ .deadline }}
  template:
    metadata:
      labels:
        {{- merge (include "orloj-operator.releaseLabels" $root | fromYaml) (dict "app.kubernetes.io/component" .component) $operator.podLabels $operator.labels | toYaml | nindent 8 }}
      {{- with $operator.podAnnotations }}
      annotations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      {{- with $root.Values.imagePullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      restartPolicy: Never
      {{- with $operator.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      {{- with $operator.runtimeClassName }}
      runtimeClassName: {{ . }}
      {{- end }}
      {{- with .account }}
      serviceAccountName: {{ . }}
      {{- end }}
      automountServiceAccountToken: false
      enableServiceLinks: false
      {{- with $operator.podSecurityContext }}
      securityContext:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      containers:
        - name: {{ .component }}
          image: {{ include "orloj-operator.image" $root | quote }}
          imagePullPolicy: {{ $operator.image.pullPolicy }}
          {{- with $operator.securityContext }}
          securityContext:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          args:
            {{- toYaml .args | nindent 12 }}
          {{- if or .postgres $operator.extraEnv }}
          env:
            {{- if .postgres }}
            - name: ORLOJ_POSTGRES_DSN_FILE
              value: /etc/orloj-operator/postgres/dsn
            {{- end }}
            {{- with $operator.extraEnv }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          {{- end }}
          {{- with $operator.resources }}
          resources:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          volumeMounts:
            {{- if .postgres }}
            - name: postgres
              mountPath: /etc/orloj-operator/postgres
              readOnly: true
            {{- end }}
            {{- if .kinds }}
            - name: kinds
              mountPath: /etc/orloj-operator/kinds
              readOnly: true
            {{- end }}
            {{- if .account }}
            - name: token
              mountPath: /var/run/secrets/kubernetes.io/serviceaccount
              readOnly: true
            {{- end }}
            {{- with and .volumes $operator.extraVolumeMounts }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
      volumes:
        {{- if .postgres }}
        {{- include "orloj-operator.postgresVolume" (list $root (eq .postgres "optional")) | nindent 8 }}
        {{- end }}
        {{- with .kinds }}
        {{- include "orloj-operator.kindsVolume" . | nindent 8 }}
        {{- end }}
        {{- if .account }}
        {{- include "orloj-operator.tokenVolume" . | nindent 8 }}
        {{- end }}
        {{- with and .volumes $operator.extraVolumes }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with $operator.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $operator.affinity }}
      affinity:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $operator.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
{{- end }}

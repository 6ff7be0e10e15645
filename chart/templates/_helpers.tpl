{{/* The chart's name, as a label. */}}
{{- define "orloj-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Name of what is made in the namespace of the release. */}}
{{- define "orloj-operator.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | replace "." "-" | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | replace "." "-" | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | replace "." "-" | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{/* A name with something behind it, still short enough for a label. Call with (list . "metrics"). */}}
{{- define "orloj-operator.named" -}}
{{- $fullname := include "orloj-operator.fullname" (index . 0) }}
{{- $suffix := index . 1 }}
{{- printf "%s-%s" ($fullname | trunc (int (sub 62 (len $suffix))) | trimSuffix "-") $suffix }}
{{- end }}

{{/*
Name of what belongs to the whole cluster, or stands in a namespace that others share: with the release's namespace, so that
a second release elsewhere does not take the first one's rights away.
*/}}
{{- define "orloj-operator.globalName" -}}
{{- printf "%s:%s" .Release.Namespace (include "orloj-operator.fullname" .) }}
{{- end }}

{{/* Of all pods of the release, those of hooks too. */}}
{{- define "orloj-operator.releaseLabels" -}}
app.kubernetes.io/name: {{ include "orloj-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Of the operator's pods alone. */}}
{{- define "orloj-operator.selectorLabels" -}}
{{ include "orloj-operator.releaseLabels" . }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "orloj-operator.labels" -}}
{{- $labels := dict
    "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
    "app.kubernetes.io/version" (.Chart.AppVersion | replace "+" "_" | trunc 63)
    "app.kubernetes.io/managed-by" .Release.Service
    "app.kubernetes.io/part-of" "orloj" }}
{{- $labels = merge (include "orloj-operator.selectorLabels" . | fromYaml) $labels .Values.operator.labels }}
{{- toYaml $labels }}
{{- end }}

{{- define "orloj-operator.serviceAccountName" -}}
{{- if .Values.operator.serviceAccount.create }}
{{- default (include "orloj-operator.fullname" .) .Values.operator.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.operator.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "orloj-operator.image" -}}
{{- $image := .Values.operator.image }}
{{- $name := $image.repository }}
{{- /* As container engines tell a registry: by a dot or a port in what comes first. */}}
{{- if and $image.registry (not (regexMatch "^([^/]*[.:][^/]*|localhost)/" $name)) }}
{{- $name = printf "%s/%s" $image.registry $name }}
{{- end }}
{{- if $image.digest }}
{{- printf "%s@%s" $name $image.digest }}
{{- else }}
{{- printf "%s:%s" $name (default .Chart.AppVersion $image.tag) }}
{{- end }}
{{- end }}

{{/*
Where DSN and encryption key are read from, as a map:

  dsn, key          {secret, key}; no `key` where no encryption key is configured
  release           what the release's own Secret holds, key to value; empty where it is not made
  awaited           true where nothing is configured: somebody makes a Secret of the release's name, with both
*/}}
{{- define "orloj-operator.secrets" -}}
{{- $own := include "orloj-operator.fullname" . }}
{{- $postgres := .Values.externalPostgres }}
{{- $release := dict }}
{{- $dsnSecret := $own }}
{{- if $postgres.existingSecret }}
{{- $dsnSecret = $postgres.existingSecret }}
{{- else if $postgres.dsn }}
{{- $_ := set $release $postgres.existingSecretKey $postgres.dsn }}
{{- else if .Values.existingSecret }}
{{- $dsnSecret = .Values.existingSecret }}
{{- end }}
{{- $keySecret := "" }}
{{- if .Values.existingSecret }}
{{- $keySecret = .Values.existingSecret }}
{{- else if .Values.secretEncryptionKey }}
{{- $keySecret = $own }}
{{- $_ := set $release .Values.existingSecretKey .Values.secretEncryptionKey }}
{{- end }}
{{- $awaited := and (eq $dsnSecret $own) (not $release) }}
{{- if $awaited }}
{{- $keySecret = $own }}
{{- end }}
{{- $secrets := dict
    "dsn" (dict "secret" $dsnSecret "key" $postgres.existingSecretKey)
    "release" $release
    "awaited" $awaited }}
{{- if $keySecret }}
{{- $_ := set $secrets "key" (dict "secret" $keySecret "key" .Values.existingSecretKey) }}
{{- end }}
{{- toYaml $secrets }}
{{- end }}

{{/*
All kinds that are the operator's, those of operator.kinds too: {kinds: [{group, version, kind, plural, secret, extra, given}]}.
`extra`: not in the program; `given`: by operator.kinds, which may replace one of the program's. And those that are not
(`definition: foreign`): {foreign: [{group, plural, verbs, namespaces}]}; no namespace stands for all.
*/}}
{{- define "orloj-operator.kinds" -}}
{{- $kinds := dict }}
{{- $foreign := list }}
{{- range .Files.Get "files/kinds.json" | fromJsonArray }}
{{- $group := splitList "/" .apiVersion }}
{{- $kind := dict "group" (first $group) "version" (last $group) "kind" .kind "plural" .plural "secret" .sensitive "extra" false "given" false }}
{{- $_ := set $kinds (printf "%s.%s" .kind (first $group)) $kind }}
{{- end }}
{{- range $name, $text := .Values.operator.kinds }}
{{- $file := $text | fromYaml }}
{{- $another := eq (toString $file.definition) "foreign" }}
{{- range $key := ternary (list "version" "kind" "plural") (list "group" "version" "kind" "plural") $another }}
{{- if not (and (kindIs "string" (get $file $key)) (get $file $key)) }}
{{- fail (printf "operator.kinds: %s is no kind file: no %s; `orloj-operator kinds list --kinds DIR` tells what is wrong with one" $name $key) }}
{{- end }}
{{- end }}
{{- if $another }}
{{- $verbs := list "get" "list" "watch" }}
{{- if eq (toString $file.acknowledge) "annotation" }}
{{- $verbs = append $verbs "patch" }}
{{- end }}
{{- $namespaces := dig "select" "namespaces" list $file | default $.Values.operator.watchNamespaces }}
{{- $foreign = append $foreign (dict "group" (default "" $file.group) "plural" $file.plural "verbs" $verbs "namespaces" $namespaces) }}
{{- else }}
{{- $id := printf "%s.%s" $file.kind $file.group }}
{{- /* By another plural it replaces one of the program's, but the rights on that one do not serve it. */}}
{{- $extra := ne (dig $id "plural" "" $kinds) $file.plural }}
{{- $kind := dict "group" $file.group "version" $file.version "kind" $file.kind "plural" $file.plural "secret" (hasKey $file "secret") "extra" $extra "given" true }}
{{- $_ := set $kinds $id $kind }}
{{- end }}
{{- end }}
{{- $all := list }}
{{- range $id := keys $kinds | sortAlpha }}
{{- $all = append $all (get $kinds $id) }}
{{- end }}
{{- toYaml (dict "kinds" $all "foreign" $foreign) }}
{{- end }}

{{/*
The rules of files/rbac.yaml, by where they belong: {cluster, kinds, events, release}. There the namespaces are called
`watched` and `release`.
*/}}
{{- define "orloj-operator.rules" -}}
{{- $rules := dict "cluster" list "kinds" list "events" list "release" list }}
{{- range .Files.Get "files/rbac.yaml" | splitList "---\n" }}
{{- $object := . | fromYaml }}
{{- if eq (toString $object.kind) "ClusterRole" }}
{{- $_ := set $rules "cluster" (concat $rules.cluster $object.rules) }}
{{- else if eq (toString $object.kind) "Role" }}
{{- $release := eq $object.metadata.namespace "release" }}
{{- range $object.rules }}
{{- $where := ternary "release" (ternary "events" "kinds" (has "events" .resources)) $release }}
{{- $_ := set $rules $where (append (get $rules $where) .) }}
{{- end }}
{{- end }}
{{- end }}
{{- /* A kind of operator.kinds gets what the others have. */}}
{{- $known := $rules.kinds }}
{{- range $kind := (include "orloj-operator.kinds" . | fromYaml).kinds }}
{{- if $kind.extra }}
{{- $done := dict }}
{{- range $known }}
{{- $resource := ternary (printf "%s/status" $kind.plural) $kind.plural (hasSuffix "/status" (first .resources)) }}
{{- if not (hasKey $done $resource) }}
{{- $_ := set $done $resource true }}
{{- $_ := set $rules "kinds" (append $rules.kinds (dict "apiGroups" (list $kind.group) "resources" (list $resource) "verbs" .verbs)) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- toYaml $rules }}
{{- end }}

{{/* The files of operator.kinds, as a ConfigMap's data. */}}
{{- define "orloj-operator.kindFiles" -}}
{{- toYaml .Values.operator.kinds }}
{{- end }}

{{/* Whether operator.kinds has kinds that have definitions: "true" or nothing. */}}
{{- define "orloj-operator.givenKinds" -}}
{{- $given := false }}
{{- range (include "orloj-operator.kinds" . | fromYaml).kinds }}
{{- $given = or $given .given }}
{{- end }}
{{- if $given }}true{{ end }}
{{- end }}

{{/* Whether a hook applies the definitions of operator.kinds: "true" or nothing. */}}
{{- define "orloj-operator.appliesKinds" -}}
{{- if and .Values.operator.enabled (include "orloj-operator.givenKinds" .) .Values.operator.installCRDs .Values.operator.rbac.create }}true{{ end }}
{{- end }}

{{/* Name of the policy that adds the finalizer; nothing where there is none. */}}
{{- define "orloj-operator.finalizerPolicy" -}}
{{- if and .Values.operator.enabled .Values.operator.finalizerAtCreation.enabled (.Capabilities.APIVersions.Has "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy") -}}
{{ include "orloj-operator.fullname" . }}.{{ .Release.Namespace }}.finalizer.orloj.dev
{{- end }}
{{- end }}

{{/* How long the operator's pods may take to end once they are told to, and to be gone, in seconds. */}}
{{- define "orloj-operator.stopSeconds" -}}
{{ add .Values.operator.terminationGracePeriodSeconds 30 }}
{{- end }}

{{/* What a schema cannot refuse, or not in words that help. */}}
{{- define "orloj-operator.validate" -}}
{{- $operator := .Values.operator }}
{{- /* Not by the schema, whose messages would show the value. */}}
{{- if not (regexMatch "^(postgres(ql)?://.*|.*=.*)?$" .Values.externalPostgres.dsn) }}
{{- fail "externalPostgres.dsn: neither a URL, postgres://user@host:5432/db, nor key=value" }}
{{- end }}
{{- if not (regexMatch "^([0-9A-Fa-f]{64}|[+/0-9A-Za-z]{43}=?)?$" .Values.secretEncryptionKey) }}
{{- fail "secretEncryptionKey: neither 64 hex characters nor 44 of base64; `openssl rand -hex 32` makes a key" }}
{{- end }}
{{- range $operator.extraArgs }}
{{- if regexMatch "^--?(postgres-dsn|secret-encryption-key)(=|$)" . }}
{{- fail (printf "operator.extraArgs: %s would show in every process list; use externalPostgres and existingSecret" (regexFind "^[^=]*" .)) }}
{{- end }}
{{- end }}
{{- $secrets := include "orloj-operator.secrets" . | fromYaml }}
{{- if and $secrets.release (eq $secrets.dsn.secret (include "orloj-operator.fullname" .)) (not (hasKey $secrets.release $secrets.dsn.key)) }}
{{- fail "secretEncryptionKey: given without a database; set externalPostgres.dsn or externalPostgres.existingSecret too" }}
{{- end }}
{{- $waits := add (include "orloj-operator.stopSeconds" . | int) $operator.uninstall.storeTimeoutSeconds }}
{{- if and $operator.uninstall.enabled (le (int $operator.uninstall.timeoutSeconds) (int $waits)) }}
{{- fail (printf "operator.uninstall.timeoutSeconds: must be more than %d: storeTimeoutSeconds, terminationGracePeriodSeconds and 30 s" $waits) }}
{{- end }}
{{- if and $operator.networkPolicy.enabled $operator.networkPolicy.metricsFrom (eq (int $operator.healthzPort) (int $operator.metricsPort)) }}
{{- fail "operator.networkPolicy.metricsFrom: probes need a port of their own, so that those can be kept from metrics alone; set operator.healthzPort to another than operator.metricsPort" }}
{{- end }}
{{- if $operator.kubernetesSecrets.enabled }}
{{- $namespaces := $operator.kubernetesSecrets.namespaces }}
{{- if not $namespaces }}
{{- fail "operator.kubernetesSecrets.namespaces: name the namespaces whose Secrets the operator may read; [\"*\"] lets it read those of all that it watches" }}
{{- end }}
{{- range $namespace := without $namespaces "*" }}
{{- if and $operator.watchNamespaces (not (has $namespace $operator.watchNamespaces)) }}
{{- fail (printf "operator.kubernetesSecrets.namespaces: %s is not watched; add it to operator.watchNamespaces" $namespace) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and (not $operator.leaderElection) (gt (int $operator.replicaCount) 1) }}
{{- fail "operator.leaderElection: without it only one replica may run; set operator.replicaCount to 1" }}
{{- end }}
{{- if and .Values.externalPostgres.dsn (not (or .Values.externalPostgres.existingSecret .Values.existingSecret)) .Values.secretEncryptionKey (eq .Values.externalPostgres.existingSecretKey .Values.existingSecretKey) }}
{{- fail "existingSecretKey: DSN and encryption key cannot stand under one key of the release's Secret" }}
{{- end }}
{{- end }}

{{/*
What is set to null is not there at all, as Helm has it. To be called first in each template: a value that is not there is the
default, an optional part is switched off, and probes, resources and security contexts stay away.
*/}}
{{- define "orloj-operator.fill" -}}
{{- $defaults := .Files.Get "files/values.yaml" | fromYaml }}
{{- range list "resources" "podSecurityContext" "securityContext" "startupProbe" "readinessProbe" "livenessProbe" }}
{{- $_ := unset $defaults.operator . }}
{{- end }}
{{- if kindIs "map" .Values.operator }}
{{- range list "pdb" "networkPolicy" "serviceMonitor" "uninstall" "finalizerAtCreation" "kubernetesSecrets" }}
{{- if not (kindIs "map" (get $.Values.operator .)) }}
{{- $_ := set $.Values.operator . (dict "enabled" false) }}
{{- end }}
{{- end }}
{{- end }}
{{- include "orloj-operator.fillIn" (list .Values $defaults) }}
{{- /* Kubernetes' own Secrets are one more kind, in the namespaces that are named. */}}
{{- $secrets := .Values.operator.kubernetesSecrets }}
{{- if $secrets.enabled }}
{{- $file := .Files.Get "files/kubernetes-secret.yaml" | fromYaml }}
{{- if not (has "*" $secrets.namespaces) }}
{{- $_ := set $file.select "namespaces" $secrets.namespaces }}
{{- end }}
{{- $_ := set $file "acknowledge" (ternary "annotation" "none" $secrets.annotate) }}
{{- $_ := set .Values.operator "kinds" (merge (dict "kubernetes-secret.yaml" (toYaml $file)) .Values.operator.kinds) }}
{{- end }}
{{- end }}

{{/* Call with (list values defaults). */}}
{{- define "orloj-operator.fillIn" -}}
{{- $values := index . 0 }}
{{- range $name, $default := index . 1 }}
{{- $given := get $values $name }}
{{- if or (not (hasKey $values $name)) (kindIs "invalid" $given) }}
{{- $_ := set $values $name $default }}
{{- else if and (kindIs "map" $default) (kindIs "map" $given) }}
{{- include "orloj-operator.fillIn" (list $given $default) }}
{{- end }}
{{- end }}
{{- end }}

{{/* The name of the port of probes: metrics have the same where both are asked for on one. */}}
{{- define "orloj-operator.healthPort" -}}
{{- ternary "metrics" "health" (eq (int .Values.operator.healthzPort) (int .Values.operator.metricsPort)) }}
{{- end }}

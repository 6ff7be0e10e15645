#!/usr/bin/env bash
# Checks the chart without a cluster, with helm 3 and helm 4.
#
#   check.sh    PROGRAM=target/debug/orloj-operator check.sh also tells whether chart/files is stale
#
# What must be refused, and by which words, is the table below.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

say() { printf '%s\n' "$*"; }
die() {
    say "check.sh: $*"
    exit 1
}

helms=$(tests/chart/helm.sh)
mapfile -t helms <<<"$helms"
[[ ${#helms[@]} -eq 2 ]] || die "helm.sh names ${#helms[@]} helms"
tools=$(tests/ci/tools.sh chart)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Nothing of whoever runs this: no plug-ins, no cluster.
export HELM_CACHE_HOME=$work/helm/cache HELM_CONFIG_HOME=$work/helm/config HELM_DATA_HOME=$work/helm/data
unset "${!HELM_KUBE@}" KUBECONFIG

policy=admissionregistration.k8s.io/v1/MutatingAdmissionPolicy
# Name of a rendering, arguments of helm.
renderings=(
    "default"
    "enabled --set operator.enabled=true"
    "own-secret --set operator.enabled=true --set externalPostgres.dsn=postgres://orloj@db.example.com/orloj --set secretEncryptionKey=$(printf '0%.0s' {1..64})"
    "all --values tests/chart/values-all.yaml --api-versions $policy"
    "all-without-policy --values tests/chart/values-all.yaml"
)

# What must be refused, and words that the message must hold, separated by bars.
refused=(
    "replicas=2|replicas"
    "server.enabled=true|server"
    "operator.replicas=2|replicas"
    "operator.image.name=x|name"
    "operator.enabled=yes|enabled|boolean"
    "operator.installCRDs=1|installCRDs|boolean"
    "operator.replicaCount=two|replicaCount|integer"
    "operator.replicaCount=-1|replicaCount|0"
    "operator.image=orloj-operator|image|object"
    "operator.image.tag=a b|tag|pattern"
    "operator.image.digest=sha256:abc|digest|pattern"
    "operator.image.pullPolicy=Sometimes|pullPolicy|IfNotPresent"
    "operator.statusSyncInterval=5|statusSyncInterval|string"
    "operator.statusSyncInterval=5 seconds|statusSyncInterval|pattern"
    "operator.leaderElection=on|leaderElection|boolean"
    "operator.healthzPort=http|healthzPort|integer"
    "operator.metricsPort=70000|metricsPort|65"
    "operator.resources.limit.cpu=1|limit"
    "operator.requireEncryption=no|requireEncryption|boolean"
    "operator.watchNamespaces=support|watchNamespaces|array"
    "operator.watchNamespaces[0]=Support|watchNamespaces|pattern"
    "operator.logFormat=xml|logFormat|json"
    "operator.kinds=widget.yaml|kinds|object"
    "operator.kinds.widget=kind: Widget|widget|pattern"
    "operator.kinds.widget\.yaml=kind: Widget|widget.yaml|no group"
    "operator.kubernetesSecrets.enabled=true|kubernetesSecrets.namespaces|may read"
    "operator.kubernetesSecrets.enabled=true,operator.kubernetesSecrets.namespaces={sales},operator.watchNamespaces={support}|sales is not watched"
    "operator.uninstall.policy=keep|policy|retain"
    "operator.uninstall.timeout=5m|timeout"
    "operator.uninstall.timeoutSeconds=5m|timeoutSeconds|integer"
    "operator.uninstall.storeTimeoutSeconds=0|storeTimeoutSeconds|1"
    "operator.uninstall.storeTimeoutSeconds=240|operator.uninstall.timeoutSeconds|285"
    "operator.finalizerAtCreation=true|finalizerAtCreation|object"
    "operator.serviceMonitor.interval=soon|interval|pattern"
    "operator.pdb.minAvailable=half|minAvailable|pattern"
    "operator.pdb.maxUnavailable=1|maxUnavailable"
    "operator.networkPolicy.egress=none|egress|array"
    "operator.serviceAccount.annotations.role=1|annotations|string"
    "operator.podLabels.tier=1|tier|string"
    "operator.tolerations=none|tolerations|array"
    "operator.topologySpreadConstraints[0].maxSkew=1|topologyKey"
    "operator.revisionHistoryLimit=-1|revisionHistoryLimit|0"
    "operator.terminationGracePeriodSeconds=5|terminationGracePeriodSeconds|10"
    "operator.extraArgs[0]=sweep|extraArgs|pattern"
    "operator.extraArgs[0]=--postgres-dsn=postgres://db/orloj|--postgres-dsn|externalPostgres"
    "operator.extraEnv[0].value=x|extraEnv|name"
    "operator.leaderElection=false,operator.replicaCount=2|leaderElection|replicaCount"
    "operator.healthzPort=8080,operator.networkPolicy.metricsFrom[0].podSelector.matchLabels.app=prometheus|metricsFrom|healthzPort"
    "operator.livenessProbe.httpGet.path=/|httpGet"
    "imagePullSecrets=registry|imagePullSecrets|array"
    "externalPostgres.dsn=somewhere|externalPostgres.dsn|postgres://"
    "externalPostgres.existingSecret=My_Secret|existingSecret|pattern"
    "secretEncryptionKey=0000000000000000000000000000000000000000000000000000000000000000|secretEncryptionKey|externalPostgres"
    "secretEncryptionKey=short|secretEncryptionKey|64 hex"
    "existingSecretKey=a/b|existingSecretKey|pattern"
)

# What else values do, and lines that must be rendered.
shown=(
    "operator.image.tag=v1|image: \"ghcr.io/orlojhq/orloj-operator:v1\""
    "operator.image.tag=v1,operator.image.repository=registry.example.com/operator|image: \"registry.example.com/operator:v1\""
    "operator.image.tag=v1,operator.image.registry=localhost:5000|image: \"localhost:5000/orlojhq/orloj-operator:v1\""
    "operator.leaderElection=false|type: Recreate|- --leader-elect=false"
    "operator.watchNamespaces={support,sales}|- --namespaces=support,sales|namespace: support|namespace: sales"
    "operator.serviceAccount.create=false,operator.serviceAccount.name=mine|serviceAccountName: mine|name: mine"
    "operator.terminationGracePeriodSeconds=60|terminationGracePeriodSeconds: 60|- --shutdown-timeout=55s"
    "externalPostgres.existingSecret=db,externalPostgres.existingSecretKey=url|secretName: db|- key: url"
    "existingSecret=both|secretName: both|- key: postgres-dsn|- key: secret-encryption-key"
    "operator.uninstall.policy=delete,operator.uninstall.storeTimeoutSeconds=5|- --policy=delete|- --store-timeout=5s|- --stop-timeout=45s|helm.sh/hook: pre-delete"
    "operator.uninstall.timeoutSeconds=600|- --timeout=600s|activeDeadlineSeconds: 645"
    "operator.uninstall.enabled=false,operator.uninstall.timeoutSeconds=1|helm.sh/hook: test"
    "operator.requireEncryption=false|- --require-encryption=false"
    "operator.kubernetesSecrets.enabled=true,operator.kubernetesSecrets.namespaces={support}|- --kinds=/etc/orloj-operator/kinds|- secrets|namespace: support|definition: foreign|acknowledge: none"
    "operator.kubernetesSecrets.enabled=true,operator.kubernetesSecrets.namespaces={*},operator.watchNamespaces={sales}|- secrets|namespace: sales"
)

# The definition of a kind that operator.kinds replaces is left to the hook.
tool="operator.kinds.tool\.yaml=group: orloj.dev
version: v1
kind: Tool
plural: tools"
# Values, and lines that must not be rendered.
absent=(
    "operator.uninstall.enabled=false|helm.sh/hook: pre-delete"
    "operator.kubernetesSecrets.enabled=true,operator.kubernetesSecrets.namespaces={support}|helm.sh/hook: pre-install,pre-upgrade,pre-rollback"
    "$tool|name: tools.orloj.dev"
    "$tool,operator.rbac.create=false|helm.sh/hook: pre-install,pre-upgrade,pre-rollback"
    "$tool,operator.installCRDs=false|helm.sh/hook: pre-install,pre-upgrade,pre-rollback"
    "operator.rbac.create=false|kind: Role|kind: ClusterRoleBinding"
    "operator.healthzPort=8080|- name: health|- port: health|port: health"
    "operator.pdb=null|kind: PodDisruptionBudget"
    "operator.networkPolicy=null|kind: NetworkPolicy"
    "operator.uninstall=null|helm.sh/hook: pre-delete"
    "operator.startupProbe=null|startupProbe:"
    "operator.readinessProbe=null|readinessProbe:"
    "operator.livenessProbe=null|livenessProbe:"
    "operator.resources.limits.cpu=null|cpu: 500m"
    "operator.podSecurityContext.runAsUser=null|runAsUser: 65532"
)

# Values that NOTES.txt has to speak of, and words that it must hold.
notes=(
    "operator.enabled=false|NOTHING WAS DEPLOYED|operator.enabled=true"
    "operator.enabled=true|THE PODS NEED A SECRET|create secret generic orloj-operator|lets no pod go|kubectl get orloj --all-namespaces"
    "operator.enabled=true,operator.replicaCount=2,operator.pdb.minAvailable=2|lets no pod go|operator.replicaCount=3"
    "operator.enabled=true,operator.installCRDs=false|NO CUSTOM RESOURCE DEFINITIONS"
    "operator.enabled=true,operator.rbac.create=false|NO ROLES"
    "operator.enabled=true,externalPostgres.existingSecret=db|NO ENCRYPTION KEY: Orloj Secrets are refused"
    "operator.enabled=true,externalPostgres.existingSecret=db,operator.requireEncryption=false|in the clear"
    "operator.enabled=true,operator.replicaCount=3|rows stay in the database"
    "operator.enabled=true,operator.uninstall.policy=delete|ROWS ARE REMOVED"
    "operator.enabled=true,operator.uninstall.enabled=false|LEAVES THE FINALIZER"
    "operator.enabled=true,operator.finalizerAtCreation.enabled=true|NO POLICY FOR THE FINALIZER"
)

for helm in "${helms[@]}"; do
    version=$("$helm" version --short)
    folder=$work/${version%%.*}
    mkdir "$folder"
    "$helm" lint --strict chart >"$work/lint" 2>&1 || { cat "$work/lint"; die "helm lint, $version, default values"; }
    "$helm" lint --strict chart --values tests/chart/values-all.yaml >"$work/lint" 2>&1 || { cat "$work/lint"; die "helm lint, $version, everything on"; }
    for rendering in "${renderings[@]}"; do
        read -ra words <<<"$rendering"
        "$helm" template orloj-operator chart --namespace orloj-system "${words[@]:1}" >"$folder/${words[0]}.yaml" ||
            die "$version renders nothing for $rendering"
    done
    for entry in "${refused[@]}"; do
        IFS='|' read -ra words <<<"$entry"
        if "$helm" template orloj-operator chart --set operator.enabled=true --set "${words[0]}" >/dev/null 2>"$work/message"; then
            die "$version takes ${words[0]}"
        fi
        for word in "${words[@]:1}"; do
            grep --quiet --fixed-strings -- "$word" "$work/message" || {
                cat "$work/message"
                die "$version: ${words[0]}: the message does not hold \"$word\""
            }
        done
    done
    for entry in "${shown[@]}"; do
        IFS='|' read -ra words <<<"$entry"
        "$helm" template orloj-operator chart --set operator.enabled=true --set "${words[0]}" >"$work/shown" || die "$version: ${words[0]}"
        for line in "${words[@]:1}"; do
            sed 's/^ *//' "$work/shown" | grep --fixed-strings --line-regexp -- "$line" >/dev/null || die "$version: ${words[0]}: no line \"$line\""
        done
    done
    for entry in "${absent[@]}"; do
        IFS='|' read -r -d '' -a words <<<"$entry" || true
        "$helm" template orloj-operator chart --set operator.enabled=true --set "${words[0]}" >"$work/shown" || die "$version: ${words[0]}"
        for line in "${words[@]:1}"; do
            ! sed 's/^ *//' "$work/shown" | grep --fixed-strings --line-regexp -- "${line%$'\n'}" >/dev/null || die "$version: ${words[0]}: a line \"$line\""
        done
    done
done

# Any value may be null, which is the default then, or leaves away what a pod can do without. Fits a person's values file that
# empties what others have set.
away="resources|[a-z]*[sS]ecurityContext|[a-z]*Probe|pdb|networkPolicy|serviceMonitor|uninstall|finalizerAtCreation"
mkdir "$work/null"
for helm in "${helms[@]}"; do
    "$helm" template orloj-operator chart --set operator.enabled=true >"$work/default.yaml"
    while read -r path; do
        "$helm" template orloj-operator chart --set operator.enabled=true --set "$path=null" >"$work/null/$path.yaml" || die "$path=null"
        [[ $path =~ ^operator(\.($away)(\..*)?|\.enabled)?$ ]] || diff "$work/default.yaml" "$work/null/$path.yaml" ||
            die "$path=null is not the default"
        # notes are rendered by helm 4 only, where no cluster is asked
        [[ $helm != "${helms[1]}" ]] || "$helm" install orloj-operator chart --dry-run=client --set operator.enabled=true --set "$path=null" \
            >/dev/null || die "notes for $path=null"
    done < <(python3 tests/chart/values_table.py --paths)
done
nulls=()
for file in "$work"/null/*; do
    ! grep --quiet "^kind: " "$file" || nulls+=("$file")
done
"$tools/kubernetes-validate" --strict --quiet "${nulls[@]}" >"$work/validate" 2>&1 || { cat "$work/validate"; die "a value that is null"; }

# Helm 3 asks a cluster before it shows notes, so helm 4 alone.
for entry in "${notes[@]}"; do
    IFS='|' read -ra words <<<"$entry"
    "${helms[1]}" install orloj-operator chart --namespace orloj-system --dry-run=client --set "${words[0]}" >"$work/notes" 2>&1 ||
        { cat "$work/notes"; die "no notes for ${words[0]}"; }
    sed -i '1,/^NOTES:/d' "$work/notes"
    for word in "${words[@]:1}"; do
        grep --quiet --fixed-strings -- "$word" "$work/notes" || { cat "$work/notes"; die "notes for ${words[0]}: no \"$word\""; }
    done
done

# As a part of another chart: its values stand under a name, others come along, and nothing is made before it is switched on.
mkdir -p "$work/parent/charts"
cp -r chart "$work/parent/charts/orloj-operator"
printf '%s\n' "apiVersion: v2" "name: parent" "version: 0.0.1" "dependencies:" \
    "  - {name: orloj-operator, version: '*', condition: orloj-operator.enabled}" >"$work/parent/Chart.yaml"
for helm in "${helms[@]}"; do
    for settings in "orloj-operator.operator.enabled=false" "orloj-operator.operator.enabled=true,orloj-operator.enabled=false"; do
        "$helm" template parent "$work/parent" --set "global.team=x,$settings" >"$work/part.yaml" || die "as a part: $settings"
        ! grep --quiet "^kind: " "$work/part.yaml" || die "as a part: something is made with $settings"
    done
    "$helm" template parent "$work/parent" --set global.team=x,orloj-operator.enabled=true,orloj-operator.operator.enabled=true >"$work/part.yaml" ||
        die "as a part, switched on"
    grep --quiet "^  name: parent-orloj-operator$" "$work/part.yaml" || die "as a part: no operator"
done

# Both give the same, so one is enough for what follows.
diff --recursive "$work/v3" "$work/v4" || die "helm 3 and helm 4 render differently"
files=()
for rendering in "${renderings[@]}"; do
    file=$work/v4/${rendering%% *}.yaml
    # The default makes nothing, and tools stumble over an empty file.
    ! grep --quiet "^kind: " "$file" || files+=("$file")
done

"$tools/python" tests/chart/rendered.py "$work/v4" || die "the chart is wrong"
# Generated, so it has to be sound but not pretty.
"$tools/yamllint" --strict --config-data "{extends: default, rules: {line-length: disable, indentation: {indent-sequences: whatever}}}" \
    "${files[@]}" || die "yamllint"

# The oldest and the newest Kubernetes. What it has no schema for it only warns of.
"$tools/kubernetes-validate" --strict --quiet "${files[@]}" >"$work/validate" 2>&1 || { cat "$work/validate"; die "kubernetes-validate"; }
"$tools/kubernetes-validate" --strict --quiet --kubernetes-version 1.29 "$work/v4/enabled.yaml" "$work/v4/own-secret.yaml" \
    >>"$work/validate" 2>&1 || { cat "$work/validate"; die "kubernetes-validate for 1.29"; }
unknown=$(grep --invert-match "kind ServiceMonitor with" "$work/validate" || true)
[[ -z $unknown ]] || die "kubernetes-validate: $unknown"

# Offline; all-without-policy is a part of all. CKV_K8S_43 is skipped where no digest is given, and says why in the Deployment.
for name in enabled own-secret all; do
    file=$work/v4/$name.yaml
    "$tools/checkov" --file "$file" --framework kubernetes secrets --compact --skip-download --output json >"$work/checkov" 2>"$work/message" ||
        { cat "$work/message" "$work/checkov"; die "checkov on $name"; }
    "$tools/python" -c '
import json, sys

reports = json.load(open(sys.argv[1]))
reports = reports if isinstance(reports, list) else [reports]
sums = [report["summary"] for report in reports if "summary" in report]
count = {key: sum(each[key] for each in sums) for key in ("passed", "failed", "skipped", "parsing_errors")}
print("checkov {}: {passed} passed, {failed} failed, {skipped} skipped".format(sys.argv[2], **count))
# A rendering that it could not read, or not all of it, would pass as well.
sys.exit(count["failed"] + count["parsing_errors"] > 0 or count["passed"] < 100)
' "$work/checkov" "$name" || die "checkov on $name"
done

# Documents and versions.
python3 tests/chart/values_table.py --check || die "the chart's documents"
python3 tests/chart/artifacthub.py --check || die "what Artifact Hub shows"
version=$(sed -n '/^version = /{s/[^"]*"\(.*\)"/\1/p;q}' Cargo.toml)
[[ $(grep --count --line-regexp --extended-regexp "(version|appVersion): $version" chart/Chart.yaml) -eq 2 ]] ||
    die "Chart.yaml has other versions than Cargo.toml, $version"
grep --quiet --fixed-strings "image: ghcr.io/orlojhq/orloj-operator:$version" chart/Chart.yaml ||
    die "Chart.yaml: artifacthub.io/images names another version than Cargo.toml, $version"
diff --recursive crds chart/files/crds || die "chart/files is stale: run \`make generate\`"
if [[ -n ${PROGRAM:-} ]]; then
    tests/chart/generate.sh "$PROGRAM" --check || die "generated files"
else
    say "no PROGRAM is given: whether chart/files is stale is not checked"
fi

#!/usr/bin/env bash
# Writes what the chart takes out of kinds/, as the program prints it.
#
#   generate.sh PROGRAM            writes chart/files/ again
#   generate.sh PROGRAM --check    writes nothing; tells what is stale, and fails where anything is
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

[[ $# -eq 1 || ($# -eq 2 && $2 == --check) ]] || {
    echo "generate.sh: usage: generate.sh PROGRAM [--check]" >&2
    exit 2
}
program=$1
mode=${2:-write}

new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT

# Settings of whoever runs this say nothing about the chart.
run() { env --ignore-environment PATH="$PATH" "$program" "$@"; }

run kinds crds --out "$new/crds" 2>/dev/null
run kinds list --output json >"$new/kinds.json"
# What a value is that somebody sets to null: a chart cannot read its own values.yaml.
cp chart/values.yaml "$new/values.yaml"
cp kinds/foreign/kubernetes-secret.yaml "$new/"
# templates/_helpers.tpl knows by these names where a rule belongs: to the whole cluster, to each watched namespace, or to
# the namespace of the release.
{
    echo "# Generated from kinds/ by \`make generate\`; do not edit."
    run kinds rbac --namespace release --namespaces watched
} >"$new/rbac.yaml"

if [[ $mode == --check ]]; then
    diff --recursive --unified=1 chart/files "$new" || {
        echo "chart/files is stale: run \`make generate\`"
        exit 1
    }
else
    rm -rf chart/files
    cp -r "$new" chart/files
    chmod 755 chart/files
fi

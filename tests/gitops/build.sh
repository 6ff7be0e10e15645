#!/usr/bin/env bash
# Builds the program that says what Flux and Argo CD make of our resources, with their own code, from the Go modules that
# go.mod pins. Prints its path (last line of stdout). About 3 minutes the first time; after that Go's cache answers.
#
#   ${ORLOJ_CACHE_DIR:-${XDG_CACHE_HOME:-~/.cache}/orloj-operator}/tools/gitops/gitops
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"

cache=${ORLOJ_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:?neither ORLOJ_CACHE_DIR nor HOME is set}/.cache}/orloj-operator}
folder=$cache/tools/gitops
command -v go >/dev/null || {
    echo "build.sh: no go on PATH: Go 1.26 or later is needed" >&2
    exit 1
}
mkdir -p "$folder"
exec 9>"$folder/.lock"
flock 9
# Made beside its place and moved there whole: another run may be using it.
GOWORK=off CGO_ENABLED=0 go build -mod=readonly -buildvcs=false -trimpath -ldflags "-s -w" -o "$folder/.gitops.partial" . >&2
mv "$folder/.gitops.partial" "$folder/gitops"
printf '%s\n' "$folder/gitops"

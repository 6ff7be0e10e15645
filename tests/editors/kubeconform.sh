#!/usr/bin/env bash
# Builds kubeconform from the Go module that go.mod pins, and prints its path (last line of stdout). A minute the first time;
# after that Go's cache answers.
#
#   ${ORLOJ_CACHE_DIR:-${XDG_CACHE_HOME:-~/.cache}/orloj-operator}/tools/kubeconform/kubeconform
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"

cache=${ORLOJ_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:?neither ORLOJ_CACHE_DIR nor HOME is set}/.cache}/orloj-operator}
folder=$cache/tools/kubeconform
command -v go >/dev/null || {
    echo "kubeconform.sh: no go on PATH: Go 1.26 or later is needed" >&2
    exit 1
}
mkdir -p "$folder"
exec 9>"$folder/.lock"
flock 9
# Made beside its place and moved there whole: another run may be using it.
GOWORK=off CGO_ENABLED=0 go build -mod=readonly -buildvcs=false -trimpath -ldflags "-s -w" -o "$folder/.partial" \
    github.com/yannh/kubeconform/cmd/kubeconform >&2
mv "$folder/.partial" "$folder/kubeconform"
printf '%s\n' "$folder/kubeconform"

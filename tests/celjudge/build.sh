#!/usr/bin/env bash
# Builds the program that says what kube-apiserver makes of CEL rules, with the server's own packages, from the Go modules
# that go.mod pins. Prints its path (last line of stdout). About a minute the first time; after that Go's cache answers.
#
#   ${ORLOJ_CACHE_DIR:-${XDG_CACHE_HOME:-~/.cache}/orloj-operator}/tools/celjudge/celjudge
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"

cache=${ORLOJ_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:?neither ORLOJ_CACHE_DIR nor HOME is set}/.cache}/orloj-operator}
folder=$cache/tools/celjudge
command -v go >/dev/null || {
    echo "build.sh: no go on PATH: Go 1.26 or later is needed" >&2
    exit 1
}
mkdir -p "$folder"
exec 9>"$folder/.lock"
flock 9
# Made beside its place and moved there whole: another run may be using it.
GOWORK=off CGO_ENABLED=0 go build -mod=readonly -buildvcs=false -trimpath -ldflags "-s -w" -o "$folder/.celjudge.partial" . >&2
mv "$folder/.celjudge.partial" "$folder/celjudge"
printf '%s\n' "$folder/celjudge"

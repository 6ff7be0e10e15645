#!/usr/bin/env bash
# Builds a Go program that the tests ask, from the Go modules that its go.mod pins, and prints its path (last line of stdout).
#
#   celjudge      what kube-apiserver makes of CEL rules, with the server's own packages: a minute the first time
#   gitops        what Flux and Argo CD make of our resources, with their own code: 3 minutes the first time
#   kubeconform   a minute the first time
#
# It lands in ${ORLOJ_CACHE_DIR:-${XDG_CACHE_HOME:-~/.cache}/orloj-operator}/tools/NAME/NAME, and is built again where its
# sources or Go have changed.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

die() {
    printf 'go_tool.sh: %s\n' "$*" >&2
    exit 1
}

name=${1:-}
case $name in
    celjudge | gitops) module=$name package=. ;;
    kubeconform) module=editors package=github.com/yannh/kubeconform/cmd/kubeconform ;;
    *) die "${name:-nothing} is none of celjudge, gitops, kubeconform" ;;
esac
command -v go >/dev/null || die "no go on PATH: Go 1.26 or later is needed"

cache=${ORLOJ_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:?neither ORLOJ_CACHE_DIR nor HOME is set}/.cache}/orloj-operator}
folder=$cache/tools/$name
mkdir -p "$folder"
cd "$module"
shopt -s nullglob
made_of=$({ go version && cat go.mod go.sum ./*.go; } | sha256sum)
# What was built is remembered by its sources, written last.
current() { [[ -x $folder/$name && $(cat "$folder/sources" 2>/dev/null) == "$made_of" ]]; }

if ! current; then
    exec 9>"$folder/.lock"
    flock 9
    if ! current; then
        # Made beside its place and moved there whole: another run may be using it.
        GOWORK=off CGO_ENABLED=0 go build -mod=readonly -buildvcs=false -trimpath -ldflags "-s -w" \
            -o "$folder/.partial" "$package" >&2
        mv "$folder/.partial" "$folder/$name"
        printf '%s\n' "$made_of" >"$folder/sources"
    fi
    exec 9>&-
fi
printf '%s\n' "$folder/$name"

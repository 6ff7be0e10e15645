#!/usr/bin/env bash
# Prints the command of yaml-language-server, a word a line: node and its script. Installs it first where it is missing:
# seconds, once. The versions are those of package-lock.json.
#
#   ${ORLOJ_CACHE_DIR:-${XDG_CACHE_HOME:-~/.cache}/orloj-operator}/tools/language-server/
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${ORLOJ_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:?neither ORLOJ_CACHE_DIR nor HOME is set}/.cache}/orloj-operator}
folder=$cache/tools/language-server

for program in node npm; do
    command -v "$program" >/dev/null || {
        printf 'language_server.sh: no %s on PATH: Node 20 or later is needed\n' "$program" >&2
        exit 1
    }
done
# What was installed is remembered by a copy of the lock, written last.
current() { cmp --silent "$here/package-lock.json" "$folder/installed.json"; }

if ! current; then
    mkdir -p "$folder"
    exec 9>"$folder/.lock"
    flock 9
    if ! current; then
        printf 'installing yaml-language-server into %s\n' "$folder" >&2
        cp "$here/package.json" "$here/package-lock.json" "$folder/"
        (cd "$folder" && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error >&2)
        cp "$here/package-lock.json" "$folder/installed.json"
    fi
    exec 9>&-
fi
printf '%s\n' "$(command -v node)" "$folder/node_modules/yaml-language-server/bin/yaml-language-server"

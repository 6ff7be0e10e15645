#!/usr/bin/env bash
# The console with nothing to install: examples/ and one broken manifest in a SQLite file, served on loopback.
#
#   console.sh [BINARY]     default: the debug build; PORT (8080) is where it serves
#
# Works in a temporary folder, which goes when it is stopped with Ctrl-C.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
binary=$(realpath "${1:-${CARGO_TARGET_DIR:-target}/debug/orloj-operator}")
[[ -x $binary ]] || {
    printf 'console.sh: no program at %s: run make demo-console, or cargo build\n' "$binary" >&2
    exit 1
}
address=127.0.0.1:${PORT:-8080}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# Nothing of the caller's configuration, and a key of our own.
for variable in $(compgen -e ORLOJ_ || true); do unset "$variable"; done
key=$(od -An -tx1 -N32 /dev/urandom | tr -d ' \n')
export ORLOJ_SECRET_ENCRYPTION_KEY=$key ORLOJ_OPERATOR_LOG_FORMAT=human

mkdir "$work/desk"
cp examples/*.yaml "$work/desk"
cat >"$work/desk/broken.yaml" <<'YAML'
apiVersion: orloj.dev/v1
kind: Tool
metadata: {name: broken, namespace: default}
spec: {type: cli}
YAML
# it says what is wrong with the broken one, and goes on with all others
"$binary" sync "$work/desk" --store "sqlite:$work/orloj.db" --quiet || true
printf '\nThe console: http://%s/console/\nThe API:     http://%s/v1/tools\nCtrl-C stops both.\n\n' "$address" "$address"
"$binary" serve --store "sqlite:$work/orloj.db" --listen "$address"

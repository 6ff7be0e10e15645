#!/usr/bin/env bash
# Runs every test suite, one after another, and tells how long each took.
#
#   suites.sh            all: unit tests, every test target, doc tests
#   suites.sh NAME...    only these: lib, doc, or the name of a test target
#
# Building is counted apart. A suite's output is shown where it fails; all are run either way. The last line is the sum.
# A suite is stopped after ORLOJ_SUITE_TIMEOUT seconds (20 minutes).
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

limit=${ORLOJ_SUITE_TIMEOUT:-1200}

# "NAME<tab>arguments of cargo test", a line for each suite.
list_suites() {
    cargo metadata --no-deps --format-version 1 --locked | python3 -c '
import json, sys

for package in json.load(sys.stdin)["packages"]:
    for target in package["targets"]:
        kind, name = target["kind"][0], target["name"]
        if kind == "lib" and target["test"]:
            print("lib\t--lib")
        elif kind == "bin" and target["test"]:
            print(f"bin\t--bin {name}")
        elif kind == "test" and target["test"]:
            print(f"{name}\t--test {name}")
    if any(target["doctest"] for target in package["targets"]):
        print("doc\t--doc")
'
}

names=()
declare -A arguments=()
while IFS=$'\t' read -r name rest; do
    names+=("$name")
    arguments[$name]=$rest
done < <(list_suites)
[[ ${#names[@]} -gt 0 ]] || {
    echo "suites.sh: cargo names no test target" >&2
    exit 1
}
if [[ $# -gt 0 ]]; then
    for name in "$@"; do
        [[ -n ${arguments[$name]:-} ]] || {
            printf 'suites.sh: %s is none of %s\n' "$name" "${names[*]}" >&2
            exit 2
        }
    done
    names=("$@")
fi

table=()
row() { table+=("$(printf '%-28s %6s %8s %8s %8s' "$@")"); }
row suite time passed failed ignored

echo "servers: etcd, kube-apiserver, kube-controller-manager, kubectl, Postgres; helm 3 and 4; the health checks of Flux and Argo CD; the CEL of kube-apiserver"
started=$SECONDS
tests/controlplane/build.sh >/dev/null
# Not part of KUBEBUILDER_ASSETS, so asked for by name.
tests/controlplane/build.sh kube-controller-manager >/dev/null
tests/controlplane/postgres.sh >/dev/null
tests/gitops/build.sh >/dev/null
tests/celjudge/build.sh >/dev/null
tests/chart/helm.sh >/dev/null
row "(servers)" "$((SECONDS - started))s" "" "" ""

echo "building"
started=$SECONDS
cargo test --locked --quiet --no-run || {
    printf 'unable to build the tests\n0 passed, 1 failed\n'
    exit 1
}
row "(build)" "$((SECONDS - started))s" "" "" ""

log=$(mktemp)
trap 'rm -f "$log"' EXIT
# timeout makes a process group of its own, so that a suite that hangs goes with all its processes. For the same reason
# Ctrl-C does not reach it by itself.
running=
interrupt() {
    [[ -z $running ]] || kill "$running" 2>/dev/null || true
    wait
    exit 130
}
trap interrupt INT TERM

passed=0
failed=0
broken=()
for name in "${names[@]}"; do
    printf 'suite %s\n' "$name"
    read -ra words <<<"${arguments[$name]}"
    started=$SECONDS
    code=0
    timeout --kill-after=60 "$limit" cargo test --locked --no-fail-fast "${words[@]}" >"$log" 2>&1 &
    running=$!
    wait "$running" || code=$?
    running=
    seconds=$((SECONDS - started))
    # "test result: ok. 3 passed; 0 failed; 1 ignored; ...", one for each binary, and for doc tests one for each edition
    read -r ok bad ignored < <(awk '
        /^test result: / {
            for (i = 2; i <= NF; i++) {
                if ($i == "passed;") ok += $(i - 1)
                if ($i == "failed;") bad += $(i - 1)
                if ($i == "ignored;") ignored += $(i - 1)
            }
        }
        END { print ok + 0, bad + 0, ignored + 0 }' "$log")
    if [[ $code -ne 0 ]]; then
        # It may have died before it could count.
        [[ $bad -gt 0 ]] || bad=1
        broken+=("$name")
        cat "$log"
        [[ $code -ne 124 ]] || printf 'suite %s was stopped after %s s\n' "$name" "$limit"
    else
        grep '^test result: ' "$log" || true
    fi
    row "$name" "${seconds}s" "$ok" "$bad" "$ignored"
    passed=$((passed + ok))
    failed=$((failed + bad))
done

printf '\n'
printf '%s\n' "${table[@]}"
printf '\n'
[[ ${#broken[@]} -eq 0 ]] || printf 'failed: %s\n' "${broken[*]}"
printf '%d passed, %d failed\n' "$passed" "$failed"
[[ $failed -eq 0 ]]

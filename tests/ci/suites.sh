#!/usr/bin/env bash
# Runs every test suite, some side by side, and tells how long each took.
#
#   suites.sh            all: unit tests, every test target, doc tests
#   suites.sh NAME...    only these: lib, doc, or the name of a test target
#
# Building is counted apart. A suite's output is shown where it fails; all are run either way. The last line is the sum.
# A suite is stopped after ORLOJ_SUITE_TIMEOUT seconds (30 minutes). ORLOJ_SUITES_AT_ONCE (3) run side by side.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

limit=${ORLOJ_SUITE_TIMEOUT:-1800}
side_by_side=${ORLOJ_SUITES_AT_ONCE:-3}

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
tests/ci/go_tool.sh gitops >/dev/null
tests/ci/go_tool.sh celjudge >/dev/null
tests/chart/helm.sh >/dev/null
row "(servers)" "$((SECONDS - started))s" "" "" ""

echo "building"
started=$SECONDS
cargo test --locked --quiet --no-run || {
    printf 'unable to build the tests\n0 passed, 1 failed\n'
    exit 1
}
row "(build)" "$((SECONDS - started))s" "" "" ""

logs=$(mktemp -d)
# timeout makes a process group of its own, so that a suite that hangs goes with all its processes. For the same reason
# Ctrl-C does not reach it by itself.
declare -A running=() began=()
stop() {
    [[ ${#running[@]} -eq 0 ]] || kill "${!running[@]}" 2>/dev/null || true
    wait
    rm -rf "$logs"
}
trap stop EXIT
trap 'exit 130' INT TERM

# Suites that mostly wait for servers run with more tests at once than there are processors, and beside the others.
threads() {
    case $1 in
        promises) echo 8 ;;
        faults | uninstall) echo 4 ;;
        *) echo "${RUST_TEST_THREADS:-$(nproc)}" ;;
    esac
}

# The longest first, so that none is left over at the end.
longest=(promises faults drafts uninstall chart validate crds editors)
order=()
for name in "${longest[@]}" "${names[@]}"; do
    [[ " ${names[*]} " == *" $name "* && " ${order[*]} " != *" $name "* ]] && order+=("$name")
done

passed=0
failed=0
broken=()
wrong=()

start() {
    local name=$1 words
    read -ra words <<<"${arguments[$name]}"
    RUST_TEST_THREADS=$(threads "$name") timeout --kill-after=60 "$limit" \
        cargo test --locked --no-fail-fast "${words[@]}" >"$logs/$name" 2>&1 &
    running[$!]=$name
    began[$name]=$SECONDS
}

# finish PID CODE: shows and counts the suite that has ended.
finish() {
    local name=${running[$1]} code=$2 ok bad ignored log
    unset "running[$1]"
    log=$logs/$name
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
    printf 'suite %s\n' "$name"
    if [[ $code -ne 0 ]]; then
        # It may have died before it could count.
        [[ $bad -gt 0 ]] || bad=1
        broken+=("$name")
        cat "$log"
        mapfile -t -O "${#wrong[@]}" wrong < <(sed -nE "s/^test (.*) \.\.\. FAILED$/$name \1/p" "$log")
        [[ $code -ne 124 ]] || printf 'suite %s was stopped after %s s\n' "$name" "$limit"
    else
        grep '^test result: ' "$log" || true
    fi
    row "$name" "$((SECONDS - ${began[$name]}))s" "$ok" "$bad" "$ignored"
    passed=$((passed + ok))
    failed=$((failed + bad))
}

started=$SECONDS
for name in "${order[@]}"; do
    while [[ ${#running[@]} -ge $side_by_side ]]; do
        code=0
        wait -n -p ended "${!running[@]}" || code=$?
        finish "$ended" "$code"
    done
    start "$name"
done
while [[ ${#running[@]} -gt 0 ]]; do
    code=0
    wait -n -p ended "${!running[@]}" || code=$?
    finish "$ended" "$code"
done
row "(all suites)" "$((SECONDS - started))s" "$passed" "$failed" ""

printf '\n'
printf '%s\n' "${table[@]}"
printf '\n'
[[ ${#wrong[@]} -eq 0 ]] || printf 'failed test: %s\n' "${wrong[@]}"
[[ ${#broken[@]} -eq 0 ]] || printf 'failed: %s\n' "${broken[*]}"
printf '%d passed, %d failed\n' "$passed" "$failed"
[[ $failed -eq 0 ]]

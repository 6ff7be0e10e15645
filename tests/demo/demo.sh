#!/usr/bin/env bash
# The operator's job with nothing to install: the manifests of examples/ become rows in a SQLite file.
#
#   demo.sh [BINARY]     default: the debug build
#
# Works on a copy in a temporary folder. Shows each command, and checks that it did what is claimed: the first claim that
# does not hold ends the demo with exit code 1.
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$repository"
binary=$(realpath "${1:-${CARGO_TARGET_DIR:-target}/debug/orloj-operator}")
[[ -x $binary ]] || {
    printf 'demo.sh: no program at %s: run make demo, or cargo build\n' "$binary" >&2
    exit 1
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
mkdir "$work/desk"
cp examples/*.yaml examples/README.md "$work/desk"
mkdir "$work/bin"
ln -s "$binary" "$work/bin/orloj-operator"
cd "$work"

# Nothing of the caller's configuration, and a key of our own.
for variable in $(compgen -e ORLOJ_ || true); do unset "$variable"; done
PATH=$work/bin:$PATH
key=$(od -An -tx1 -N32 /dev/urandom | tr -d ' \n')
export PATH ORLOJ_SECRET_ENCRYPTION_KEY=$key ORLOJ_OPERATOR_LOG_FORMAT=human

bold='' dim='' green='' red='' plain=''
if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
    bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
fi

steps=0
step() {
    steps=$((steps + 1))
    printf '\n%s%d. %s%s\n' "$bold" "$steps" "$1" "$plain"
    shift
    [[ $# -eq 0 ]] || printf '%s   %s%s\n' "$dim" "$*" "$plain"
}

# A command as one would type it.
as_typed() {
    local word line=
    for word in "$@"; do
        [[ $word =~ ^[A-Za-z0-9_./:=-]+$ ]] || word="'$word'"
        line+=" $word"
    done
    printf '%s' "${line# }"
}

# run WHY COMMAND...: shows a command, runs it and shows what it prints. Leaves that in $output and $code, and all of
# it in the file transcript.
run() {
    printf '\n   %s# %s%s\n' "$dim" "$1" "$plain"
    shift
    printf '   %s$ %s%s\n' "$bold" "$(as_typed "$@")" "$plain"
    code=0
    "$@" >output 2>&1 || code=$?
    cat output >>transcript
    output=$(<output)
    sed 's/^/   /' output
}

fail() {
    printf '   %s✗ %s%s\n' "$red" "$1" "$plain"
    exit 1
}
claim() { printf '   %s✓ %s%s\n' "$green" "$1" "$plain"; }

# claim_that TEXT COMMAND...: says TEXT where the command succeeds, else ends the demo.
claim_that() {
    local text=$1
    shift
    "$@" || fail "$text: that is not so"
    claim "$text"
}

sync_desk() { run "$1" orloj-operator sync desk --store sqlite:orloj.db --prune; }
show() { run "$1" orloj-operator get "${@:2}" --store sqlite:orloj.db; }
stored() { orloj-operator get "$@" --store sqlite:orloj.db; }
shows() { grep --quiet --extended-regexp -- "$1" <<<"$output"; }
ended_well() { [[ $code -eq 0 ]]; }
ended_badly() { [[ $code -ne 0 ]]; }

# Every write of a row adds 1 to its resourceVersion, starting from 1. So the sum over all rows counts writes, and the
# number of versions counts rows.
versions() { stored all -A -o json | grep -o '"resourceVersion": *"[0-9]*"' | tr -dc '0-9\n'; }
count_rows() { versions | wc -l; }
count_writes() { versions | awk '{ sum += $1 } END { print sum + 0 }'; }

# writes_since COUNT EXPECTED
writes_since() { [[ $(($(count_writes) - $1)) -eq $2 ]]; }
rows_are() { [[ $(count_rows) -eq $1 ]]; }

manifests=$(cat desk/*.yaml | grep -c '^kind: ')

printf '%sorloj-operator: from manifests to the rows that orlojd reads%s\n' "$bold" "$plain"
printf '%sdesk/ is a copy of examples/: %d resources of eight kinds, in %d files. No cluster, no server: a SQLite file.%s\n' \
    "$dim" "$manifests" "$(find desk -name '*.yaml' | wc -l)" "$plain"

step "A directory becomes rows" \
    "Each manifest is checked and normalised as Orloj itself would."
sync_desk "reads desk/, writes what differs; --prune removes rows whose manifest has gone"
claim_that "the sync ended well" ended_well
claim_that "$manifests manifests, $manifests rows" rows_are "$manifests"

step "What the store holds" "A row's key is namespace/name, its payload is what orlojd reads."
show "each row's key, the phase that its runtime reported last, the generation of its spec" all -A
claim_that "the system is there, and waits for orlojd to take it up" shows 'support-desk .*Pending'
show "one row whole: compare it with desk/12-agents-answer.yaml" agent sender -n support -o yaml
claim_that "what the manifest left out is filled in" shows 'tool_use_behavior: run_llm_again'

step "The same again: nothing to do" "Rows are compared by meaning, so nothing is written that would say the same."
before=$(count_writes)
sync_desk "nothing has changed since"
claim_that "the sync ended well" ended_well
claim_that "no row was written" writes_since "$before" 0

step "One file edited: one row written" "A smaller budget for the desk."
before=$(count_writes)
run "edits one line" sed -i 's/max_tokens_per_run: 200000/max_tokens_per_run: 150000/' desk/14-agent-policy-desk.yaml
sync_desk "brings it into the store"
claim_that "the sync ended well" ended_well
claim_that "one row was written" writes_since "$before" 1
show "the row now" agentpolicy support-desk-budget -n support -o yaml
claim_that "it has the new budget" shows 'max_tokens_per_run: 150000'
claim_that "its spec changed, so its generation is 2" shows 'generation: 2'

step "One file removed: one row gone" "The year is over, refunds are paid again."
run "removes a manifest" rm desk/15-agent-policy-freeze.yaml
sync_desk "removes its row"
claim_that "the sync ended well" ended_well
claim_that "one row less" rows_are $((manifests - 1))
show "looks for it" agentpolicy no-refunds-at-year-end -n support
claim_that "there is no such row" ended_badly

step "One file broken: all others sync" "A slip of the pen in one file, a proper change in another."
before=$(count_writes)
run "the slip" sed -i 's/risk_level: high/risk_level: hihg/' desk/09-tool-high-risk.yaml
run "the proper change" sed -i 's/max_steps: 3/max_steps: 4/' desk/10-agent-triage.yaml
sync_desk "names the slip, and writes the change"
claim_that "the sync says by its exit code that something is wrong" ended_badly
claim_that "it says where" shows '09-tool-high-risk\.yaml:[0-9]+'
claim_that "it says what" shows 'invalid spec\.risk_level "hihg": expected low, medium, high, or critical'
claim_that "the proper change was written, and only that" writes_since "$before" 1
claim_that "the row of the broken manifest stays as it was" rows_are $((manifests - 1))
before=$(count_writes)
run "mends it" sed -i 's/risk_level: hihg/risk_level: high/' desk/09-tool-high-risk.yaml
sync_desk "all is well again"
claim_that "the sync ended well" ended_well
claim_that "no row was written, as the slip never got there" writes_since "$before" 0

step "The Secret's row" "Encrypted by AES-256-GCM, with the key that orlojd has as well."
show "as it stands in the file" secret model-api -n support -o yaml
claim_that "its value is encrypted" shows 'value: .?enc:'
secret=$(sed -n 's/^ *value: *//p' desk/02-secret-model-api.yaml)
encoded=$(printf '%s' "$secret" | base64 -w0)
found_nowhere() { ! grep --quiet --text --fixed-strings -e "$secret" -e "$encoded" orloj.db* transcript; }
claim_that "neither it nor its base64 is anywhere in the file, or in what was printed above" found_nowhere

printf '\n%sAll %d steps showed what they claim.%s The same job against a cluster: make demo-cluster\n' \
    "$bold" "$steps" "$plain"

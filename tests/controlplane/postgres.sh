#!/usr/bin/env bash
# Prints the folder that holds initdb, pg_ctl and postgres (last line of stdout). Where there is
# none, installs Debian's package as root.
set -euo pipefail

say() { printf '%s\n' "$*" >&2; }

complete() { [[ -x $1/initdb && -x $1/pg_ctl && -x $1/postgres ]]; }

find_folder() {
    local name path folder best=
    # On PATH there may be links only, and initdb looks for postgres beside its real place.
    for name in postgres pg_ctl initdb; do
        path=$(command -v "$name") || continue
        folder=$(dirname "$(readlink -f "$path")")
        if complete "$folder"; then
            printf '%s\n' "$folder"
            return
        fi
    done
    while IFS= read -r folder; do
        ! complete "$folder" || best=$folder
    done < <(printf '%s\n' /usr/local/bin /usr/lib/postgresql/*/bin | sort --version-sort)
    [[ -n $best ]] && printf '%s\n' "$best"
}

if ! find_folder; then
    if [[ $(id -u) -ne 0 ]] || ! command -v apt-get >/dev/null; then
        say "postgres.sh: no initdb, pg_ctl and postgres in PATH, /usr/lib/postgresql/*/bin or /usr/local/bin."
        say "Install PostgreSQL 14 or later (Debian: apt-get install postgresql) and run again."
        exit 1
    fi
    say "installing PostgreSQL"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update >&2
    apt-get install -y --no-install-recommends postgresql >&2
    find_folder || {
        say "postgres.sh: PostgreSQL was installed, but its programs are not where they are looked for"
        exit 1
    }
fi

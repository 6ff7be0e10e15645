#!/usr/bin/env bash
# Builds a control plane from Go modules: etcd, kube-apiserver, kube-controller-manager, kubectl.
#
#   build.sh              all four; prints the folder that holds them (last line of stdout)
#   build.sh NAME...      only these
#
# The versions are those of kube/go.mod and etcd/go.mod. The binaries land in
#   ${ORLOJ_CACHE_DIR:-${XDG_CACHE_HOME:-~/.cache}/orloj-operator}/controlplane/<kube>-<etcd>/
# and are built once. Where KUBEBUILDER_ASSETS names a folder with etcd, kube-apiserver and kubectl,
# a call without arguments builds nothing and prints that folder; the controller manager, which is
# not part of those assets, then is `build.sh kube-controller-manager`.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

say() { printf '%s\n' "$*" >&2; }
die() {
    say "build.sh: $*"
    exit 1
}

# The version of a module as the go.mod file pins it.
pinned() {
    local version
    version=$(awk -v module="$2" '
        $1 == "require" && $2 == module { print $3; exit }
        $1 == module && $2 ~ /^v/ { print $2; exit }' "$here/$1/go.mod")
    [[ -n $version ]] || die "$1/go.mod does not name a version of $2"
    printf '%s' "$version"
}

has_assets() {
    local name
    [[ -n ${KUBEBUILDER_ASSETS:-} ]] || return 1
    for name in etcd kube-apiserver kubectl; do
        if [[ ! -x $KUBEBUILDER_ASSETS/$name ]]; then
            say "KUBEBUILDER_ASSETS ($KUBEBUILDER_ASSETS) has no $name: using the cached build instead"
            return 1
        fi
    done
}

if [[ $# -eq 0 ]] && has_assets; then
    printf '%s\n' "$KUBEBUILDER_ASSETS"
    exit 0
fi

kube=$(pinned kube k8s.io/kubernetes)
etcd=$(pinned etcd go.etcd.io/etcd/server/v3)
cache=${ORLOJ_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:?neither ORLOJ_CACHE_DIR nor HOME is set}/.cache}/orloj-operator}
folder=$cache/controlplane/$kube-$etcd
mkdir -p "$folder"

# build NAME MODULE PACKAGE VERSION HINT LDFLAGS
build() {
    local name=$1 module=$2 package=$3 version=$4 hint=$5 ldflags=$6 partial started
    [[ -x $folder/$name ]] && return
    command -v go >/dev/null || die "unable to build $name: no go on PATH (Go 1.26 or later is needed, or set KUBEBUILDER_ASSETS)"
    say "building $name $version, about $hint the first time"
    started=$SECONDS
    # Made beside its place and moved there whole, so that an interrupted build leaves no broken binary.
    partial=$folder/.$name.partial
    (
        cd "$here/$module"
        GOWORK=off CGO_ENABLED=0 go build -mod=readonly -buildvcs=false -trimpath \
            -ldflags "-s -w $ldflags" -o "$partial" "$package" >&2
    ) || die "unable to build $name $version"
    mv "$partial" "$folder/$name"
    say "built $name $version in $((SECONDS - started)) s"
}

# Without these the server calls itself v0.0.0, and features that go by version follow that.
bare=${kube#v}
major=${bare%%.*}
minor=${bare#*.}
minor=${minor%%.*}
kube_flags=
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    kube_flags+=" -X $package.gitVersion=$kube -X $package.gitMajor=$major -X $package.gitMinor=$minor"
    kube_flags+=" -X $package.gitTreeState=clean"
done

build_named() {
    case $1 in
        etcd) build etcd etcd go.etcd.io/etcd/server/v3 "$etcd" "a minute" "" ;;
        kubectl) build kubectl kube k8s.io/kubernetes/cmd/kubectl "$kube" "2 minutes" "$kube_flags" ;;
        kube-apiserver) build kube-apiserver kube k8s.io/kubernetes/cmd/kube-apiserver "$kube" "7 minutes" "$kube_flags" ;;
        kube-controller-manager)
            build kube-controller-manager kube k8s.io/kubernetes/cmd/kube-controller-manager "$kube" "4 minutes" "$kube_flags"
            ;;
        *) die "$1 is none of etcd, kubectl, kube-apiserver, kube-controller-manager" ;;
    esac
}

# Two runs at once wait for each other rather than build twice. Nothing to build needs no lock.
names=("$@")
[[ ${#names[@]} -gt 0 ]] || names=(etcd kube-apiserver kube-controller-manager kubectl)
missing=()
for name in "${names[@]}"; do
    [[ -x $folder/$name ]] || missing+=("$name")
done
if [[ ${#missing[@]} -gt 0 ]]; then
    exec 9>"$folder/.lock"
    if ! flock --nonblock 9; then
        say "another run is building in $folder: waiting for it"
        flock 9
    fi
    for name in "${missing[@]}"; do
        # go holds the lock as well, so that it is kept where only this script is killed.
        build_named "$name"
    done
fi
printf '%s\n' "$folder"

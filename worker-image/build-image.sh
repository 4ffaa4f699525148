#!/bin/sh
# Builds the worker's image with docker, podman or buildah, whichever works here.
#   build-image.sh NAME:TAG [OPTION...]     each OPTION is handed to the builder, such as --build-arg BASE=...
# BUILDER names one of the three; PYTHON is an interpreter with pip and hatchling. fortio is built in unless
# another version, or none, is named: --build-arg FORTIO_VERSION=
set -eu
image=$1
shift
python=${PYTHON:-python3}
here=$(cd "$(dirname "$0")" && pwd)

# A client of docker without its daemon builds nothing.
works() {
    case $1 in
    docker) docker version >/dev/null 2>&1 ;;
    *) command -v "$1" >/dev/null 2>&1 ;;
    esac
}
if [ -z "${BUILDER:-}" ]; then
    for candidate in docker podman buildah; do
        if works "$candidate"; then
            BUILDER=$candidate
            break
        fi
    done
fi
case ${BUILDER:-} in
docker | podman | buildah) ;;
"")
    echo "No builder of images works here: install docker (and start its daemon), podman or buildah." >&2
    exit 1
    ;;
*)
    echo "BUILDER is \"$BUILDER\", and has to be docker, podman or buildah." >&2
    exit 2
    ;;
esac

case "$*" in
*FORTIO_VERSION=*) ;;
*) set -- --build-arg FORTIO_VERSION="$(cat "$here/src/netcadence_worker/fortio.version")" "$@" ;;
esac

context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
cp "$here"/Containerfile "$here"/*.sh "$here"/precompile.py "$context"
"$python" -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir "$context/wheels" "$here"
# For the image's Python and libc, whatever this machine has.
"$python" -m pip install --quiet --disable-pip-version-check --no-compile --target "$context/site" \
    --only-binary=:all: --implementation cp --python-version 3.13 \
    --platform "manylinux_2_28_$(uname -m)" --platform "manylinux2014_$(uname -m)" \
    --constraint "$here/../requirements.lock" --find-links "$context/wheels" netcadence-worker
rm -rf "$context/site/bin"

git_says() { git -C "$here" "$@" 2>/dev/null || true; }
version=$("$python" -c 'import netcadence_worker; print(netcadence_worker.__version__)')
"$BUILDER" build --file "$context/Containerfile" --tag "$image" \
    --build-arg VERSION="$version" \
    --build-arg REVISION="$(git_says describe --always --dirty --abbrev=40)" \
    --build-arg CREATED="$(git_says log -1 --format=%cI)" \
    "$@" "$context"
echo "Built $image with $BUILDER"

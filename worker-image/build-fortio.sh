#!/bin/sh
# Builds fortio into a directory, or does nothing when FORTIO_VERSION is empty: build-fortio.sh DIRECTORY
set -eu
[ -n "${FORTIO_VERSION:-}" ] || exit 0
[ -n "${GOPROXY:-}" ] || unset GOPROXY
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -qq --yes --no-install-recommends ca-certificates golang-go
mkdir -p "$1"
CGO_ENABLED=0 GOBIN=$1 go install -trimpath -ldflags='-s -w' "fortio.org/fortio@$FORTIO_VERSION"

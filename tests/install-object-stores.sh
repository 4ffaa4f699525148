#!/bin/sh
# Builds versitygw, a gateway that speaks S3, for the tests of the lake: install-object-stores.sh DIRECTORY SECONDS
# A few seconds where Go has built it before, else minutes, which `make test` does not wait for. Where it cannot
# be had in time those tests are skipped, and say so; Go keeps what it has built until then.
set -eu
directory=$1
limit=$2
version=v1.8.0

without() {
    echo "versitygw is not built: $1. The tests in an object store are skipped." >&2
    exit 0
}
[ ! -x "$directory/versitygw" ] || exit 0
command -v go >/dev/null 2>&1 || without "go, which builds it, is not installed"
GOBIN=$directory timeout "$limit" go install "github.com/versity/versitygw/cmd/versitygw@$version" ||
    without "go install github.com/versity/versitygw/cmd/versitygw@$version did not end in $limit s; make object-stores waits longer"

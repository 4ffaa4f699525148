#!/bin/sh
# Builds fortio, in the version that fortio.version names, into a directory: install-fortio.sh DIRECTORY
# No distribution has it. Where Go or its modules cannot be had, a sentence says so: what needs fortio does
# without it then, or says that it is missing.
set -eu
directory=$1
here=$(cd "$(dirname "$0")" && pwd)
version=$(cat "$here/src/netcadence_worker/fortio.version")

without() {
    echo "netcadence does without fortio: $1. Its scenarios (http-qps, http2-qps, grpc-qps) will say ToolMissing." >&2
    exit 0
}
[ "v$("$directory/fortio" version 2>/dev/null || true)" != "$version" ] || exit 0
command -v go >/dev/null 2>&1 || without "go, which builds it, is not installed"
echo "Building fortio $version (a minute)"
# With a limit, for a proxy that does not answer is asked for long.
CGO_ENABLED=0 GOBIN=$directory timeout 600 go install -trimpath -ldflags='-s -w' "fortio.org/fortio@$version" ||
    without "go install fortio.org/fortio@$version did not succeed"

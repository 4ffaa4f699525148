#!/bin/sh
# Makes sure of the programs that make the traffic: iperf 2, iperf3 and siege; as root also what network namespaces
# need. Installs them through apt where it may, and says in one sentence what is missing where it may not.
set -eu

missing=""
need() {
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need iperf iperf
need iperf3 iperf3
need siege siege
if [ "$(id -u)" = 0 ]; then
    need ip iproute2
    need tc iproute2
    need nsenter util-linux
    need nft nftables
fi
[ -n "$missing" ] || exit 0

# shellcheck disable=SC2086 # a list of package names
set -- $(printf '%s\n' $missing | sort -u)
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "netcadence needs these programs, which are not installed: $*." >&2
    echo "On Debian or Ubuntu: sudo apt-get install $*. Elsewhere: install iperf 2, iperf3 and siege." >&2
    exit 1
fi
echo "Installing $*"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "$@" >/dev/null

#!/bin/sh
# Lays out Debian packages, and what they depend on, in a directory: unpack-packages.sh DIRECTORY PACKAGE...
# No maintainer script runs. The package database is kept, so that scanners and SBOM makers see what is there.
set -eu
root=$1
shift

# What only installation needs, or is data that nothing here reads, counts as present already.
state=$(mktemp -d)
for package in adduser awk debconf init-system-helpers readline-common tzdata; do
    printf 'Package: %s\nStatus: install ok installed\nArchitecture: all\nMulti-Arch: foreign\nVersion: 9999\n\n' "$package"
done >"$state/status"

archives=$(mktemp -d)
chmod 755 "$state" "$archives"
mkdir "$archives/partial"
apt-get update -qq
apt-get install -qq --yes --no-install-recommends --download-only \
    -o Dir::State::status="$state/status" -o Dir::Cache::archives="$archives" "$@"

database=$root/var/lib/dpkg
mkdir -p "$database/info"
# base-files comes first: it brings /lib and its like as links, which others' files go through.
for archive in "$archives"/base-files_*.deb "$archives"/[!b]*.deb "$archives"/b[!a]*.deb; do
    [ -e "$archive" ] || continue
    name=$(dpkg-deb --field "$archive" Package)
    [ "$(dpkg-deb --field "$archive" Multi-Arch)" != same ] || name=$name:$(dpkg-deb --field "$archive" Architecture)
    dpkg-deb --fsys-tarfile "$archive" >"$state/files.tar"
    tar --extract --keep-directory-symlink --directory "$root" --file "$state/files.tar"
    tar --list --file "$state/files.tar" | sed -e 's,^\.,,' -e 's,\(.\)/$,\1,' >"$database/info/$name.list"
    dpkg-deb --field "$archive" >>"$database/status"
    printf 'Status: install ok installed\n\n' >>"$database/status"
done

find "$root/usr/share/doc" -type f ! -name copyright -delete
for unused in bug doc-base info lintian locale man menu; do
    rm -rf "$root/usr/share/$unused"
done
# Character sets of iconv, which nothing here calls: Python brings its own.
rm -rf "$root"/usr/lib/*/gconv
rm -rf "$state" "$archives" /var/lib/apt/lists/*

#!/bin/sh
# Installs the Debian packages that are missing: system_libraries.sh [--install] PACKAGE...
# Without --install a package counts as there when dpkg knows it.
set -eu
force=no
if [ "${1:-}" = "--install" ]; then force=yes; shift; fi
missing=""
for package in "$@"; do
    if [ "$force" = yes ] || ! dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed'; then
        missing="$missing $package"
    fi
done
[ -z "$missing" ] && exit 0
command -v apt-get >/dev/null || { echo "occlabel needs the system packages$missing; install them and run make again" >&2; exit 1; }
root=""
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "occlabel needs the system packages$missing: apt-get install$missing" >&2; exit 1; }
    root=sudo
fi
echo "installing system packages:$missing"
$root apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive $root apt-get install -y -qq --no-install-recommends $missing >/dev/null

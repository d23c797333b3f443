#!/bin/sh
# apt.sh PACKAGE...: install Debian packages, those that are missing, where this is Debian or Ubuntu and we are root.
# Exit 1 and say what is missing where it is not.
set -u
missing=
for package in "$@"; do
    dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "not installed, and only root on Debian or Ubuntu can have it done here:$missing" >&2
    exit 1
fi
echo "apt-get install$missing" >&2
log=$(mktemp)
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086  # $missing is a list
if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } >"$log" 2>&1; then
    tail -20 "$log" >&2
    rm -f "$log"
    exit 1
fi
rm -f "$log"

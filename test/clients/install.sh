#!/bin/sh
# Installs clients from PyPI, pinned in NAME.txt beside this script, and prints the directory of their programs:
#   test/clients/install.sh copr|schemathesis
# What has been installed before is not installed again; an interrupted run leaves nothing that counts.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
name=${1:-}
case $name in
  copr | schemathesis) ;;
  *)
    printf 'usage: %s copr|schemathesis\n' "$0" >&2
    exit 2
    ;;
esac

key=$(sha256sum "$here/$name.txt" | cut -c 1-12)
folder=${KOPR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kopr}/clients
target=$folder/$name-$key
mkdir -p "$folder"
# Released by the kernel when this process ends, however it ends.
exec 9>"$folder/lock"
flock --timeout 900 9 || {
  printf 'install.sh: another installation of clients has not ended within 15 minutes\n' >&2
  exit 1
}
if [ ! -f "$target/complete" ]; then
  rm -rf "$target"
  python3 -m venv "$target" >&2
  "$target/bin/pip" --quiet --disable-pip-version-check install --no-deps --requirement "$here/$name.txt" >&2 || {
    printf 'install.sh: pip could not install %s; the lines above say why\n' "$name" >&2
    exit 1
  }
  touch "$target/complete"
fi
printf '%s\n' "$target/bin"

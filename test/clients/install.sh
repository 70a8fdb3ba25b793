#!/bin/sh
# Installs clients and prints where they are:
#   test/clients/install.sh copr|schemathesis   from PyPI, pinned in NAME.txt beside this script: the directory of programs
#   test/clients/install.sh dnf-copr            Debian's plugins for dnf, unpacked and not installed: its root directory
# What has been installed before is not installed again; an interrupted run leaves nothing that counts.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
name=${1:-}
case $name in
  copr | schemathesis) key=$(sha256sum "$here/$name.txt" | cut -c 1-12) ;;
  dnf-copr) key=$(apt-cache policy dnf-plugins-core | sed -n 's/^ *Candidate: *//p' | tr -c 'A-Za-z0-9.\n' -) ;;
  *)
    printf 'usage: %s copr|schemathesis|dnf-copr\n' "$0" >&2
    exit 2
    ;;
esac

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
  mkdir "$target"
  if [ "$name" = dnf-copr ]; then
    # apt checks what it downloads.
    (cd "$target" && apt-get -qq download dnf-plugins-core >&2 && dpkg-deb -x dnf-plugins-core_*.deb "$target") || {
      printf 'install.sh: apt could not download dnf-plugins-core; the lines above say why\n' >&2
      exit 1
    }
  else
    python3 -m venv "$target" >&2
    "$target/bin/pip" --quiet --disable-pip-version-check install --no-deps --requirement "$here/$name.txt" >&2 || {
      printf 'install.sh: pip could not install %s; the lines above say why\n' "$name" >&2
      exit 1
    }
  fi
  touch "$target/complete"
fi
if [ "$name" = dnf-copr ]; then printf '%s\n' "$target"; else printf '%s\n' "$target/bin"; fi

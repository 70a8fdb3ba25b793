#!/bin/sh
# Installs what building and testing kopr needs on a Debian machine: the Debian packages that the packages.txt files
# name, and the npm packages of package-lock.json (Node 24 among them). Repeating it costs a second.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

say() { printf '==> %s\n' "$*" >&2; }

fail() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}

command -v dpkg-query >/dev/null 2>&1 ||
  fail 'this machine has no dpkg; kopr is built and tested on Debian 12 or newer. Use a Debian machine or container.'

# Debian packages, a list a component; "#" starts the reason.
wanted=$(sed 's/#.*//' "$root"/deploy/packages.txt "$root"/cluster/packages.txt "$root"/images/packages.txt \
  "$root"/api/packages.txt "$root"/lib/redis/packages.txt "$root"/test/distro/packages.txt \
  "$root"/test/clients/packages.txt "$root"/test/vm/packages.txt | tr -s ' \t' '\n' | sort -u)
missing=''
for package in $wanted; do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing="$missing $package"
done
# npm comes with some distributions of Node itself.
command -v npm >/dev/null 2>&1 || missing="$missing nodejs npm"

if [ -n "$missing" ]; then
  [ "$(id -u)" = 0 ] || fail "these Debian packages are missing:$missing; install them, or run this as root"
  say "installing Debian packages:$missing"
  export DEBIAN_FRONTEND=noninteractive
  apt-get -q update >&2
  # Tests start nginx by themselves; its installation must not. Debian asks this file, and ours says no.
  policy=/usr/sbin/policy-rc.d
  if [ -f "$policy" ] && grep -q 'kopr setup' "$policy"; then rm -f "$policy"; fi # of a run that was killed
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' INT TERM
    printf '#!/bin/sh\n# kopr setup\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  fi
  # shellcheck disable=SC2086 # a list of words
  apt-get -q -y -o Dpkg::Use-Pty=0 --no-install-recommends install $missing >&2 ||
    fail "apt-get could not install:$missing"
fi

stamp="$root/node_modules/.kopr-lock"
if ! cmp -s "$root/package-lock.json" "$stamp"; then
  say 'installing npm packages'
  (cd "$root" && npm ci --no-audit --no-fund --loglevel=error >&2) || fail 'npm ci failed; the lines above say why'
  cp "$root/package-lock.json" "$stamp"
fi
"$root/node_modules/.bin/node" --version >/dev/null 2>&1 ||
  fail 'the npm packages are there but Node 24 does not start; remove node_modules and run this again'

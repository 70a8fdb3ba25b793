#!/bin/sh
# `bootstrap.sh SLOT KIT` as root of the machine: puts the scripts that come as tar on standard input into the slot's
# directory. KIT is made of their content, so what is there already is right. Sent as an argument of the shell, hence
# whole in itself.

set -u
umask 077
base=/var/tmp/kopr
directory=$base/$1
kit=$directory/$2

die() {
  printf 'kopr: %s\n' "$1" >&2
  exit 1
}

if [ "$(id -u)" != 0 ]; then die 'this is not root; log in as root, or let the user run "sudo -n"'; fi
for program in chroot dd mount nsenter setpriv sha256sum stat tar timeout unshare; do
  command -v "$program" >/dev/null 2>&1 || die "the machine lacks $program; it needs coreutils, util-linux and tar"
done
mkdir -m 0700 "$base" 2>/dev/null
# Everybody may make a directory in /var/tmp, and what is run as root from here must be root's alone.
if [ "$(stat -c '%F %u %a' "$base")" != 'directory 0 700' ]; then
  die "$base on the machine is not a directory of root alone; remove it"
fi
mkdir -p "$directory" || die "$directory cannot be made on the machine"
if [ -d "$kit" ]; then exit 0; fi
new=$directory/kit.new.$$
rm -rf "$directory"/kit.new.*
mkdir "$new" || die "$directory is not writable on the machine"
tar -xf - -C "$new" --no-same-owner || die 'the scripts did not arrive whole'
mv "$new" "$kit"

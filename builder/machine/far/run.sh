#!/bin/sh
# `run.sh DIRECTORY SLOT` as root of the machine: one build, detached from the connection that has started it. It leaves
# its identity in `pid` and, at the end, its exit code in `state`; whatever it starts ends with it.
#
# Strangers' code, scripts of packages included, runs as root of a user namespace of the slot's own: to the machine it
# is nobody. Where the machine has no room for one (a container) or the engine is mock, that is not so.

set -u
umask 022
kit=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
directory=$1
slot=$2
box=$directory/box
engine=$(cat "$box/work/plan/engine")
holder=
child=

# shellcheck source=processes.sh
. "$kit/processes.sh"

put() {
  printf '%s\n' "$2" >"$1.new" && mv -f "$1.new" "$1"
}

# shellcheck disable=SC2317 # called by the trap
finished() {
  code=$?
  trap '' TERM INT HUP
  # --kill-child: the whole process namespace ends with it.
  for process in $child $holder; do kill -KILL "$process" 2>/dev/null; done
  if [ -n "$child" ]; then wait "$child"; fi
  put "$directory/state" "$code"
}

# hold_namespace FIRST: a process that keeps a user namespace open; its maps can be written from outside alone.
hold_namespace() {
  unshare --user -- sleep 2147483647 </dev/null &
  holder=$!
  own=$(readlink /proc/self/ns/user)
  tries=0
  while [ "$(readlink "/proc/$holder/ns/user" 2>/dev/null)" = "$own" ]; do
    tries=$((tries + 1))
    if [ "$tries" -gt 100 ] || ! kill -0 "$holder" 2>/dev/null; then return 1; fi
    sleep 0.1 2>/dev/null || sleep 1
  done
  printf '0 %d %d\n' "$1" "$SLOT_IDS" >"/proc/$holder/uid_map" &&
    printf '0 %d %d\n' "$1" "$SLOT_IDS" >"/proc/$holder/gid_map"
}

# What is left of a run that was killed is known by its working directory: this one, which is /mnt further down.
cd "$box" || exit 1
put "$directory/pid" "$(identity $$)"
trap 'exit 143' TERM INT HUP
trap finished EXIT
cp -R "$kit" "$box/kit" && chmod -R go+rX "$box/kit" || exit 1

set --
root=0
export KOPR_USER_NAMESPACE=none
if [ "$engine" = dnf ] && first=$(first_id) && hold_namespace "$first"; then
  root=$first
  KOPR_USER_NAMESPACE=own
  set -- nsenter "--user=/proc/$holder/ns/user" --setuid=0 --setgid=0 --
fi
chown -h "$root:$root" "$box/root" "$box/results" &&
  chown -R -h "$((root + 1000)):$((root + 1000))" "$box/work" || exit 1

# In the background, because a shell handles a signal only between foreground commands. The slot's directory is closed
# to everybody but root, so it is shown at another place, in a mount namespace of the run's own.
# shellcheck disable=SC2016 # for the inner shell
unshare --mount --propagation private -- /bin/sh -c 'mount --bind "$1" /mnt && shift && cd /mnt && exec "$@"' run "$box" \
  "$@" unshare --mount --pid --fork --kill-child --mount-proc -- /bin/sh "/mnt/kit/engine-$engine.sh" </dev/null &
child=$!
wait "$child"
code=$?
child=
exit "$code"

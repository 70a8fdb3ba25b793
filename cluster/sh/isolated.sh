# shellcheck shell=sh
# A second machine for the embedded cluster: namespaces in which its places, addresses and processes are others than this machine's.
: "${here:?}" "${cache:?}"

# isolated COMMAND...: runs the command in namespaces of its own, in which no embedded cluster runs yet. Whatever it starts there
# ends with it; no cluster of the machine is touched. The network there has no way out.
isolated() {
  [ "$#" -gt 0 ] || fail 'isolated: name a command to run'
  [ "$(id -u)" = 0 ] || fail 'isolated: the embedded cluster needs root; become root'
  ensure_go
  mkdir -p "$cache"
  # The groups have one name and the folder is one, so one at a time.
  code=0
  KOPR_ISOLATED=$cache/isolated flock --close --timeout 1800 --conflict-exit-code 75 "$cache/isolated.lock" \
    "$here/cluster.sh" in-isolation "$@" || code=$?
  [ "$code" != 75 ] || fail 'isolated: another isolated run did not end within half an hour'
  return "$code"
}

# in_isolation COMMAND...: the part of isolated that holds the lock.
in_isolation() {
  scratch=${KOPR_ISOLATED:?}
  clear_isolation
  mkdir -p "$scratch/lib" "$scratch/lib.work" "$scratch/log" "$scratch/log.work"
  code=0
  KOPR_CGROUP=kopr-isolated KUBECONFIG='' \
    unshare --mount --net --pid --fork --mount-proc --kill-child "$here/sh/enter.sh" "$scratch" "$@" || code=$?
  clear_isolation
  return "$code"
}

# clear_isolation: removes what a run, or one that was killed, has left: no process of it runs any more.
clear_isolation() {
  rm -rf "${scratch:?}"
  find /sys/fs/cgroup -depth -type d -path '*/kopr-isolated*' -exec rmdir {} + 2>/dev/null || true
}

#!/bin/sh
# `make down && make demo`, twice in a row: the demo leaves nothing that is in the way of the next one, and `make down` nothing
# on the machine. Run it as `cluster/cluster.sh isolated test/selftest/demo-twice.sh`: it takes the embedded cluster down.
set -eu

cd "$(dirname -- "$0")/../.."
# What a demo may take when everything is built. The first one may have something to build.
limit=180

fail() {
  printf 'demo-twice: %s\n' "$*" >&2
  exit 1
}

[ "$(cluster/cluster.sh which)" = embedded ] || fail 'this is about the embedded cluster; unset KUBECONFIG and stop Docker'

# nothing_left: looks for each kind of thing that a cluster makes on a machine.
nothing_left() {
  left=$(
    awk '$5 ~ "^/(run|var/lib)/kopr-cluster/" { print "mount " $5 }' /proc/self/mountinfo
    ip -brief link | awk '$1 != "lo" && /^(kopr|veth)/ { print "interface " $1 }'
    for program in iptables-save ip6tables-save; do
      "$program" | grep -i -e kube -e kopr || true
    done
    find /sys/fs/cgroup -maxdepth 2 -type d -name "${KOPR_CGROUP:-kopr-cluster}"
    pgrep --list-full --full '/cluster/[0-9a-f]{16}/bin/' || true
  )
  [ -z "$left" ] || fail "make down has left:
$left"
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
for round in first second; do
  make down >&2
  nothing_left
  start=$(date +%s)
  make demo >"$log" 2>&1 || {
    cat "$log" >&2
    fail "the $round demo failed after $(($(date +%s) - start)) s; its output is above"
  }
  took=$(($(date +%s) - start))
  printf 'the %s demo took %s s\n' "$round" "$took"
done
make down >&2
nothing_left
[ "$took" -le "$limit" ] || fail "the second demo took $took s, more than $limit"

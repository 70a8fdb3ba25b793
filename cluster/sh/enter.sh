#!/bin/sh
# enter.sh SCRATCH COMMAND...: the first process of the namespaces that isolated.sh makes. It hides the machine's own cluster.
set -eu

scratch=$1
shift

machine_mounts() {
  awk '$5 ~ "^/(run|var/lib)/kopr-cluster/" { print $5 }' /proc/self/mountinfo | sort -r
}

# The machine's own mounts of pods are copies here, and would look like this cluster's.
machine_mounts | while read -r point; do
  # The machine's cluster goes on meanwhile: a mount whose place it removes goes here as well.
  umount --lazy "$point" 2>/dev/null || true
done
left=$(machine_mounts)
if [ -n "$left" ]; then
  printf 'cluster: these mounts of the machine cannot be hidden from the isolated cluster:\n%s\n' "$left" >&2
  exit 1
fi

# The folders a cluster writes to are empty ones of the scratch folder. They are mounted, not cleared, because the machine's
# cluster may be at work in its own; the overlays make room for them where the machine has none.
mount -t overlay overlay -o "lowerdir=/var/lib,upperdir=$scratch/lib,workdir=$scratch/lib.work" /var/lib
mount -t overlay overlay -o "lowerdir=/var/log,upperdir=$scratch/log,workdir=$scratch/log.work" /var/log
for dir in lib/kopr-cluster lib/kubelet lib/cni log/containers; do
  mkdir -p "/var/$dir" "$scratch/var/$dir"
  mount --bind "$scratch/var/$dir" "/var/$dir"
done
mount -t tmpfs tmpfs /run
mkdir /run/lock
ip link set lo up

# Not exec: as the first process this shell adopts and outlives whatever the command leaves.
code=0
"$@" || code=$?
exit "$code"

#!/bin/sh
# enter.sh SCRATCH COMMAND...: the first process of the namespaces that isolated.sh makes. It hides the machine's own cluster.
set -eu

scratch=$1
shift

# The machine's own mounts of pods are copies here, and would look like this cluster's.
awk '$5 ~ "^/(run|var/lib)/kopr-cluster/" { print $5 }' /proc/self/mountinfo | sort -r | while read -r point; do
  umount --lazy "$point"
done

# What is written below these folders goes to the scratch folder; whiteouts hide what belongs to the machine's cluster.
mount -t overlay overlay -o "lowerdir=/var/lib,upperdir=$scratch/lib,workdir=$scratch/lib.work" /var/lib
mount -t overlay overlay -o "lowerdir=/var/log,upperdir=$scratch/log,workdir=$scratch/log.work" /var/log
rm -rf /var/lib/kopr-cluster /var/lib/kubelet /var/lib/cni /var/log/containers
# Containers' file systems are overlays, which cannot lie on another one.
mkdir /var/lib/kopr-cluster
mount --bind "$scratch/cluster" /var/lib/kopr-cluster
mount -t tmpfs tmpfs /run
mkdir /run/lock
ip link set lo up

# Not exec: as the first process this shell adopts and outlives whatever the command leaves.
code=0
"$@" || code=$?
exit "$code"

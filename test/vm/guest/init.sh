#!/bin/sh
# The first process of a test machine: no more than what an sshd needs, for every second counts where instructions are
# emulated. Host key, authorized keys and name come on a second disk.
set -eu
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t devtmpfs -o mode=0755 dev /dev 2>/dev/null || true
exec </dev/null >/dev/console 2>&1
mkdir -p /dev/pts /dev/shm
mount -t devpts -o mode=0620,gid=5,ptmxmode=0666 devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs -o mode=0755 run /run
ln -sfn /proc/self/fd /dev/fd
ln -sfn /proc/self/fd/0 /dev/stdin
ln -sfn /proc/self/fd/1 /dev/stdout
ln -sfn /proc/self/fd/2 /dev/stderr
for module in virtio_blk failover net_failover virtio_net; do insmod "/usr/lib/kopr-modules/$module.ko"; done
mkdir -p /run/seed /run/sshd /root/.ssh
tar -xf /dev/vda -C /run/seed
hostname "$(cat /run/seed/hostname)"
install -m 0600 /run/seed/authorized_keys /root/.ssh/authorized_keys
install -m 0600 /run/seed/ssh_host_ed25519_key /etc/ssh/ssh_host_ed25519_key
rm -rf /run/seed
ip link set lo up
ip address add 10.0.2.15/24 dev eth0
ip link set eth0 up
# Answers go to wherever the question came from; nothing else gets through.
ip route add default via 10.0.2.2
echo "kopr-init: sshd starts after $(cut -d ' ' -f 1 /proc/uptime) s"
exec tini -- /usr/sbin/sshd -D -e

#!/bin/sh
# Runs the sshd of the hypervisor, whose users can run "vm" and nothing else, and the web server for those
# repositories that only machines use. Nothing of it needs root.
set -eu
state=${VM_STATE:-/machines/.ssh}
mkdir -p "$state"
if [ ! -f "$state/host_key" ]; then
  cp /etc/kopr-test/ssh/host_key "$state/host_key"
  chmod 600 "$state/host_key"
fi
# The variables of this container are not those of a login.
{
  printf 'VM_ADDRESS=%s\n' "${VM_ADDRESS:-}"
  printf 'VM_MEMORY=%s\n' "${VM_MEMORY:-1024}"
  printf 'VM_MOST=%s\n' "${VM_MOST:-4}"
} >"$state/environment"
busybox httpd -p 8080 -h /usr/share/kopr-test/repositories
exec /usr/sbin/sshd -D -e -f /etc/kopr-test/sshd_config

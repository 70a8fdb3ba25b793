# shellcheck shell=sh
# What the hooks have in common. They know no more than a script of any administrator would: the variables of Resalloc,
# and what the Secret of the pool says of the host that runs the virtual machines.
set -eu

# -F none: nothing is read from a home directory.
hypervisor() {
  ssh -F none -i /kopr/secret/id -p "$HYPERVISOR_PORT" -o BatchMode=yes -o ConnectTimeout=20 -o IdentitiesOnly=yes \
    -o StrictHostKeyChecking=yes -o UserKnownHostsFile=/kopr/secret/known_hosts "kopr@$HYPERVISOR_HOST" "$@"
}

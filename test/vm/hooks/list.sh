#!/bin/sh
# cmd_list: the names of this pool's machines, each of which begins with the name of the pool.
# shellcheck source=lib.sh
. "${0%/*}/lib.sh"
all=$(hypervisor vm list)
for name in $all; do
  case $name in "$RESALLOC_POOL_ID"-*) printf '%s\n' "$name" ;; esac
done

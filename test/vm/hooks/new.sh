#!/bin/sh
# cmd_new: a machine that answers, told as YAML.
# shellcheck source=lib.sh
. "${0%/*}/lib.sh"
echo "starting $RESALLOC_NAME for the pool $RESALLOC_POOL_ID" >&2
description=$(hypervisor vm new "$RESALLOC_NAME" "${MACHINE_ARCHITECTURE:-x86_64}")
tries=0
until hypervisor vm check "$RESALLOC_NAME"; do
  tries=$((tries + 1))
  [ "$tries" -lt 100 ] || exit 1
  sleep 2
done
printf '%s\n' "$description"

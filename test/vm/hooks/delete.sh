#!/bin/sh
# cmd_delete: says yes also when there is no such machine.
# shellcheck source=lib.sh
. "${0%/*}/lib.sh"
hypervisor vm delete "$RESALLOC_NAME"

#!/bin/sh
# cmd_livecheck
# shellcheck source=lib.sh
. "${0%/*}/lib.sh"
hypervisor vm check "$RESALLOC_NAME"

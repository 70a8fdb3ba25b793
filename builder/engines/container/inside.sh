#!/bin/sh
# `inside.sh PROGRAM…` runs as root in the namespaces of the build and hides the pod's volumes from it, then becomes
# PROGRAM. Where that cannot be (no `mount` in the image, or forbidden on the node) the build sees them: it finds nothing
# secret there and can write into none of them.
#
# It needs nothing else of the plan: that is out of sight as soon as its directory is covered.

set -u
if command -v mount >/dev/null 2>&1; then
  for directory in /kopr/results /kopr/control /kopr/task /kopr/work/plan; do
    if [ -d "$directory" ]; then mount -t tmpfs -o ro,size=4k kopr "$directory" 2>/dev/null; fi
  done
fi
exec "$@"

#!/bin/sh
# The `container` engine: builds one package inside the chroot's own image, of which nothing is known but that it has
# rpm, a package manager and a POSIX shell. Root in a user namespace runs it; the package's own code runs as uid 1000
# without capabilities, in namespaces of its own, without network unless the plan allows it.
#
#   /kopr/work/plan      this script with its parts, and one value per file, made and checked by the fetch container
#                        (builder/fetch/plan.ts)
#   /kopr/work/sources   the spec and its sources
#   /kopr/results        out: logs while they grow, packages, and last verdict.json (by rename)
#   /kopr/control        in: `uploaded` (or `refused`) ends the wait after the verdict
#
# Nothing in here may be interpreted: every value is read with `read -r` or passed on as one quoted argument.
# Exit code 0: the verdict has been uploaded, whatever it says. Anything else: infrastructure, the task may be repeated.

set -u
umask 022

WORK=/kopr/work
PLAN=$WORK/plan
RESULTS=/kopr/results
CONTROL=/kopr/control
LIVE=$RESULTS/builder-live.log
VERDICT=$RESULTS/verdict.json
TOP=$WORK/build
STATE=$WORK/state
BUILD_UID=1000
UNSHARE=/usr/bin/unshare
SETPRIV=/usr/bin/setpriv
SAFE_PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# A part that is missing ends the shell at once, with an exit code that is not 0.
# shellcheck source=report.sh
. "$PLAN/report.sh"
# shellcheck source=run.sh
. "$PLAN/run.sh"
# shellcheck source=prepare.sh
. "$PLAN/prepare.sh"
# shellcheck source=packages.sh
. "$PLAN/packages.sh"
# shellcheck source=rpmbuild.sh
. "$PLAN/rpmbuild.sh"

# value FILE: the first line of a plan file.
value() {
  IFS= read -r line <"$PLAN/$1" || die "the plan lacks \"$1\""
  printf '%s' "$line"
}

trap 'exit 143' TERM INT HUP
phase=start
upload_seconds=1800
if [ -e "$VERDICT" ]; then
  say 'the task has ended before the build began'
  wait_for_upload
fi
timeout_seconds=$(value timeout-seconds) || exit 1
upload_seconds=$(value upload-seconds) || exit 1
max_log_bytes=$(value max-log-bytes) || exit 1
architecture=$(value architecture) || exit 1
personality=$(value personality) || exit 1
network=$(value network) || exit 1
image_repos=$(value image-repos) || exit 1
spec=$(value spec) || exit 1
: >>"$LIVE"

if [ "$personality" = linux32 ] && [ -z "${KOPR_PERSONALITY-}" ]; then
  command -v setarch >/dev/null 2>&1 || fail UnusableChroot 'the image of the chroot lacks setarch of util-linux' 1
  export KOPR_PERSONALITY=linux32
  exec setarch linux32 /bin/sh "$PLAN/engine.sh"
fi

# On a machine the time for making the build root is part of it.
deadline=${KOPR_DEADLINE:-$(($(date +%s) + timeout_seconds))}
close_volumes
isolation=none
begin_phase prepare
find_package_manager
prepare_repositories
make_user
describe_machine
if [ -x "$UNSHARE" ]; then probe_isolation; fi

begin_phase buildroot
fill_build_root
if [ "$isolation" = none ]; then probe_isolation; fi

begin_phase srpm
rpmbuild_as_builder srpm || explain_build_failure SrpmBuildFailed "$?"

begin_phase builddep
install_static_build_requires

build_packages

begin_phase results
collect_results
finish succeeded Succeeded 'the packages were built' 0

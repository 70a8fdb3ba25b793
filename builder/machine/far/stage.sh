# shellcheck shell=sh
# What both engines of a machine begin with: places, values of the plan, and the container engine's own functions, which
# say, log and judge. Sourced by engine-dnf.sh and engine-mock.sh.

WORK=/mnt/work
PLAN=$WORK/plan
RESULTS=/mnt/results
CONTROL=/mnt/control
LIVE=$RESULTS/builder-live.log
VERDICT=$RESULTS/verdict.json
STATE=$WORK/bootstrap
UNSHARE=unshare
SAFE_PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH="$SAFE_PATH"

# shellcheck source=../../engines/container/report.sh
. "$PLAN/report.sh"
# shellcheck source=../../engines/container/run.sh
. "$PLAN/run.sh"
# shellcheck source=../../engines/container/packages.sh
. "$PLAN/packages.sh"

# value FILE: the first line of a plan file.
value() {
  IFS= read -r line <"$PLAN/$1" || die "the plan lacks \"$1\""
  printf '%s' "$line"
}

# Everybody may write there, and what a script of a package leaves there would stay.
hide_temporary_directories() {
  for place in /tmp /var/tmp /dev/shm; do
    if [ -d "$place" ]; then mount -t tmpfs -o mode=1777 hidden "$place" 2>/dev/null; fi
  done
}

find_dnf() {
  for candidate in dnf5 dnf; do
    if command -v "$candidate" >/dev/null 2>&1; then
      package_manager=$candidate
      return
    fi
  done
  die 'the machine has no dnf'
}

trap 'exit 143' TERM INT HUP
phase=start
isolation=none
mkdir -p "$STATE" || die 'the work directory is not writable'
timeout_seconds=$(value timeout-seconds) || exit 1
upload_seconds=$(value upload-seconds) || exit 1
max_log_bytes=$(value max-log-bytes) || exit 1
network=$(value network) || exit 1
image_repos=$(value image-repos) || exit 1
: >>"$LIVE"
deadline=$(($(date +%s) + timeout_seconds))

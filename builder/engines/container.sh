#!/bin/sh
# The `container` engine: builds one package inside the chroot's own image, of which nothing is known but that it has
# rpm, a package manager and a POSIX shell. Root in a user namespace runs it; the package's own code runs as uid 1000
# without capabilities, in namespaces of its own, without network unless the plan allows it.
#
#   /kopr/work/plan      one value per file, made and checked by the fetch container (builder/fetch/plan.ts)
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

# Second role of this script: `engine.sh inside PROGRAM…` runs as root in the new namespaces and hides the pod's
# volumes from the build. Where that cannot be (no `mount` in the image, or forbidden on the node) the build sees them:
# it finds nothing secret there and can write into none of them.
if [ "${1-}" = inside ]; then
  shift
  if command -v mount >/dev/null 2>&1; then
    for directory in "$RESULTS" "$CONTROL" "$PLAN" /kopr/task; do
      if [ -d "$directory" ]; then mount -t tmpfs -o ro,size=4k kopr "$directory" 2>/dev/null; fi
    done
  fi
  exec "$@"
fi

phase=start

say() {
  printf 'kopr: %s\n' "$1" >>"$LIVE"
  printf 'kopr: %s\n' "$1"
}

begin_phase() {
  phase=$1
  say "phase $phase at $(date -u +%Y-%m-%dT%H:%M:%SZ)"
}

# die SENTENCE: not the package's fault. No verdict, so that the operator tries again elsewhere.
die() {
  say "$1"
  exit 1
}

# value FILE: the first line of a plan file.
value() {
  IFS= read -r line <"$PLAN/$1" || die "the plan lacks \"$1\""
  printf '%s' "$line"
}

# plain TEXT: printable ASCII without what has a meaning in JSON.
plain() {
  printf '%s' "$1" | tr '\011\012\042\134' "  '/" | LC_ALL=C tr -cd ' -~' | cut -c 1-700
}

wait_for_upload() {
  waited_until=$(($(date +%s) + upload_seconds))
  while [ "$(date +%s)" -lt "$waited_until" ]; do
    if [ -e "$CONTROL/uploaded" ]; then exit 0; fi
    if [ -e "$CONTROL/refused" ]; then die 'the publisher refuses the results of this task'; fi
    sleep 0.2 2>/dev/null || sleep 1
  done
  die "the results were not uploaded within $upload_seconds s"
}

# finish OUTCOME REASON SENTENCE CODE: writes the verdict and does not return.
finish() {
  begin_phase finished
  sentence=$(plain "$3")
  say "$1: $sentence"
  printf '{"outcome":"%s","reason":"%s","message":"%s","exitCode":%d}\n' "$1" "$2" "$sentence" "$4" \
    >"$RESULTS/.verdict.tmp" || die 'the verdict cannot be written'
  sync "$RESULTS/.verdict.tmp" 2>/dev/null || sync
  mv -f "$RESULTS/.verdict.tmp" "$VERDICT" || die 'the verdict cannot be written'
  wait_for_upload
}

fail() {
  finish failed "$1" "$2" "$3"
}

# capped FILE: standard input to FILE and the live log, as it comes, until the live log has reached its limit. What
# comes after that is read and thrown away, so that the writer does not fail.
capped() {
  room=$((max_log_bytes - $(wc -c <"$LIVE")))
  if [ "$room" -lt 0 ]; then room=0; fi
  {
    if command -v stdbuf >/dev/null 2>&1; then stdbuf -o0 head -c "$room"; else head -c "$room"; fi
    cat >/dev/null
  } | tee -a "$1" >>"$LIVE"
}

# run LOG PROGRAM…: returns the program's exit code; 124 when the task's time is up. In the background, because a shell
# handles a signal only between foreground commands.
run() {
  log=$RESULTS/$1
  shift
  left=$((deadline - $(date +%s)))
  if [ "$left" -le 0 ]; then return 124; fi
  rm -f "$STATE/code"
  {
    # TERM to the whole process group when the time is up, KILL ten seconds later.
    timeout -k 10 "$left" "$@" </dev/null 2>&1
    printf '%d\n' "$?" >"$STATE/code"
  } | capped "$log" &
  wait "$!"
  if [ "$(wc -c <"$LIVE")" -ge "$max_log_bytes" ] && [ ! -e "$STATE/log-cut" ]; then
    : >"$STATE/log-cut"
    say "the log has reached its limit of $max_log_bytes bytes; the rest is not kept"
  fi
  IFS= read -r code <"$STATE/code" || code=125
  if [ "$(date +%s)" -ge "$deadline" ]; then code=124; fi
  return "$code"
}

timed_out() {
  fail TimedOut "the build was stopped in phase $phase after its limit of $timeout_seconds s" 124
}

# ---- root's side: the package manager -------------------------------------------------------------------------------

# as_root PROGRAM…: with a clean environment. In a process namespace of its own, so that nothing a scriptlet has
# started stays behind (and keeps the log open).
as_root() {
  set -- env -i HOME="$STATE/root-home" PATH="$SAFE_PATH" LC_ALL=C.UTF-8 TERM=dumb "$@"
  case $isolation in
    full) set -- "$UNSHARE" --mount --pid --fork --kill-child --mount-proc -- "$@" ;;
    processes) set -- "$UNSHARE" --pid --fork --kill-child -- "$@" ;;
  esac
  run root.log "$@"
}

find_package_manager() {
  for candidate in dnf5 dnf dnf-3 yum zypper; do
    if command -v "$candidate" >/dev/null 2>&1; then
      package_manager=$candidate
      return
    fi
  done
  fail UnusableChroot 'the image of the chroot has neither dnf nor yum nor zypper' 1
}

manage() {
  case $package_manager in
    zypper)
      as_root zypper --non-interactive --gpg-auto-import-keys --reposd-dir "$STATE/zypp" --cache-dir "$WORK/zypp-cache" "$@"
      ;;
    *) as_root "$package_manager" -c "$PLAN/dnf.conf" -y "$@" ;;
  esac
}

install_packages() {
  case $package_manager in
    zypper) manage install --no-recommends --capability -- "$@" ;;
    *) manage install "$@" ;;
  esac
}

# install_build_requires SRPM
install_build_requires() {
  if [ "$package_manager" != zypper ]; then
    manage builddep "$1"
    return
  fi
  srpm=$1
  set --
  rpm -qp --nosignature --requires "$srpm" >"$STATE/requires" 2>/dev/null
  while IFS= read -r requirement; do
    case $requirement in 'rpmlib('*) ;; ?*) set -- "$@" "$requirement" ;; esac
  done <"$STATE/requires"
  if [ "$#" -eq 0 ]; then return 0; fi
  install_packages "$@"
}

# explain_root_failure WHAT CODE: turns the package manager's words into a verdict. Does not return.
explain_root_failure() {
  if [ "$2" -eq 124 ]; then timed_out; fi
  log=$RESULTS/root.log
  missing=$(sed -n \
    -e "s/^No matching package to install: '\(.*\)'.*$/\1/p" \
    -e 's/^No match for argument: \(.*\)$/\1/p' \
    -e "s/^No provider of '\(.*\)' found\..*$/\1/p" "$log" | sort -u | head -n 5 | paste -s -d , -)
  if [ -n "$missing" ]; then
    if [ "$phase" = buildroot ]; then
      fail BuildrootFailed "no repository of the chroot provides $missing" "$2"
    fi
    fail MissingBuildRequires "no repository of the chroot provides the BuildRequires $missing" "$2"
  fi
  why=$(grep -E -m 1 'Failed to download metadata|Failed to download packages|Cannot download|Failed to retrieve new repository metadata' "$log")
  if [ -n "$why" ]; then fail RepositoryUnavailable "$1 could not be installed: $why" "$2"; fi
  why=$(grep -E -m 1 'nothing provides|conflicting requests|conflicts with|GPG check FAILED|is not signed|^Error: .|^Failed ' "$log")
  fail BuildrootFailed "$1 could not be installed: ${why:-$package_manager ended with code $2}" "$2"
}

# dnf ends with success although scriptlets failed, and programs break much later. A scriptlet that could not even be
# started means a broken sandbox; one that failed by itself is the distribution's affair, and is only mentioned.
check_scriptlets() {
  if grep -q -E 'Error in <unknown> scriptlet|unshare with flags' "$RESULTS/root.log"; then
    fail BuildrootFailed 'rpm could not run the scriptlets of the packages in the chroot; see root.log' 1
  fi
  why=$(grep -E -m 1 'Error in [A-Z]+ scriptlet in rpm package' "$RESULTS/root.log")
  if [ -n "$why" ]; then say "warning: $(plain "$why")"; fi
}

# ---- the builder's side: rpmbuild -----------------------------------------------------------------------------------

# as_builder LOG PROGRAM…
as_builder() {
  builder_log=$1
  shift
  set -- "$SETPRIV" --reuid="$BUILD_UID" --regid="$BUILD_UID" --clear-groups --inh-caps=-all --bounding-set=-all \
    --no-new-privs -- env -i HOME="$WORK/home" PATH="$SAFE_PATH" LC_ALL=C.UTF-8 TERM=dumb USER=builder LOGNAME=builder "$@"
  case $isolation in
    full) set -- --mount --pid --mount-proc --ipc --fork --kill-child -- /bin/sh "$PLAN/engine.sh" inside "$@" ;;
    processes) set -- --pid --ipc --fork --kill-child -- "$@" ;;
    *) set -- -- "$@" ;;
  esac
  if [ "$network" != yes ]; then set -- --net "$@"; fi
  run "$builder_log" "$UNSHARE" "$@"
}

# rpmbuild_options MODE: as_builder's rpmbuild with the options of the task.
rpmbuild_as_builder() {
  mode=$1
  set -- --define "_topdir $TOP" --define "_sourcedir $TOP/SOURCES" --define "_specdir $TOP/SOURCES" --target "$architecture"
  while IFS= read -r condition; do
    if [ -n "$condition" ]; then set -- "$@" --with "$condition"; fi
  done <"$PLAN/with"
  while IFS= read -r condition; do
    if [ -n "$condition" ]; then set -- "$@" --without "$condition"; fi
  done <"$PLAN/without"
  case $mode in
    srpm) set -- -bs --nodeps "$@" ;;
    *) set -- -ba "$@" ;;
  esac
  as_builder build.log rpmbuild "$@" "$TOP/SOURCES/$spec"
}

# explain_build_failure REASON CODE. Does not return.
explain_build_failure() {
  if [ "$2" -eq 124 ]; then timed_out; fi
  log=$RESULTS/build.log
  section=$(sed -n 's/^.*Bad exit status from .* (\(%[a-z_]*\)).*$/\1/p' "$log" | head -n 1)
  if [ -n "$section" ]; then
    # Not what `sh -x` says before it runs a command, nor what rpm says after all is over.
    why=$(grep -v -e 'Bad exit status' -e '^+' "$log" |
      grep -E -m 1 '(^|[ :])([Ff]atal )?[Ee]rror:|: not found$|: command not found$|: undefined reference to |^make: \*\*\*')
    fail "$1" "rpmbuild failed in $section${why:+: $why}" "$2"
  fi
  if grep -q 'is needed by' "$log"; then
    why=$(grep -m 1 'is needed by' "$log" | sed 's/^[[:space:]]*//')
    fail MissingBuildRequires "the build root lacks a BuildRequires: $why" "$2"
  fi
  why=$(sed -n '/^RPM build errors:/,$p' "$log" | sed -e 1d -e 's/^[[:space:]]*//' -e '/^$/d' | head -n 3 | paste -s -d ' ' -)
  if [ -z "$why" ]; then why=$(grep -E -m 1 '^error: ' "$log" | sed 's/^error: //'); fi
  fail "$1" "rpmbuild failed: ${why:-it ended with code $2}" "$2"
}

make_user() {
  if ! grep -q "^[^:]*:[^:]*:$BUILD_UID:" /etc/passwd; then
    name=builder
    if grep -q "^$name:" /etc/passwd; then name=koprbuild; fi
    # By hand: useradd is in few images, and wants locks and PAM.
    if ! grep -q "^[^:]*:[^:]*:$BUILD_UID:" /etc/group; then printf '%s:x:%d:\n' "$name" "$BUILD_UID" >>/etc/group; fi
    printf '%s:x:%d:%d:kopr build user:%s:/bin/sh\n' "$name" "$BUILD_UID" "$BUILD_UID" "$WORK/home" >>/etc/passwd
  fi
}

# What this pod may do differs: a node's AppArmor or seccomp profile may forbid mounting, or namespaces altogether.
probe_isolation() {
  if "$UNSHARE" --mount --pid --fork --kill-child --mount-proc -- true 2>/dev/null; then
    isolation=full
  elif "$UNSHARE" --pid --fork --kill-child -- true 2>/dev/null; then
    isolation=processes
  else
    isolation=none
  fi
  say "isolation of processes: $isolation; network while building: $network"
  if [ "$network" != yes ] && ! "$UNSHARE" --net -- true 2>/dev/null; then
    fail UnusableChroot 'the pod may not make a network namespace, so the build could not be kept off the network' 1
  fi
}

describe_machine() {
  {
    uname -a
    printf '\n'
    cat /proc/cpuinfo /proc/meminfo 2>/dev/null
    printf '\n'
    df -h "$WORK" 2>/dev/null
  } >"$RESULTS/hw_info.log"
}

collect_results() {
  count=0
  for file in "$TOP"/RPMS/*.rpm "$TOP"/RPMS/*/*.rpm "$TOP"/SRPMS/*.src.rpm "$TOP/SOURCES/$spec"; do
    # Links are left behind: a result is a plain file.
    if [ ! -f "$file" ] || [ -h "$file" ] || [ -h "${file%/*}" ]; then continue; fi
    cp -- "$file" "$RESULTS/" || die "$(plain "$file") could not be copied to the results"
    chmod 0644 "$RESULTS/${file##*/}"
    case $file in *.src.rpm | *.spec) ;; *) count=$((count + 1)) ;; esac
  done
  if [ "$count" -eq 0 ]; then fail NoPackagesBuilt 'rpmbuild succeeded but made no binary package' 1; fi
}

# ---- the build ------------------------------------------------------------------------------------------------------

trap 'exit 143' TERM INT HUP
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
spec=$(value spec) || exit 1
: >>"$LIVE"

if [ "$personality" = linux32 ] && [ -z "${KOPR_PERSONALITY-}" ]; then
  command -v setarch >/dev/null 2>&1 || fail UnusableChroot 'the image of the chroot lacks setarch of util-linux' 1
  export KOPR_PERSONALITY=linux32
  exec setarch linux32 /bin/sh "$PLAN/engine.sh"
fi

deadline=$(($(date +%s) + timeout_seconds))
# The work volume is open to everybody, and what fetch has left belongs to the build's own user id. Before anything of the
# build runs, all that root's steps read or trust becomes root's: a build that could move $STATE away would give root a
# .rpmmacros of its own, and one that could write $PLAN would write this script.
if ! chown 0:0 "$WORK" || ! chmod 0755 "$WORK" || ! chown -R 0:0 "$PLAN" || ! chmod -R go-w "$PLAN"; then
  die 'the work volume cannot be closed'
fi
rm -rf "$STATE" "$WORK/scratch"
mkdir -p "$STATE/root-home" "$STATE/zypp" "$TOP/BUILD" "$TOP/BUILDROOT" "$TOP/RPMS" "$TOP/SRPMS" "$WORK/home" ||
  die 'the work volume is not writable'
cp "$PLAN/root-rpmmacros" "$STATE/root-home/.rpmmacros"
cp "$PLAN/zypp.repo" "$STATE/zypp/kopr.repo"
cp "$PLAN/rpmmacros" "$WORK/home/.rpmmacros"
if [ ! -d "$TOP/SOURCES" ]; then mv "$WORK/sources" "$TOP/SOURCES" || die 'the sources are missing'; fi
rm -rf "$TOP/SOURCES/.git"
# Not $TOP itself, so that none of its directories can be replaced by a link that root would follow.
chown "$BUILD_UID:$BUILD_UID" "$TOP"/* "$WORK/home"
# From here on results are root's alone: the build runs under the user id that the fetch container had, and must not
# rewrite its own log or leave a verdict.
if ! chown -R 0:0 "$RESULTS" || ! chmod -R go-w "$RESULTS"; then die 'the results volume cannot be closed'; fi
: >"$RESULTS/root.log"
: >"$RESULTS/build.log"
isolation=none
begin_phase prepare
find_package_manager
make_user
describe_machine
if [ -x "$UNSHARE" ]; then probe_isolation; fi

begin_phase buildroot
set --
while IFS= read -r package; do
  if [ -n "$package" ]; then set -- "$@" "$package"; fi
done <"$PLAN/buildroot-packages"
if [ ! -x "$UNSHARE" ] || [ ! -x "$SETPRIV" ]; then set -- "$@" util-linux; fi
if ! command -v rpmbuild >/dev/null 2>&1; then set -- "$@" /usr/bin/rpmbuild; fi
if [ "$#" -gt 0 ]; then
  install_packages "$@" || explain_root_failure 'the packages of the build root' "$?"
fi
if [ "$package_manager" != zypper ] && ! "$package_manager" builddep --help >/dev/null 2>&1; then
  install_packages 'dnf-command(builddep)' || explain_root_failure "the builddep plugin of $package_manager" "$?"
fi
check_scriptlets
if [ "$isolation" = none ]; then probe_isolation; fi

begin_phase srpm
rpmbuild_as_builder srpm || explain_build_failure SrpmBuildFailed "$?"

begin_phase builddep
for file in "$TOP"/SRPMS/*.src.rpm; do
  if [ ! -f "$file" ] || [ -h "$file" ]; then fail SrpmBuildFailed 'rpmbuild made no source package' 1; fi
  install_build_requires "$file" || explain_root_failure 'the BuildRequires' "$?"
done
check_scriptlets
rm -f "$TOP"/SRPMS/*.src.rpm

begin_phase rpmbuild
round=0
while :; do
  rpmbuild_as_builder all
  code=$?
  if [ "$code" -eq 0 ]; then break; fi
  # 11: requirements are missing. Those a %generate_buildrequires has just found are in a package made for the purpose.
  found=
  for file in "$TOP"/SRPMS/*.buildreqs.nosrc.rpm; do
    if [ -f "$file" ] && [ ! -h "$file" ]; then found=$file; fi
  done
  if [ "$code" -ne 11 ] || [ -z "$found" ]; then explain_build_failure BuildFailed "$code"; fi
  round=$((round + 1))
  if [ "$round" -gt 10 ]; then
    fail BuildFailed '%generate_buildrequires asked for more packages ten times over; it has to come to an end' 11
  fi
  begin_phase "dynamic-builddep-$round"
  mv -f "$found" "$STATE/dynamic.nosrc.rpm" || die 'the dynamic BuildRequires are lost'
  install_build_requires "$STATE/dynamic.nosrc.rpm" || explain_root_failure 'the dynamic BuildRequires' "$?"
  check_scriptlets
  begin_phase rpmbuild
done

begin_phase results
rpm -qa --qf '%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}\n' 2>/dev/null | sort >"$RESULTS/installed_pkgs.log"
collect_results
finish succeeded Succeeded 'the packages were built' 0

# shellcheck shell=sh
# The pod before the first package: volumes, files of the package manager, build user. Sourced by engine.sh.

# Before anything of the build runs, all that root's steps read or trust becomes root's. The work volume is open to
# everybody, and what fetch has left belongs to the build's own user id: a build that could move $STATE away would give
# root a .rpmmacros of its own, one that could write $PLAN would write this script, and one that could write the results
# would rewrite its own log or leave a verdict.
close_volumes() {
  if ! chown 0:0 "$WORK" || ! chmod 0755 "$WORK" || ! chown -R 0:0 "$PLAN" || ! chmod -R go-w "$PLAN"; then
    die 'the work volume cannot be closed'
  fi
  rm -rf "$STATE" "$WORK/scratch"
  mkdir -p "$STATE/root-home" "$STATE/repos.d" "$STATE/zypp" "$TOP/BUILD" "$TOP/BUILDROOT" "$TOP/RPMS" "$TOP/SRPMS" \
    "$WORK/home" || die 'the work volume is not writable'
  cp "$PLAN/root-rpmmacros" "$STATE/root-home/.rpmmacros"
  cp "$PLAN/rpmmacros" "$WORK/home/.rpmmacros"
  if [ ! -d "$TOP/SOURCES" ]; then mv "$WORK/sources" "$TOP/SOURCES" || die 'the sources are missing'; fi
  rm -rf "$TOP/SOURCES/.git"
  # Not $TOP itself, so that none of its directories can be replaced by a link that root would follow.
  chown "$BUILD_UID:$BUILD_UID" "$TOP"/* "$WORK/home"
  if ! chown -R 0:0 "$RESULTS" || ! chmod -R go-w "$RESULTS"; then die 'the results volume cannot be closed'; fi
  : >"$RESULTS/root.log"
  : >"$RESULTS/build.log"
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

# Where the package manager finds repositories besides the task's own: dnf.conf of the plan names $STATE/repos.d when the
# image's are wanted, and zypper is sent to $STATE/zypp. Copies, made before the first package is installed: a package
# that brings repositories along must not change where the next ones come from.
prepare_repositories() {
  if [ "$image_repos" = yes ]; then
    case $package_manager in
      zypper) copy_repositories "$STATE/zypp" /etc/zypp/repos.d ;;
      *) copy_repositories "$STATE/repos.d" /etc/yum.repos.d /etc/yum/repos.d /etc/distro.repos.d /usr/share/dnf5/repos.d ;;
    esac
  fi
  # Last, so that no file of the image can take its place.
  cp "$PLAN/zypp.repo" "$STATE/zypp/kopr.repo" || die 'the repositories of the task are lost'
}

# copy_repositories TO DIRECTORY…: of files with the same name, the first.
copy_repositories() {
  to=$1
  shift
  copied=0
  for directory in "$@"; do
    for file in "$directory"/*.repo; do
      if [ ! -f "$file" ] || [ -e "$to/${file##*/}" ]; then continue; fi
      cp -- "$file" "$to/" || die "$(plain "$file") of the image could not be copied"
      copied=$((copied + 1))
    done
  done
  if [ "$copied" -eq 0 ]; then
    say "warning: the Chroot has no \"repos\", so those of its image are used, but its image has none in $1"
  else
    say "files with repositories of the image: $copied"
  fi
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

describe_machine() {
  {
    uname -a
    printf '\n'
    cat /proc/cpuinfo /proc/meminfo 2>/dev/null
    printf '\n'
    df -h "$WORK" 2>/dev/null
  } >"$RESULTS/hw_info.log"
}

#!/bin/sh
# Makes a build root of the task's repositories with the machine's own dnf, and runs the engine of container chroots in
# it. Root of the run's namespaces, with the slot's box at /mnt.

set -u
umask 022
# shellcheck source=stage.sh
. /mnt/kit/stage.sh
ROOT=/mnt/root
BOOTSTRAP='dnf rpm-build util-linux /usr/bin/umount coreutils findutils grep sed gawk diffutils tar gzip'
CAPABILITIES=-all,+chown,+dac_override,+fowner,+fsetid,+setfcap,+setuid,+setgid,+setpcap,+sys_chroot,+kill,+sys_admin

personality=$(value personality) || exit 1
if [ "$personality" = linux32 ] && [ -z "${KOPR_PERSONALITY-}" ]; then
  export KOPR_PERSONALITY=linux32
  exec setarch linux32 /bin/sh /mnt/kit/engine-dnf.sh
fi
releasever=$(value releasever) || exit 1

# What a container runtime does for an image.
mount_root() {
  mount --bind "$ROOT" "$ROOT" || die 'the build root cannot be mounted'
  mkdir -p "$ROOT/dev" "$ROOT/proc" "$ROOT/sys" "$ROOT/tmp" "$ROOT/etc" "$ROOT/kopr/work" "$ROOT/kopr/results" \
    "$ROOT/kopr/control" || die 'the build root cannot be made'
  for volume in work results control; do
    mount --bind "/mnt/$volume" "$ROOT/kopr/$volume" || die "$volume cannot be mounted in the build root"
  done
  mount -o remount,bind,ro "$ROOT/kopr/control"
  mount -t tmpfs -o mode=0755,size=1m dev "$ROOT/dev" || die '/dev of the build root cannot be mounted'
  for device in null zero full random urandom tty; do
    : >"$ROOT/dev/$device"
    mount --bind "/dev/$device" "$ROOT/dev/$device" || die "/dev/$device cannot be mounted"
  done
  ln -s /proc/self/fd "$ROOT/dev/fd"
  ln -s /proc/self/fd/0 "$ROOT/dev/stdin"
  ln -s /proc/self/fd/1 "$ROOT/dev/stdout"
  ln -s /proc/self/fd/2 "$ROOT/dev/stderr"
  mkdir "$ROOT/dev/shm" "$ROOT/dev/pts"
  mount -t tmpfs -o mode=1777 shm "$ROOT/dev/shm"
  mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts "$ROOT/dev/pts" 2>/dev/null &&
    ln -s pts/ptmx "$ROOT/dev/ptmx"
  mount -t proc proc "$ROOT/proc" || die '/proc of the build root cannot be mounted'
  mount -t tmpfs -o mode=1777 tmp "$ROOT/tmp"
}

fill_root() {
  begin_phase bootstrap
  mkdir -p "$STATE/root-home"
  {
    cat "$PLAN/root-rpmmacros"
    # rpm is not to change the owner of what is mounted there.
    printf '%%_netsharedpath /proc:/sys:/dev\n'
  } >"$STATE/root-home/.rpmmacros"
  # No plugins of the machine: what they do is meant for the machine.
  sed '1s/.*/[main]\nplugins=0/' "$PLAN/dnf.conf" >"$STATE/dnf.conf"
  set --
  while IFS= read -r package; do
    if [ -n "$package" ]; then set -- "$@" "$package"; fi
  done <"$PLAN/buildroot-packages"
  # shellcheck disable=SC2086 # a list of words
  as_root /bin/sh /mnt/kit/retry.sh /mnt/control "$package_manager" -c "$STATE/dnf.conf" -y "--installroot=$ROOT" \
    "--releasever=$releasever" install $BOOTSTRAP "$@" || explain_root_failure 'the build root' "$?"
  check_scriptlets
  mv "$RESULTS/root.log" "$RESULTS/bootstrap.log"
}

# The machine's rpm may keep its database elsewhere than that of the build root.
move_database() {
  from=$(env -i HOME="$STATE/root-home" PATH="$SAFE_PATH" rpm --eval '%{_dbpath}')
  to=$(chroot "$ROOT" /usr/bin/env -i HOME=/root PATH="$SAFE_PATH" rpm --eval '%{_dbpath}')
  if [ -z "$to" ]; then fail UnusableChroot 'rpm does not run in the build root that its repositories make' 1; fi
  if [ "$from" != "$to" ] && [ -d "$ROOT$from" ] && [ ! -h "$ROOT$from" ]; then
    mkdir -p "$ROOT${to%/*}"
    rm -rf "${ROOT:?}$to"
    mv "$ROOT$from" "$ROOT$to" || die 'the rpm database is lost'
  fi
}

# The engine finds these before the package managers themselves.
wrap_package_managers() {
  mkdir -p "$ROOT/usr/local/sbin"
  for program in dnf5 dnf dnf-3 yum; do
    if [ ! -x "$ROOT/usr/bin/$program" ]; then continue; fi
    # shellcheck disable=SC2016 # for the program itself
    printf '#!/bin/sh\nexec /bin/sh /kopr/work/plan/retry.sh /kopr/control /usr/bin/%s "$@"\n' "$program" \
      >"$ROOT/usr/local/sbin/$program" && chmod 0755 "$ROOT/usr/local/sbin/$program"
  done
}

# Not chroot alone: a process that is in one may make no user namespace, and could climb out of it.
enter_root() {
  if ! cd "$ROOT" || ! mkdir -p .machine || ! pivot_root . .machine || ! cd /; then
    die 'the build root cannot become the root'
  fi
  if ! umount -l /.machine || ! rmdir /.machine; then die 'the machine cannot be put out of sight'; fi
}

if [ "$image_repos" = yes ]; then
  fail UnusableChroot 'the Chroot has no "repos", and a machine has no image that could bring some; give it repos' 1
fi
find_dnf
if [ "${KOPR_USER_NAMESPACE-}" != own ]; then
  say 'warning: the machine has no user ids for a user namespace; scripts of packages run as its root'
fi
isolation=full
mount_root
if [ -r /etc/resolv.conf ]; then cat /etc/resolv.conf >"$STATE/resolv.conf"; fi
hide_temporary_directories
fill_root
move_database
if [ -f "$STATE/resolv.conf" ]; then
  rm -f "$ROOT/etc/resolv.conf"
  cp "$STATE/resolv.conf" "$ROOT/etc/resolv.conf"
fi
cp /mnt/kit/retry.sh "$PLAN/retry.sh" || die 'the plan is not writable'
if [ -f "$CONTROL/tunnel" ]; then wrap_package_managers; fi
enter_root
exec setpriv --inh-caps=-all "--bounding-set=$CAPABILITIES" -- /usr/bin/env -i PATH="$SAFE_PATH" \
  KOPR_DEADLINE="$deadline" ${KOPR_PERSONALITY:+KOPR_PERSONALITY="$KOPR_PERSONALITY"} /bin/sh /kopr/work/plan/engine.sh

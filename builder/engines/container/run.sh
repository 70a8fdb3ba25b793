# shellcheck shell=sh
# How programs are run: with a deadline, into a log of bounded size, as root or as the build user, apart from the pod as
# far as it may be. Sourced by engine.sh.

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

# as_builder LOG PROGRAM…
as_builder() {
  builder_log=$1
  shift
  set -- "$SETPRIV" --reuid="$BUILD_UID" --regid="$BUILD_UID" --clear-groups --inh-caps=-all --bounding-set=-all \
    --no-new-privs -- env -i HOME="$WORK/home" PATH="$SAFE_PATH" LC_ALL=C.UTF-8 TERM=dumb USER=builder LOGNAME=builder "$@"
  case $isolation in
    full) set -- --mount --pid --mount-proc --ipc --fork --kill-child -- /bin/sh "$PLAN/inside.sh" "$@" ;;
    processes) set -- --pid --ipc --fork --kill-child -- "$@" ;;
    *) set -- -- "$@" ;;
  esac
  if [ "$network" != yes ]; then set -- --net "$@"; fi
  run "$builder_log" "$UNSHARE" "$@"
}

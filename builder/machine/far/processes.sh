# shellcheck shell=sh
# Processes of this slot: who they are, and how they end. Sourced by far.sh and run.sh, which set $directory and $slot.

# The user ids of a slot's user namespace. Far above those of people, services, and containers of others.
SLOT_IDS=65536
FIRST_IDS=1879048192

# Prints the first id of the slot's own range; fails when the machine (itself a container, say) has no room for it.
first_id() {
  IFS=' ' read -r _ _ count </proc/self/uid_map || return 1
  first=$((FIRST_IDS + slot * SLOT_IDS))
  if [ "$count" -lt "$((first + SLOT_IDS))" ]; then first=$(((count / SLOT_IDS - slot) * SLOT_IDS)); fi
  if [ "$first" -lt "$SLOT_IDS" ]; then return 1; fi
  printf '%d' "$first"
}

# identity PID: what no later process with this number has, also after a restart of the machine.
identity() {
  # After the name, which may hold anything, in parentheses: the 20th value is the start time.
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  # shellcheck disable=SC2086 # numbers
  set -- "$1" ${stat##*) }
  printf '%s %s %s' "$1" "${21}" "$(cat /proc/sys/kernel/random/boot_id)"
}

# is_running IDENTITY
is_running() {
  [ -n "$1" ] && [ "$(identity "${1%% *}")" = "$1" ] && ! is_zombie "${1%% *}"
}

is_zombie() {
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
  case ${stat##*) } in Z* | X*) return 0 ;; *) return 1 ;; esac
}

# server_process: the nearest sshd above this process, which holds the connection and the ports it forwards.
server_process() {
  process=$$
  while [ "$process" -gt 1 ]; do
    case $(cat "/proc/$process/comm" 2>/dev/null) in sshd*) printf '%d' "$process" && return ;; esac
    process=$(sed -n 's/^PPid:[^0-9]*//p' "/proc/$process/status" 2>/dev/null)
    : "${process:=0}"
  done
  return 1
}

# A connection that was cut without a word lives on here, and keeps the port of the tunnel. The new one ends it.
fence_session() {
  mine=$(server_process) || return 0
  old=$(content "$directory/session")
  if [ "${old%% *}" != "$mine" ] && is_running "$old"; then
    kill -KILL "${old%% *}" 2>/dev/null
    for _ in 1 2 3 4 5 6 7 8 9 10; do
      is_running "$old" || break
      sleep 0.1 2>/dev/null || sleep 1
    done
  fi
  put "$directory/session" "$(identity "$mine")"
}

# slot_processes: those with the slot's user ids, and those whose root or working directory is the slot's, whatever its
# name is in their own mount namespace. Not by the number of a namespace: those are used again, by other slots, too.
slot_processes() {
  places=$(stat -c ' %d:%i ' "$directory/box" "$directory/box/root" 2>/dev/null)
  first=$(first_id) || first=
  for entry in /proc/[0-9]*; do
    process=${entry#/proc/}
    if [ "$process" = "$$" ] || is_zombie "$process"; then continue; fi
    for place in $(stat -L -c '%d:%i' "$entry/root" "$entry/cwd" 2>/dev/null); do
      case $places in *" $place "*) printf '%s\n' "$process" && continue 2 ;; esac
    done
    case $(readlink "$entry/cwd" 2>/dev/null) in "$directory/box"/*) printf '%s\n' "$process" && continue ;; esac
    if [ -z "$first" ]; then continue; fi
    user=$(sed -n 's/^Uid:[^0-9]*\([0-9]*\).*$/\1/p' "$entry/status" 2>/dev/null)
    if [ -n "$user" ] && [ "$user" -ge "$first" ] && [ "$user" -lt "$((first + SLOT_IDS))" ]; then
      printf '%s\n' "$process"
    fi
  done
}

# stop_run: ends the detached run with all that it has started. Succeeds when nothing of it is left.
stop_run() {
  run=$(content "$directory/pid")
  if is_running "$run"; then
    kill -TERM "${run%% *}" 2>/dev/null
    for _ in 1 2 3 4 5; do
      is_running "$run" || break
      sleep 1
    done
  fi
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    # The session of the run first: what it would start again is not started again.
    if is_running "$run"; then kill -KILL "-${run%% *}" "${run%% *}" 2>/dev/null; fi
    left=$(slot_processes)
    if [ -z "$left" ] && ! is_running "$run"; then return 0; fi
    # shellcheck disable=SC2086 # numbers
    if [ -n "$left" ]; then kill -KILL $left 2>/dev/null; fi
    sleep 0.5 2>/dev/null || sleep 1
  done
  return 1
}

#!/bin/sh
# `far.sh SLOT OPERATION…` as root of the machine: what the driver asks for. Each operation may be repeated at any time,
# also when an earlier call of it has not ended because its connection was lost.
#
#   /var/tmp/kopr/SLOT/   id        the task; whatever is here belongs to it
#                         inputs    what arrives: plan and sources in one tar
#                         box/      what the build sees: work/, results/, control/, root/
#                         pid state where the detached run is; state has its exit code once it has ended
#                         session   the server process of the driver's connection
#                         port      where the driver's proxy listens on this machine

set -u
umask 077
kit=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
slot=$1
operation=$2
shift 2
directory=/var/tmp/kopr/$slot
box=$directory/box

# shellcheck source=processes.sh
. "$kit/processes.sh"
# shellcheck source=clean.sh
. "$kit/clean.sh"
# shellcheck source=transfer.sh
. "$kit/transfer.sh"

die() {
  printf 'kopr: %s\n' "$1" >&2
  exit 1
}

# content FILE: its first line; nothing when it is not there.
content() {
  if [ -f "$1" ]; then IFS= read -r line <"$1" && printf '%s' "$line"; fi
}

# put FILE TEXT: by rename, so that nobody reads half of it.
put() {
  printf '%s\n' "$2" >"$1.new" && mv -f "$1.new" "$1"
}

is_task() {
  [ "$(content "$directory/id")" = "$1" ]
}

need_task() {
  is_task "$1" || die 'the machine does not work on this task'
}

# state_of TASK: one word, and the exit code when it has ended. "vanished": the run is gone without a word, as after a
# restart of the machine.
state_of() {
  if ! is_task "$1"; then
    printf 'none 0'
  elif [ -f "$directory/state" ]; then
    printf 'ended %s' "$(content "$directory/state")"
  elif [ ! -d "$directory/started" ]; then
    printf 'ready 0'
  elif is_running "$(content "$directory/pid")"; then
    printf 'running 0'
  elif [ -f "$directory/state" ]; then
    printf 'ended %s' "$(content "$directory/state")"
  elif [ ! -f "$directory/pid" ] && [ "$(($(date +%s) - $(stat -c %Y "$directory/started")))" -lt 60 ]; then
    printf 'running 0'
  else
    printf 'vanished 0'
  fi
}

# The slot is this task's from now on. Answers with the port of its tunnel, if it has had one.
begin() {
  if ! is_task "$1"; then
    clean_slot || die 'an earlier build of this slot cannot be cleaned away'
    put "$directory/id" "$1"
  fi
  fence_session
  printf 'port=%s\n' "$(content "$directory/port")"
}

start() {
  need_task "$1"
  [ -d "$box/work/plan" ] || die 'the inputs have not arrived'
  # Whoever makes the directory starts the run, and nobody else ever does.
  if ! mkdir "$directory/started" 2>/dev/null; then return; fi
  # A connection that breaks here must not end the start half way; the run itself has signals as they are by default.
  trap '' HUP PIPE
  (
    trap - HUP PIPE
    # A session of its own, without the connection's pipes: it must outlive the connection.
    exec setsid /bin/sh "$kit/run.sh" "$directory" "$slot" </dev/null >"$directory/run.out" 2>&1
  ) &
}

case $operation in
  describe) describe ;;
  begin) begin "$@" ;;
  tunnel)
    put "$directory/port" "$1"
    mkdir -p "$box/control"
    put "$box/control/tunnel" "$2"
    chmod 0711 "$box" && chmod 0755 "$box/control" && chmod 0644 "$box/control/tunnel"
    ;;
  received) received "$@" ;;
  receive) receive "$@" ;;
  unpack) unpack "$@" ;;
  start) start "$@" ;;
  poll) poll "$@" ;;
  results) results "$@" ;;
  read) read_result "$@" ;;
  complaint) complaint "$@" ;;
  uploaded)
    need_task "$1"
    : >"$box/control/uploaded" && chmod 0644 "$box/control/uploaded"
    ;;
  cancel) if is_task "$1"; then stop_run; fi ;;
  clean) clean_slot || exit 1 ;;
  *) die "unknown operation $operation" ;;
esac

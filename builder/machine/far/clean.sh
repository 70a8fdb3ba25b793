# shellcheck shell=sh
# Takes away all that builds have left in a slot. Sourced by far.sh.

# Mounts that are the slot's, the innermost first. Runs have mounts of their own, which end with them; these are of a run
# that could not make a namespace.
unmount_slot() {
  for _ in 1 2 3 4 5; do
    mounts=$(sed -n "s|^[^ ]* [^ ]* [^ ]* [^ ]* \\(${box}[^ ]*\\) .*\$|\\1|p" /proc/self/mountinfo | sort -r)
    if [ -z "$mounts" ]; then return 0; fi
    # mountinfo writes spaces as \040, and then the path is not found: such a mount stays, and the slot is not clean.
    printf '%s\n' "$mounts" | while IFS= read -r mount; do umount -l "$mount" 2>/dev/null; done
  done
  return 1
}

# Files that processes with the slot's user ids may have left where everybody may write.
remove_strays() {
  first=$(first_id) || return 0
  for place in /tmp /var/tmp /dev/shm /run/lock; do
    if [ -d "$place" ]; then
      find "$place" -xdev -depth -uid "+$((first - 1))" ! -uid "+$((first + SLOT_IDS - 1))" \
        ! -path "$directory/*" -exec rm -rf -- {} + 2>/dev/null
    fi
  done
  return 0
}

# Succeeds only if nothing is left: no process, no mount, no file but the driver's scripts.
clean_slot() {
  stop_run || { printf 'kopr: processes of an earlier build cannot be ended\n' >&2 && return 1; }
  unmount_slot || { printf 'kopr: mounts of an earlier build cannot be undone\n' >&2 && return 1; }
  # The task's name last: while it is here nothing else is begun.
  for name in started pid state run.out inputs box mock port session id; do
    rm -rf --one-file-system "${directory:?}/$name"
    if [ -e "$directory/$name" ] || [ -h "$directory/$name" ]; then
      printf 'kopr: %s/%s cannot be removed\n' "$directory" "$name" >&2
      return 1
    fi
  done
  remove_strays
  if [ -n "$(slot_processes)" ]; then
    printf 'kopr: processes of an earlier build came back\n' >&2
    return 1
  fi
}

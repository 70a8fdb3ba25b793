#!/bin/sh
# What every login gets: SSH_ORIGINAL_COMMAND is words of "vm", which no shell expands.
set -efu
while IFS='=' read -r name value; do
  export "$name=$value"
done <"${VM_STATE:-/machines/.ssh}/environment"
# shellcheck disable=SC2086 # a list of words; globbing is off
set -- ${SSH_ORIGINAL_COMMAND:-}
case ${1:-}/${2:-} in
  vm/new | vm/delete | vm/check | vm/list)
    shift
    exec /usr/local/bin/vm "$@"
    ;;
esac
printf 'this host runs "vm new", "vm delete", "vm check" and "vm list" and nothing else\n' >&2
exit 1

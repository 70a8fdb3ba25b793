#!/bin/sh
# `retry.sh CONTROL PROGRAM…`: runs a package manager that reaches its repositories through the driver's connection. When
# it fails and the connection was away meanwhile, it is run again once the connection is back: it goes on with what it
# has not downloaded yet. A failure while the connection stands is the program's own.
#
# The driver touches CONTROL/tunnel every other second, and writes another number into it with each new connection.

set -u
tunnel=$1/tunnel
shift

number() {
  IFS= read -r line <"$tunnel" && printf '%s' "$line"
}

# beats_within SECONDS
beats_within() {
  last=$(stat -c %Y "$tunnel")
  until=$(($(date +%s) + $1))
  while [ "$(date +%s)" -lt "$until" ]; do
    if [ "$(stat -c %Y "$tunnel")" != "$last" ]; then return 0; fi
    sleep 1
  done
  return 1
}

if [ ! -f "$tunnel" ]; then exec "$@"; fi
for _ in 1 2 3 4 5 6 7 8 9 10; do
  before=$(number)
  "$@"
  code=$?
  if [ "$code" -eq 0 ]; then exit 0; fi
  if beats_within 10; then
    if [ "$(number)" = "$before" ]; then exit "$code"; fi
  elif ! beats_within 3600; then
    exit "$code"
  fi
  printf 'kopr: the connection to the repositories was lost and is back; %s begins again\n' "${1##*/}"
done
exit "$code"

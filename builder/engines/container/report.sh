# shellcheck shell=sh
# What the engine says: the live log, phases, and the verdict that ends a task. Sourced by engine.sh.

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

# finish OUTCOME REASON SENTENCE CODE: writes the verdict and does not return. By rename, since the agent takes what it
# finds under the final name for whole.
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

# fail REASON SENTENCE CODE. Does not return.
fail() {
  finish failed "$1" "$2" "$3"
}

timed_out() {
  fail TimedOut "the build was stopped in phase $phase after its limit of $timeout_seconds s" 124
}

#!/bin/sh
# Builds with the machine's mock, by the configuration that the driver has made. Root of the run's process and mount
# namespaces, with the slot's box at /mnt. mock keeps the build off the network itself.

set -u
umask 022
# shellcheck source=stage.sh
. /mnt/kit/stage.sh
spec=$(value spec) || exit 1
OUT=$WORK/mock-results

# mock_phase PHASE ARGUMENT…
mock_phase() {
  begin_phase "$1"
  shift
  set -- mock -r "$PLAN/mock.cfg" --resultdir "$OUT" "$@"
  while IFS= read -r condition; do
    if [ -n "$condition" ]; then set -- "$@" --with "$condition"; fi
  done <"$PLAN/with"
  while IFS= read -r condition; do
    if [ -n "$condition" ]; then set -- "$@" --without "$condition"; fi
  done <"$PLAN/without"
  run mock.log env -i HOME="$STATE/home" PATH="$SAFE_PATH" LC_ALL=C.UTF-8 TERM=dumb \
    /bin/sh /mnt/kit/retry.sh "$CONTROL" "$@"
}

# keep FILE: as a result.
keep() {
  if ! cp -- "$1" "$RESULTS/" || ! chmod 0644 "$RESULTS/${1##*/}"; then
    die "$(plain "${1##*/}") could not be copied to the results"
  fi
}

# Plain files alone; mock's own logs beside them.
collect_mock() {
  for file in "$OUT"/*; do
    name=${file##*/}
    if [ ! -f "$file" ] || [ -h "$file" ]; then continue; fi
    case $name in
      *.rpm | *.log) keep "$file" ;;
    esac
  done
}

# judge CODE: mock's exit codes are those of its manual. What is not the package's doing has no verdict. Does not return.
judge() {
  collect_mock
  if [ "$1" -eq 124 ] || [ "$1" -eq 11 ]; then timed_out; fi
  # Where explain_root_failure looks.
  if [ ! -f "$RESULTS/root.log" ]; then cp "$RESULTS/mock.log" "$RESULTS/root.log"; fi
  why=$(grep -E -m 1 '(^|[ :])([Ff]atal )?[Ee]rror:|: not found$|: command not found$|^make: \*\*\*' "$RESULTS/build.log" 2>/dev/null)
  case $1 in
    10) fail BuildFailed "rpmbuild failed${why:+: $why}" "$1" ;;
    20 | 30 | 40) package_manager=dnf && explain_root_failure 'the build root' "$1" ;;
    *) die "mock ended with code $1" ;;
  esac
}

mkdir -p "$OUT" "$STATE/home" /mnt/mock/root /mnt/mock/cache || die 'the work directory is not writable'
mock_phase srpm --buildsrpm --spec "$WORK/sources/$spec" --sources "$WORK/sources" || judge "$?"
source=
for file in "$OUT"/*.src.rpm; do
  if [ -f "$file" ] && [ ! -h "$file" ]; then source=$file; fi
done
if [ -z "$source" ]; then fail SrpmBuildFailed 'mock made no source package' 1; fi
mv "$source" "$WORK/" || die 'the source package is lost'
source=$WORK/${source##*/}
mock_phase rpmbuild --rebuild "$source" || judge "$?"

begin_phase results
collect_mock
keep "$WORK/sources/$spec"
# mock makes it anew from the same sources, or leaves it at that.
if [ ! -f "$RESULTS/${source##*/}" ]; then keep "$source"; fi
count=0
for file in "$RESULTS"/*.rpm; do
  case $file in *.src.rpm | *'/*.rpm') ;; *) count=$((count + 1)) ;; esac
done
if [ "$count" -eq 0 ]; then fail NoPackagesBuilt 'mock succeeded but made no binary package' 1; fi
finish succeeded Succeeded 'the packages were built' 0

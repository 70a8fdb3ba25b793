# shellcheck shell=sh
# The build user's side: rpmbuild, what its failures mean, and what it has made. Sourced by engine.sh.

# rpmbuild_as_builder MODE: with the options of the task.
rpmbuild_as_builder() {
  mode=$1
  set -- --define "_topdir $TOP" --define "_sourcedir $TOP/SOURCES" --define "_specdir $TOP/SOURCES" --target "$architecture"
  while IFS= read -r condition; do
    if [ -n "$condition" ]; then set -- "$@" --with "$condition"; fi
  done <"$PLAN/with"
  while IFS= read -r condition; do
    if [ -n "$condition" ]; then set -- "$@" --without "$condition"; fi
  done <"$PLAN/without"
  case $mode in
    srpm) set -- -bs --nodeps "$@" ;;
    *) set -- -ba "$@" ;;
  esac
  as_builder build.log rpmbuild "$@" "$TOP/SOURCES/$spec"
}

# explain_build_failure REASON CODE. Does not return.
explain_build_failure() {
  if [ "$2" -eq 124 ]; then timed_out; fi
  log=$RESULTS/build.log
  section=$(sed -n 's/^.*Bad exit status from .* (\(%[a-z_]*\)).*$/\1/p' "$log" | head -n 1)
  if [ -n "$section" ]; then
    # Not what `sh -x` says before it runs a command, nor what rpm says after all is over.
    why=$(grep -v -e 'Bad exit status' -e '^+' "$log" |
      grep -E -m 1 '(^|[ :])([Ff]atal )?[Ee]rror:|: not found$|: command not found$|: undefined reference to |^make: \*\*\*')
    fail "$1" "rpmbuild failed in $section${why:+: $why}" "$2"
  fi
  if grep -q 'is needed by' "$log"; then
    why=$(grep -m 1 'is needed by' "$log" | sed 's/^[[:space:]]*//')
    fail MissingBuildRequires "the build root lacks a BuildRequires: $why" "$2"
  fi
  why=$(sed -n '/^RPM build errors:/,$p' "$log" | sed -e 1d -e 's/^[[:space:]]*//' -e '/^$/d' | head -n 3 | paste -s -d ' ' -)
  if [ -z "$why" ]; then why=$(grep -E -m 1 '^error: ' "$log" | sed 's/^error: //'); fi
  fail "$1" "rpmbuild failed: ${why:-it ended with code $2}" "$2"
}

install_static_build_requires() {
  for file in "$TOP"/SRPMS/*.src.rpm; do
    if [ ! -f "$file" ] || [ -h "$file" ]; then fail SrpmBuildFailed 'rpmbuild made no source package' 1; fi
    install_build_requires "$file" || explain_root_failure 'the BuildRequires' "$?"
  done
  check_scriptlets
  rm -f "$TOP"/SRPMS/*.src.rpm
}

# Again and again, as long as %generate_buildrequires asks for packages: rpmbuild ends with 11 when requirements are
# missing, and those that were just found are in a package made for the purpose.
build_packages() {
  round=0
  while :; do
    begin_phase rpmbuild
    rpmbuild_as_builder all
    code=$?
    if [ "$code" -eq 0 ]; then return; fi
    found=
    for file in "$TOP"/SRPMS/*.buildreqs.nosrc.rpm; do
      if [ -f "$file" ] && [ ! -h "$file" ]; then found=$file; fi
    done
    if [ "$code" -ne 11 ] || [ -z "$found" ]; then explain_build_failure BuildFailed "$code"; fi
    round=$((round + 1))
    if [ "$round" -gt 10 ]; then
      fail BuildFailed '%generate_buildrequires asked for more packages ten times over; it has to come to an end' 11
    fi
    begin_phase "dynamic-builddep-$round"
    mv -f "$found" "$STATE/dynamic.nosrc.rpm" || die 'the dynamic BuildRequires are lost'
    install_build_requires "$STATE/dynamic.nosrc.rpm" || explain_root_failure 'the dynamic BuildRequires' "$?"
    check_scriptlets
  done
}

collect_results() {
  rpm -qa --qf '%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}\n' 2>/dev/null | sort >"$RESULTS/installed_pkgs.log"
  count=0
  for file in "$TOP"/RPMS/*.rpm "$TOP"/RPMS/*/*.rpm "$TOP"/SRPMS/*.src.rpm "$TOP/SOURCES/$spec"; do
    # Links are left behind: a result is a plain file.
    if [ ! -f "$file" ] || [ -h "$file" ] || [ -h "${file%/*}" ]; then continue; fi
    cp -- "$file" "$RESULTS/" || die "$(plain "$file") could not be copied to the results"
    chmod 0644 "$RESULTS/${file##*/}"
    case $file in *.src.rpm | *.spec) ;; *) count=$((count + 1)) ;; esac
  done
  if [ "$count" -eq 0 ]; then fail NoPackagesBuilt 'rpmbuild succeeded but made no binary package' 1; fi
}

# shellcheck shell=sh
# Root's side: the package manager fills the chroot, and what it says is turned into verdicts. Sourced by engine.sh.

manage() {
  case $package_manager in
    zypper)
      as_root zypper --non-interactive --gpg-auto-import-keys --reposd-dir "$STATE/zypp" --cache-dir "$WORK/zypp-cache" "$@"
      zypper_code=$?
      # All is installed: 102 and 103 recommend a restart, 107 tells of a scriptlet that failed (see check_scriptlets).
      case $zypper_code in 102 | 103 | 107) return 0 ;; *) return "$zypper_code" ;; esac
      ;;
    *) as_root "$package_manager" -c "$PLAN/dnf.conf" -y "$@" ;;
  esac
}

install_packages() {
  if [ "$package_manager" != zypper ]; then
    manage install "$@"
    return
  fi
  set -- --no-recommends --capability -- "$@"
  if [ "$image_repos" != yes ]; then
    # By name, because a service of the image adds its repositories to whatever directory zypper is sent to.
    sed -n 's/^\[\(.*\)]$/\1/p' "$PLAN/zypp.repo" >"$STATE/repo-ids"
    while IFS= read -r id; do set -- --repo "$id" "$@"; done <"$STATE/repo-ids"
  fi
  manage install "$@"
}

# install_build_requires SRPM
install_build_requires() {
  if [ "$package_manager" != zypper ]; then
    manage builddep "$1"
    return
  fi
  srpm=$1
  set --
  rpm -qp --nosignature --requires "$srpm" >"$STATE/requires" 2>/dev/null
  while IFS= read -r requirement; do
    case $requirement in 'rpmlib('*) ;; ?*) set -- "$@" "$requirement" ;; esac
  done <"$STATE/requires"
  if [ "$#" -eq 0 ]; then return 0; fi
  install_packages "$@"
}

# explain_root_failure WHAT CODE: turns the package manager's words into a verdict. Does not return.
explain_root_failure() {
  if [ "$2" -eq 124 ]; then timed_out; fi
  log=$RESULTS/root.log
  # zypper goes on without a repository, and then misses its packages.
  why=$(grep -E -m 1 "^Warning: Skipping repository '" "$log")
  if [ -n "$why" ]; then fail RepositoryUnavailable "$1 could not be installed: ${why#Warning: }" "$2"; fi
  missing=$(sed -n \
    -e "s/^No matching package to install: '\(.*\)'.*$/\1/p" \
    -e 's/^No match for argument: \(.*\)$/\1/p' \
    -e "s/^No provider of '\(.*\)' found\..*$/\1/p" "$log" | sort -u | head -n 5 | paste -s -d , -)
  if [ -n "$missing" ]; then
    if [ "$phase" = buildroot ]; then
      fail BuildrootFailed "no repository of the chroot provides $missing" "$2"
    fi
    fail MissingBuildRequires "no repository of the chroot provides the BuildRequires $missing" "$2"
  fi
  # Of a repository that may be missing dnf says the same, but then that it ignores it, and goes on. What comes after that
  # has ended it, and of failures to download the last.
  sed -n -e H -e '/^Ignoring repositories: /{s/.*//;h;}' -e "\${x;p;}" "$log" >"$STATE/last-words"
  why=$(grep -E 'Failed to download metadata|Failed to download packages|Cannot download|Failed to retrieve new repository metadata' \
    "$STATE/last-words" | tail -n 1)
  if [ -n "$why" ]; then fail RepositoryUnavailable "$1 could not be installed: $why" "$2"; fi
  keyless=$(sed -n 's/^Problem repository: \[\{0,1\}\([^]]*\).*$/\1/p' "$log" | head -n 1)
  if [ -n "$keyless" ]; then
    fail BuildrootFailed "the packages of the repository '$keyless' are to be checked for signatures, but no key is given for it" "$2"
  fi
  why=$(grep -E -m 1 'nothing provides|conflicting requests|conflicts with|GPG check FAILED|is not signed|^Error: .|^Failed ' "$STATE/last-words")
  fail BuildrootFailed "$1 could not be installed: ${why:-$package_manager ended with code $2}" "$2"
}

# dnf ends with success although scriptlets failed, and programs break much later. A scriptlet that could not even be
# started means a broken sandbox; one that failed by itself is the distribution's affair, and is only mentioned.
check_scriptlets() {
  if grep -q -E 'Error in <unknown> scriptlet|unshare with flags' "$RESULTS/root.log"; then
    fail BuildrootFailed 'rpm could not run the scriptlets of the packages in the chroot; see root.log' 1
  fi
  why=$(grep -E -m 1 'Error in [A-Z]+ scriptlet in rpm package' "$RESULTS/root.log")
  # rpm's own words, all that zypper has.
  if [ -z "$why" ]; then why=$(grep -E -m 1 'warning: %[a-z]+\(.*\) scriptlet failed' "$RESULTS/root.log"); fi
  if [ -n "$why" ]; then say "warning: $(plain "${why#warning: }")"; fi
}

# The packages that the chroot is to have in every build, and those without which the engine cannot go on.
fill_build_root() {
  set --
  while IFS= read -r package; do
    if [ -n "$package" ]; then set -- "$@" "$package"; fi
  done <"$PLAN/buildroot-packages"
  if [ ! -x "$UNSHARE" ] || [ ! -x "$SETPRIV" ]; then set -- "$@" util-linux; fi
  if ! command -v rpmbuild >/dev/null 2>&1; then set -- "$@" /usr/bin/rpmbuild; fi
  if [ "$#" -gt 0 ]; then
    install_packages "$@" || explain_root_failure 'the packages of the build root' "$?"
  fi
  if [ "$package_manager" != zypper ] && ! "$package_manager" builddep --help >/dev/null 2>&1; then
    install_packages 'dnf-command(builddep)' || explain_root_failure "the builddep plugin of $package_manager" "$?"
  fi
  check_scriptlets
}

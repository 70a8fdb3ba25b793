# shellcheck shell=sh
# What all parts of cluster.sh use: $here is the folder cluster/, $cache the folder built programs are kept in.
: "${here:?}" "${cache:?}"

say() { printf 'cluster: %s\n' "$*" >&2; }

fail() {
  printf 'cluster: %s\n' "$*" >&2
  exit 1
}

# need_archives ARCHIVE...: refuses before anything is loaded.
need_archives() {
  [ "$#" -gt 0 ] || fail 'load: name at least one image archive'
  for archive in "$@"; do
    [ -r "$archive" ] || fail "load: the image archive $archive cannot be read"
  done
}

# install_packages: Debian packages, one a line in packages.txt; "#" starts the reason it is there for.
install_packages() {
  command -v dpkg-query >/dev/null 2>&1 || fail 'this machine has no dpkg; install what cluster/packages.txt names by other means'
  missing=''
  # shellcheck disable=SC2013 # a package's name is a word
  for package in $(sed 's/#.*//' "$here/packages.txt"); do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  # shellcheck disable=SC2086 # a list of words
  apt_install $missing
}

apt_install() {
  [ "$(id -u)" = 0 ] || fail "these Debian packages are missing: $*; install them, or run this as root"
  say "installing Debian packages: $*"
  DEBIAN_FRONTEND=noninteractive
  export DEBIAN_FRONTEND
  apt-get -q update >&2 || fail 'apt-get update failed; the lines above say why'
  apt-get -q -y -o Dpkg::Use-Pty=0 --no-install-recommends install "$@" >&2 || fail "apt-get could not install: $*"
}

# new_enough TOOL LEAST VERSION: whether a version such as v1.36.3 is at least as new as LEAST.
new_enough() {
  [ -n "$2" ] && [ "$(printf '%s\n%s\n' "$1" "${2#v}" | sort -V | head -n 1)" = "$1" ]
}

# path_tools: a directory with the kubectl and helm of the PATH, if they are new enough; fails if not.
path_tools() {
  kubectl=$(command -v kubectl) && helm=$(command -v helm) || return 1
  new_enough 1.31 "$("$kubectl" version --client 2>/dev/null | sed -n 's/^Client Version: //p')" || return 1
  new_enough 3.14 "$("$helm" version --template '{{.Version}}' 2>/dev/null)" || return 1
  case $kubectl in "$cache"/*) return 1 ;; esac
  mkdir -p "$cache/tools"
  ln -sfn "$kubectl" "$cache/tools/kubectl"
  ln -sfn "$helm" "$cache/tools/helm"
  printf '%s\n' "$cache/tools"
}

# tools: a directory with kubectl and helm: those of the PATH, else the ones this project builds.
tools() { path_tools || tool bin; }

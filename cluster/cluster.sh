#!/bin/sh
# The cluster kopr runs on, whichever it is: that of KUBECONFIG when it is set, else kind when Docker answers, else the
# embedded one. `cluster.sh help` lists the commands. Answers go to standard output, everything else to standard error.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
cache=${KOPR_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/kopr}

# shellcheck source=sh/common.sh
. "$here/sh/common.sh"
# shellcheck source=sh/choose.sh
. "$here/sh/choose.sh"
# shellcheck source=sh/go.sh
. "$here/sh/go.sh"
# shellcheck source=sh/given.sh
. "$here/sh/given.sh"
# shellcheck source=sh/kind.sh
. "$here/sh/kind.sh"
# shellcheck source=sh/embedded.sh
. "$here/sh/embedded.sh"
# shellcheck source=sh/isolated.sh
. "$here/sh/isolated.sh"

usage() {
  cat <<'USAGE'
usage: cluster/cluster.sh COMMAND

  which             say which cluster the other commands mean: given (KUBECONFIG), kind (Docker answers) or embedded
  up                bring it up, or verify that it answers; may be repeated at any time
  down              remove it; KOPR_KEEP=1 keeps the embedded cluster's data; a given cluster is left alone
  status            say what runs
  kubeconfig        print the path of its kubeconfig
  values            print the path of the Helm values that fit it, if there are any
  load ARCHIVE...   make the images of OCI or docker archives usable in it; for a given cluster they are pushed to KOPR_REGISTRY
  registry          print the prefix that the names of images have in it: localhost, or KOPR_REGISTRY
  node-address      print the address at which its pods reach programs of this machine
  bin               print a directory with kubectl and helm
  build             embedded only: build what is missing of its programs, as up does first
  restart NAME      embedded only: stop a component and start it again (--kill: without warning)
  apiserver --dir D etcd and kube-apiserver alone, on random ports, in the foreground; prints a kubeconfig's path when ready
  deps              install the Debian packages of packages.txt that are missing
  test              run the unit tests of all this
  selftest          embedded only: try it on this machine from nothing to nothing, beside the one that runs
  isolated COMMAND  run a command with an embedded cluster of its own that leaves the machine's alone, without a network; needs root

environment: KUBECONFIG, KOPR_REGISTRY (such as registry.example.com/kopr), KOPR_CACHE (where built programs are kept; now CACHE), KOPR_KEEP
USAGE
}

main() {
  [ "$#" -gt 0 ] || {
    usage >&2
    exit 2
  }
  command=$1
  shift
  case $command in
    which) choose ;;
    up | down | status | kubeconfig | values | load | node-address | bin)
      function=$(printf '%s' "$command" | tr '-' '_')
      "$(choose)_$function" "$@"
      ;;
    registry) if [ "$(choose)" = given ]; then given_registry; else echo localhost; fi ;;
    build) tool build ;;
    restart)
      [ "$(choose)" = embedded ] || fail 'only the embedded cluster has components that can be restarted'
      tool restart "$@"
      ;;
    # The tool takes this process' place: whoever started it ends it by its id.
    apiserver) exec_tool apiserver "$@" ;;
    deps) install_packages ;;
    test) run_tests ;;
    selftest) run_selftest ;;
    selftest-here) run_selftest_here ;; # in isolation, by selftest
    isolated) isolated "$@" ;;
    in-isolation) in_isolation "$@" ;; # by isolated
    help | -h | --help) usage | sed "s|now CACHE|now $cache|" ;;
    *) fail "there is no command '$command'; 'cluster/cluster.sh help' lists them" ;;
  esac
}

main "$@"

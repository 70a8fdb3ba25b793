# shellcheck shell=sh
# Which cluster is meant.
: "${cache:?}"

embedded_kubeconfig=/var/lib/kopr-cluster/kubeconfig
kind_kubeconfig=$cache/kind/kubeconfig

# choose: prints given, kind or embedded.
choose() {
  case ${KUBECONFIG:-} in
    # Set to what `kubeconfig` has printed: that is the same cluster, not a foreign one.
    "$embedded_kubeconfig") echo embedded ;;
    "$kind_kubeconfig") echo kind ;;
    '') if docker_answers; then echo kind; else echo embedded; fi ;;
    *) echo given ;;
  esac
}

# docker_answers: whether there is an engine, not only its client. A hanging one counts as none.
docker_answers() {
  command -v docker >/dev/null 2>&1 && timeout 10 docker info >/dev/null 2>&1
}

# shellcheck shell=sh
# Which cluster is meant.
: "${here:?}" "${cache:?}"

embedded_kubeconfig=/var/lib/kopr-cluster/kubeconfig
embedded_owner=/var/lib/kopr-cluster/owner.json
kind_kubeconfig=$cache/kind/kubeconfig
kind_owner=$cache/kind/owner

# choose: prints given, kind or embedded. KUBECONFIG set to what `kubeconfig` has printed is no foreign cluster, unless the one
# it belongs to is another checkout's.
choose() {
  case ${KUBECONFIG:-} in
    "$embedded_kubeconfig") if embedded_is_ours; then echo embedded; else echo given; fi ;;
    "$kind_kubeconfig") if kind_is_ours; then echo kind; else echo given; fi ;;
    '') if docker_answers; then echo kind; else echo embedded; fi ;;
    *) echo given ;;
  esac
}

embedded_is_ours() {
  [ ! -e "$embedded_owner" ] || grep -qF "\"checkout\": \"${here%/cluster}\"" "$embedded_owner"
}

kind_is_ours() {
  [ ! -e "$kind_owner" ] || [ "$(cat "$kind_owner")" = "$here" ]
}

# docker_answers: whether there is an engine, not only its client. A hanging one counts as none.
docker_answers() {
  command -v docker >/dev/null 2>&1 && timeout 10 docker info >/dev/null 2>&1
}

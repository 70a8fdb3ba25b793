# shellcheck shell=sh
# The cluster of KUBECONFIG. It belongs to somebody else: it is asked, never changed.

given_up() {
  bin=$(given_bin)
  answer=$("$bin/kubectl" --request-timeout=15s get --raw /readyz 2>&1) ||
    fail "the cluster of KUBECONFIG=$KUBECONFIG does not answer: $answer"
  say "using the cluster of KUBECONFIG=$KUBECONFIG; it answers"
}

given_down() { say "the cluster of KUBECONFIG=$KUBECONFIG is not this project's to stop; nothing was done"; }

given_status() {
  bin=$(given_bin)
  "$bin/kubectl" --request-timeout=15s get nodes -o wide
}

given_kubeconfig() { printf '%s\n' "$KUBECONFIG"; }

given_values() { :; }

given_bin() { tools; }

given_load() {
  need_archives "$@"
  fail 'images cannot be loaded into the cluster of KUBECONFIG from here: push them to a registry that its nodes can pull from' \
    'and set image.registry of the chart (see cluster/README.md)'
}

given_node_address() {
  [ -n "${KOPR_NODE_ADDRESS:-}" ] ||
    fail 'set KOPR_NODE_ADDRESS to the address at which pods of the cluster of KUBECONFIG reach this machine'
  printf '%s\n' "$KOPR_NODE_ADDRESS"
}

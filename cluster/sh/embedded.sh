# shellcheck shell=sh
# The embedded cluster: see the tool's own help.
: "${here:?}"

embedded_up() { tool up; }
embedded_down() { tool down; }
embedded_status() { tool status; }
embedded_kubeconfig() { tool kubeconfig; }
embedded_values() { printf '%s\n' "$here/values.yaml"; }
embedded_bin() { tool bin; }
embedded_node_address() { tool node-address; }

embedded_load() {
  need_archives "$@"
  tool load "$@"
}

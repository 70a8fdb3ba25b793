# shellcheck shell=sh
# A kind cluster called "kopr", when Docker answers. There is one per Docker engine, so it has one owner, too.
: "${here:?}" "${cache:?}" "${kind_kubeconfig:?}" "${kind_owner:?}"

kind_name=kopr

# kind_program: the kind of the PATH, or else one built from the version that kind/go.mod pins.
kind_program() {
  if command -v kind >/dev/null 2>&1; then
    command -v kind
    return
  fi
  ensure_go
  version=$(sed -n 's/^.*sigs\.k8s\.io\/kind \(v[0-9.]*\).*/\1/p' "$here/kind/go.mod")
  program=$cache/kind/kind-$version
  if [ ! -x "$program" ]; then
    say "building kind $version"
    mkdir -p "$cache/kind"
    (cd "$here/kind" && CGO_ENABLED=0 GOFLAGS='' GOWORK=off GOTOOLCHAIN=local \
      go build -mod=readonly -trimpath -o "$program.$$" sigs.k8s.io/kind) >&2 || fail 'kind could not be built; the lines above say why'
    mv -f "$program.$$" "$program"
  fi
  printf '%s\n' "$program"
}

kind_exists() { "$kind" get clusters 2>/dev/null | grep -qx "$kind_name"; }

# kind_claim: refuses a cluster that another checkout has made and may still use.
kind_claim() {
  owner=$(cat "$kind_owner" 2>/dev/null || true)
  if [ -n "$owner" ] && [ "$owner" != "$here" ] && [ -d "$owner" ]; then
    fail "the kind cluster '$kind_name' belongs to the checkout ${owner%/cluster}; run 'make down' there first," \
      "or use that cluster with KUBECONFIG=$kind_kubeconfig"
  fi
}

kind_up() {
  kind=$(kind_program)
  mkdir -p "$cache/kind"
  if kind_exists; then
    kind_claim
    # Docker starts the node again after a reboot; its kubeconfig may name another port then.
    "$kind" export kubeconfig --name "$kind_name" --kubeconfig "$kind_kubeconfig" >&2
  else
    printf '%s\n' "$here" >"$kind_owner"
    "$kind" create cluster --name "$kind_name" --config "$here/kind/config.yaml" --kubeconfig "$kind_kubeconfig" --wait 180s >&2 ||
      fail "kind could not create the cluster; the lines above say why, 'make down' removes what it has left"
  fi
  printf '%s\n' "$here" >"$kind_owner"
  bin=$(kind_bin)
  for attempt in 1 2 3 4 5 6 7 8 9 10 11 12; do
    if answer=$("$bin/kubectl" --kubeconfig "$kind_kubeconfig" --request-timeout=5s get --raw /readyz 2>&1); then
      say "the kind cluster '$kind_name' is up"
      return
    fi
    [ "$attempt" = 12 ] || sleep 5
  done
  fail "the kind cluster '$kind_name' does not answer within a minute: $answer; 'make down' removes it"
}

kind_down() {
  kind=$(kind_program)
  if kind_exists; then
    kind_claim
    "$kind" delete cluster --name "$kind_name" --kubeconfig "$kind_kubeconfig" >&2
  else
    say "there is no kind cluster '$kind_name'; there is nothing to do"
  fi
  rm -f "$kind_owner" "$kind_kubeconfig"
}

kind_status() {
  kind=$(kind_program)
  kind_exists || fail "there is no kind cluster '$kind_name'; 'make up' makes it"
  bin=$(kind_bin)
  "$bin/kubectl" --kubeconfig "$kind_kubeconfig" --request-timeout=15s get nodes -o wide
}

kind_kubeconfig() {
  [ -r "$kind_kubeconfig" ] || fail "there is no kind cluster '$kind_name'; 'make up' makes it"
  printf '%s\n' "$kind_kubeconfig"
}

kind_values() { printf '%s\n' "$here/kind/values.yaml"; }

kind_bin() { tools; }

kind_load() {
  need_archives "$@"
  kind=$(kind_program)
  kind_claim
  for archive in "$@"; do
    "$kind" load image-archive "$archive" --name "$kind_name" >&2 || fail "kind could not load $archive; the lines above say why"
    say "loaded $archive"
  done
}

# kind_node_address: the machine's address in the network of kind's nodes.
kind_node_address() {
  address=$(docker network inspect kind --format '{{range .IPAM.Config}}{{println .Gateway}}{{end}}' | grep -m 1 -F . || true)
  [ -n "$address" ] || fail "Docker's network 'kind' has no IPv4 gateway; 'make up' makes the cluster"
  printf '%s\n' "$address"
}

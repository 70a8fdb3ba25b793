# shellcheck shell=sh
# The cluster of KUBECONFIG. It belongs to somebody else: it is asked, never changed. Its nodes get images from a registry.

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

# given_registry: the prefix of the names that images have in the registry.
given_registry() {
  registry=${KOPR_REGISTRY:-}
  [ -n "$registry" ] ||
    fail 'the cluster of KUBECONFIG gets images from a registry alone, and none is named: set KOPR_REGISTRY to one that you may push to' \
      'and that its nodes pull from, for example registry.example.com/kopr'
  case $registry in
    *[!a-z0-9._:/-]* | [!a-z0-9]* | *[!a-z0-9] | *//* | *..* | */*:*)
      fail "KOPR_REGISTRY=$registry is no HOST[:PORT][/PATH] in small letters, such as registry.example.com/kopr"
      ;;
  esac
  printf '%s\n' "$registry"
}

# given_load ARCHIVE...: pushes every image and prints a line for each: its name in the archive, and the reference that pulls it
# and nothing that gets its tag later. skopeo finds credentials where `skopeo login` puts them (REGISTRY_AUTH_FILE).
given_load() {
  need_archives "$@"
  registry=$(given_registry)
  command -v skopeo >/dev/null 2>&1 || fail 'images are pushed by skopeo, which is missing; install the package skopeo'
  verify=true
  case ${registry%%/*} in 127.0.0.1 | 127.0.0.1:* | localhost | localhost:*) verify=false ;; esac
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  trap 'exit 1' INT TERM HUP
  for archive in "$@"; do
    rm -rf "$scratch/layout"
    mkdir "$scratch/layout"
    say "pushing the images of $archive to $registry"
    given_images "$archive" >"$scratch/images"
    [ -s "$scratch/images" ] || fail "load: $archive holds no image with a name; make it with 'make images'"
    while IFS=' ' read -r name source; do
      target=$registry/${name#localhost/}
      skopeo copy --quiet --retry-times 3 --dest-tls-verify="$verify" --digestfile "$scratch/digest" \
        "$source" "docker://$target" </dev/null >&2 ||
        fail "$target could not be pushed; the lines above say why (log in with: skopeo login ${registry%%/*})"
      say "pushed $target"
      printf '%s %s@%s\n' "$name" "${target%:*}" "$(cat "$scratch/digest")"
    done <"$scratch/images"
  done
}

# given_images ARCHIVE: a line for each image, its name and where skopeo finds it. An OCI archive is unpacked once for all.
given_images() {
  if docker=$(tar -xOf "$1" manifest.json 2>/dev/null); then
    printf '%s\n' "$docker" | grep -o '"RepoTags": *\[[^]]*\]' | sed 's/"RepoTags"//' | grep -o '"[^"]*"' | tr -d '"' |
      while IFS= read -r name; do printf '%s docker-archive:%s:%s\n' "$name" "$1" "$name"; done
    return
  fi
  tar -C "$scratch/layout" -xf "$1" >&2 || fail "load: $1 is no archive of images"
  [ -f "$scratch/layout/index.json" ] || fail "load: $1 is no archive of images"
  # A line for each image of the index.
  tr -d '\n' <"$scratch/layout/index.json" | sed 's/"mediaType"/\n&/g' | while IFS= read -r image || [ -n "$image" ]; do
    tag=$(printf '%s\n' "$image" | sed -n 's/.*"org\.opencontainers\.image\.ref\.name": *"\([^"]*\)".*/\1/p')
    name=$(printf '%s\n' "$image" | sed -n 's/.*"io\.containerd\.image\.name": *"\([^"]*\)".*/\1/p')
    [ -z "$tag" ] || printf '%s oci:%s:%s\n' "${name:-$tag}" "$scratch/layout" "$tag"
  done
}

given_node_address() {
  [ -n "${KOPR_NODE_ADDRESS:-}" ] ||
    fail 'set KOPR_NODE_ADDRESS to the address at which pods of the cluster of KUBECONFIG reach this machine'
  printf '%s\n' "$KOPR_NODE_ADDRESS"
}

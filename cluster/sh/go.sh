# shellcheck shell=sh
# The Go release the cluster is built with, and the supervisor built with it.
: "${here:?}" "${cache:?}"

# ensure_go: puts a Go on the PATH that can build the cluster: the machine's own if it is new enough, else the release that
# toolchain.txt pins, fetched as a Go module by whatever Go there is, Debian's if there is none.
ensure_go() {
  least=$(sed -n 's/^go //p' "$here/go.mod")
  go_is_enough go && return 0
  pinned=$(sed -n 's/^go //p' "$here/toolchain.txt")
  release=$cache/go/go$pinned
  if ! go_is_enough "$release/bin/go"; then
    command -v go >/dev/null 2>&1 || apt_install golang-go
    fetch_go
  fi
  PATH=$release/bin:$PATH
  export PATH
  go_is_enough go || fail "the Go release in $release does not run; remove that folder and try again"
}

go_is_enough() {
  have=$(GOTOOLCHAIN=local "$1" env GOVERSION 2>/dev/null) || return 1
  new_enough "$least" "${have#go}"
}

# fetch_go: Go releases are served as modules, too. Go itself checks what it gets against the public checksum log; the sum
# pinned here is one more check. A module's files are not executable, and its folder is read-only: hence the copy.
fetch_go() {
  arch=$(go env GOARCH)
  version=v0.0.1-go$pinned.linux-$arch
  sum=$(sed -n "s/^$arch //p" "$here/toolchain.txt")
  [ -n "$sum" ] || fail "there is no pinned Go release for the architecture $arch; install Go $least or newer"
  say "fetching Go $pinned (needs $least or newer, this machine has $(go version))"
  scratch=$(mktemp -d)
  answer=$(cd "$scratch" && GOFLAGS=-modcacherw GOWORK=off GOTOOLCHAIN=local go mod download -json "golang.org/toolchain@$version") ||
    fail "Go $pinned could not be fetched: $answer"
  rmdir "$scratch"
  got=$(printf '%s\n' "$answer" | sed -n 's/.*"Sum": "\(.*\)".*/\1/p')
  [ "$got" = "$sum" ] || fail "Go $pinned is not what it should be: its sum is $got instead of $sum"
  from=$(printf '%s\n' "$answer" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
  mkdir -p "$cache/go"
  cp -R "$from" "$release.$$"
  chmod -R u+w "$release.$$"
  chmod +x "$release.$$"/bin/* "$release.$$"/pkg/tool/*/*
  # A copy that another call has made in the meantime is as good.
  mv -T "$release.$$" "$release" 2>/dev/null || rm -rf "$release.$$"
}

# build_tool: sets $supervisor. It needs only Go's own library, so this takes seconds; it is built again when its sources change.
build_tool() {
  ensure_go
  flags=${KOPR_CGROUP:+-X kopr.dev/cluster/internal/layout.CgroupName=$KOPR_CGROUP}
  hash=$(
    {
      go env GOVERSION
      printf '%s\n' "$flags"
      cd "$here" || exit
      find cmd/kopr-cluster internal -name '*.go' ! -name '*_test.go' | LC_ALL=C sort | xargs sha256sum
    } | sha256sum | cut -c 1-16
  )
  supervisor=$cache/tool/kopr-cluster-$hash
  [ -x "$supervisor" ] && return 0
  mkdir -p "$cache/tool"
  (cd "$here" && CGO_ENABLED=0 GOFLAGS='' GOWORK=off GOTOOLCHAIN=local \
    go build -mod=readonly -trimpath -buildvcs=false -ldflags "$flags" -o "$supervisor.$$" ./cmd/kopr-cluster) >&2 ||
    fail 'the cluster tool could not be built; the lines above say why'
  mv -f "$supervisor.$$" "$supervisor"
}

tool() {
  build_tool
  "$supervisor" --source "$here" --cache "$cache" "$@"
}

exec_tool() {
  build_tool
  exec "$supervisor" --source "$here" --cache "$cache" "$@"
}

# test_environment: -trimpath, so that the packages compiled for the cluster are used again.
test_environment() {
  ensure_go
  cd "$here" || exit
  CGO_ENABLED=0 GOFLAGS=-trimpath GOWORK=off GOTOOLCHAIN=local
  export CGO_ENABLED GOFLAGS GOWORK GOTOOLCHAIN
}

run_tests() {
  test_environment
  unformatted=$(gofmt -l cmd internal ./*.go)
  [ -z "$unformatted" ] || fail "these files are not formatted; run gofmt -w: $unformatted"
  # Vetting what uses Kubernetes' own code would vet Kubernetes, for minutes.
  # shellcheck disable=SC2046 # a list of words
  go vet -tags machine $(go list ./... | grep -v -e /cmd/kubernetes -e '/internal/provisioner$')
  # The scripts are inputs that Go does not know of, so nothing may come from its cache of results.
  go test -count=1 ./...
}

run_selftest() { isolated "$here/cluster.sh" selftest-here; }

run_selftest_here() {
  test_environment
  go test -count=1 -v -timeout 30m -tags machine -ldflags "-X kopr.dev/cluster/internal/layout.CgroupName=${KOPR_CGROUP:-kopr-cluster}" \
    ./internal/machinetest
}

package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"kopr.dev/cluster/internal/flock"
)

// Another build may have to compile everything; waiting longer than that takes on a slow machine means that it hangs.
const lockLimit = time.Hour

// Builder compiles the parts into the cache.
type Builder struct {
	Source string                           // the folder with go.mod
	Cache  string                           // the folder programs of all versions are kept in
	Say    func(format string, args ...any) // tells the user something
}

// Bin builds what is missing of the parts and returns the directory they are in.
func (b Builder) Bin(ctx context.Context, parts []Part) (string, error) {
	bin, err := b.Dir(ctx)
	if err != nil {
		return "", err
	}
	if len(missing(bin, parts)) == 0 {
		return bin, nil
	}
	lock, err := flock.Acquire(ctx, filepath.Join(b.Cache, "build.lock"), "building in "+b.Source, lockLimit, func(holder string) {
		b.Say("the cluster's programs are being built by %s; waiting for it to end", holder)
	})
	if err != nil {
		return "", err
	}
	defer lock.Release()
	// The holder of the lock may have built just what is wanted here.
	left := missing(bin, parts)
	if len(left) == 0 {
		return bin, nil
	}
	return bin, b.compile(ctx, bin, left)
}

// Dir is the directory the parts are in once they are built.
func (b Builder) Dir(ctx context.Context) (string, error) {
	goVersion, err := exec.CommandContext(ctx, "go", "env", "GOVERSION").Output()
	if err != nil {
		return "", fmt.Errorf("asking go for its version: %w", err)
	}
	version, err := Version(b.Source, strings.TrimSpace(string(goVersion)))
	return filepath.Join(b.Cache, version, "bin"), err
}

// missing are the parts that have a file to be made, the program's or one of its links'.
func missing(bin string, parts []Part) []Part {
	var list []Part
	for _, part := range parts {
		for _, name := range append([]string{part.Name}, part.Links...) {
			if _, err := os.Stat(filepath.Join(bin, name)); err != nil {
				list = append(list, part)
				break
			}
		}
	}
	return list
}

func (b Builder) compile(ctx context.Context, bin string, parts []Part) error {
	versions, err := moduleVersions(filepath.Join(b.Source, "go.mod"))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return err
	}
	// What a killed build has left. The lock says that nobody else is writing here.
	partial := filepath.Join(filepath.Dir(bin), "partial")
	if err := errors.Join(os.RemoveAll(partial), os.MkdirAll(partial, 0o755)); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(partial) }()
	b.Say("building the cluster's %d programs into %s (once per version; on two cores about eight minutes)", len(parts), bin)
	start := time.Now()
	for i, part := range parts {
		label := fmt.Sprintf("[%d/%d] %s", i+1, len(parts), part.Name)
		if err := b.compilePart(ctx, label, part, filepath.Join(partial, part.Name), versions); err != nil {
			return err
		}
		if err := install(filepath.Join(partial, part.Name), bin, part); err != nil {
			return err
		}
	}
	b.Say("built %d programs in %s", len(parts), time.Since(start).Round(time.Second))
	return nil
}

// install moves the program to its place, links first: the program's file says that all of it is there.
func install(from, bin string, part Part) error {
	for _, link := range part.Links {
		path := filepath.Join(bin, link)
		if err := os.Symlink(part.Name, path); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return os.Rename(from, filepath.Join(bin, part.Name))
}

func (b Builder) compilePart(ctx context.Context, label string, part Part, output string, versions map[string]string) error {
	env := b.environment(part)
	total := b.countPackages(ctx, label, part, env)
	cmd := exec.CommandContext(ctx, "go", part.args(output, versions)...)
	cmd.Dir, cmd.Env = b.Source, env
	// Asked to stop, go ends its compilers; killed, it leaves them behind.
	cmd.Cancel, cmd.WaitDelay = func() error { return cmd.Process.Signal(os.Interrupt) }, 10*time.Second
	// It ends with this process, even when that is killed.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGINT}
	progress := newProgress(b.Say, label, total)
	cmd.Stderr = progress
	start := time.Now()
	err := progress.during(cmd.Run)
	if ctx.Err() != nil {
		return fmt.Errorf("building %s was interrupted; the next build goes on from here", part.Name)
	}
	if err != nil {
		return fmt.Errorf("building %s: %w\n%s", part.Name, err, progress.rest())
	}
	b.Say("%s: done in %s (%d packages compiled)", label, time.Since(start).Round(time.Second), progress.count())
	return nil
}

// countPackages fetches the modules the part needs and returns how many packages it is made of, or 0 when go cannot say: the
// build that follows will then tell what is wrong.
func (b Builder) countPackages(ctx context.Context, label string, part Part, env []string) int {
	args := []string{"list", "-mod=readonly", "-deps", "-f", "."}
	if part.Tags != "" {
		args = append(args, "-tags", part.Tags)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, part.Package)...)
	cmd.Dir, cmd.Env = b.Source, env
	progress := newProgress(b.Say, label, 0)
	cmd.Stderr = progress
	var out []byte
	err := progress.during(func() (err error) {
		out, err = cmd.Output()
		return err
	})
	if err != nil {
		return 0
	}
	return strings.Count(string(out), "\n")
}

// environment is the user's, because it says where modules come from, without what would change the outcome.
func (b Builder) environment(part Part) []string {
	cgo := "CGO_ENABLED=0"
	if part.Cgo {
		cgo = "CGO_ENABLED=1"
	}
	return append(os.Environ(), cgo, "GOFLAGS=", "GOWORK=off", "GOTOOLCHAIN=local", "GOOS=", "GOARCH=", "GOEXPERIMENT=")
}

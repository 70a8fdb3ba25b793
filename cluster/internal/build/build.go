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

// Builder compiles parts into the cache. Each program is kept in the folder "store" under a name that says what it was made from,
// so a change of one builds that one; a folder per set of versions holds further names (hard links) of what it is made up of.
type Builder struct {
	Parts  []Part                           // all programs of the cluster
	Source string                           // the folder with go.mod
	Cache  string                           // the folder programs of all versions are kept in
	Say    func(format string, args ...any) // tells the user something
}

// Bin builds what is missing of the parts with these names, or of all, and returns the directory they are in.
func (b Builder) Bin(ctx context.Context, names ...string) (string, error) {
	place, err := b.place(ctx)
	if err != nil {
		return "", err
	}
	parts := choose(b.Parts, names)
	if len(missing(place.bin, parts)) == 0 {
		return place.bin, nil
	}
	lock, err := flock.Acquire(ctx, filepath.Join(b.Cache, "build.lock"), "building in "+b.Source, lockLimit, func(holder string) {
		b.Say("the cluster's programs are being built by %s; waiting for it to end", holder)
	})
	if err != nil {
		return "", err
	}
	defer lock.Release()
	// The holder of the lock may have built just what is wanted here.
	return place.bin, b.provide(ctx, place, missing(place.bin, parts))
}

// place is where programs are kept.
type place struct {
	bin    string            // of this set of versions
	stored map[string]string // the file of each part, by the part's name
}

// Dir is the directory the parts are in once they are built.
func (b Builder) Dir(ctx context.Context) (string, error) {
	place, err := b.place(ctx)
	return place.bin, err
}

func (b Builder) place(ctx context.Context) (place, error) {
	goVersion, err := exec.CommandContext(ctx, "go", "env", "GOVERSION").Output()
	if err != nil {
		return place{}, fmt.Errorf("asking go for its version: %w", err)
	}
	each, all, err := versions(b.Source, strings.TrimSpace(string(goVersion)), b.Parts)
	if err != nil {
		return place{}, err
	}
	stored := map[string]string{}
	for name, version := range each {
		stored[name] = filepath.Join(b.Cache, "store", name+"-"+version)
	}
	return place{bin: filepath.Join(b.Cache, all, "bin"), stored: stored}, nil
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

// provide builds the parts that are not stored, and puts all of them into the directory of this set of versions.
func (b Builder) provide(ctx context.Context, place place, parts []Part) error {
	var unbuilt []Part
	for _, part := range parts {
		if _, err := os.Stat(place.stored[part.Name]); err != nil {
			unbuilt = append(unbuilt, part)
		}
	}
	if len(unbuilt) > 0 {
		if err := b.compile(ctx, place, unbuilt); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(place.bin, 0o755); err != nil {
		return err
	}
	for _, part := range parts {
		if err := install(place.stored[part.Name], place.bin, part); err != nil {
			return err
		}
	}
	return nil
}

func (b Builder) compile(ctx context.Context, place place, parts []Part) error {
	modules, err := moduleVersions(filepath.Join(b.Source, "go.mod"))
	if err != nil {
		return err
	}
	// What a killed build has left. The lock says that nobody else is writing here.
	store, partial := filepath.Join(b.Cache, "store"), filepath.Join(b.Cache, "partial")
	if err := errors.Join(os.RemoveAll(partial), os.MkdirAll(partial, 0o755), os.MkdirAll(store, 0o755)); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(partial) }()
	b.Say("building %d of the cluster's %d programs into %s (once per version; all on two cores: about eight minutes)",
		len(parts), len(b.Parts), store)
	start := time.Now()
	for i, part := range parts {
		label := fmt.Sprintf("[%d/%d] %s", i+1, len(parts), part.Name)
		output := filepath.Join(partial, part.Name)
		if err := b.compilePart(ctx, label, part, output, modules); err != nil {
			return err
		}
		if err := os.Rename(output, place.stored[part.Name]); err != nil {
			return err
		}
	}
	b.Say("built %d programs in %s", len(parts), time.Since(start).Round(time.Second))
	return nil
}

// install gives the stored program its name in bin, the other names first: the program's file says that all of it is there.
func install(stored, bin string, part Part) error {
	for _, link := range part.Links {
		path := filepath.Join(bin, link)
		if err := os.Symlink(part.Name, path); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	if err := os.Link(stored, filepath.Join(bin, part.Name)); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}

func (b Builder) compilePart(ctx context.Context, label string, part Part, output string, modules map[string]string) error {
	env := b.environment(part)
	total := b.countPackages(ctx, label, part, env)
	cmd := exec.CommandContext(ctx, "go", part.args(output, modules)...)
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

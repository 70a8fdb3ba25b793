package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"kopr.dev/cluster/internal/build"
	"kopr.dev/cluster/internal/cluster"
	"kopr.dev/cluster/internal/envtest"
	"kopr.dev/cluster/internal/layout"
)

// tool is the command line's context.
type tool struct {
	builder  build.Builder
	checkout string
}

func newTool(source, cache string) (tool, error) {
	source, err := realPath(source)
	if err != nil {
		return tool{}, err
	}
	if _, err := os.Stat(filepath.Join(source, "cmd", "kubernetes")); err != nil {
		return tool{}, fmt.Errorf("%s is not the folder cluster/ of a kopr checkout; name it with --source", source)
	}
	cache, err = filepath.Abs(cache)
	builder := build.Builder{Parts: build.Parts, Source: source, Cache: filepath.Join(cache, "cluster"), Say: say}
	return tool{builder: builder, checkout: filepath.Dir(source)}, err
}

func (t tool) run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	command, args := args[0], args[1:]
	if len(args) > 0 && command != "load" && command != "restart" && command != "apiserver" {
		return errUsage
	}
	switch command {
	case "up":
		bin, err := t.builder.Bin(ctx)
		if err != nil {
			return err
		}
		return t.cluster(bin).Up(ctx)
	case "down":
		return t.built(ctx).Down(ctx)
	case "status":
		return t.status(ctx)
	case "kubeconfig":
		path, err := t.built(ctx).Kubeconfig()
		if err != nil {
			return err
		}
		return oneLine(path)
	case "node-address":
		return oneLine(layout.NodeAddress)
	case "load":
		if len(args) == 0 {
			return errUsage
		}
		return t.built(ctx).Load(ctx, args)
	case "restart":
		return t.restart(ctx, args)
	case "apiserver":
		return t.apiserver(ctx, args)
	case "bin":
		return t.bin(ctx)
	case "build":
		_, err := t.builder.Bin(ctx)
		return err
	case "help":
		_, err := fmt.Fprint(os.Stdout, usage)
		return err
	}
	return fmt.Errorf("there is no command %q; `kopr-cluster --help` lists them", command)
}

// built is the cluster without building anything: what runs is ended and looked at with what is there.
func (t tool) built(ctx context.Context) cluster.Cluster {
	bin, err := t.builder.Dir(ctx)
	if err != nil {
		bin = "" // no Go, so nothing was built; the components' names are all that is needed
	}
	return t.cluster(bin)
}

func (t tool) cluster(bin string) cluster.Cluster {
	return cluster.Cluster{Bin: bin, Checkout: t.checkout, Keep: os.Getenv("KOPR_KEEP") == "1", Say: say}
}

var errNotReady = errors.New("not every component of the embedded cluster is ready")

func (t tool) status(ctx context.Context) error {
	c := t.built(ctx)
	if _, err := c.Kubeconfig(); err != nil {
		return err
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	var failed error
	for _, state := range c.Status(ctx) {
		text := "ready"
		if state.Trouble != nil {
			text, failed = state.Trouble.Error(), errNotReady
		}
		_, _ = fmt.Fprintf(table, "%s\t%d\t%s\t%s\n", state.Name, state.PID, state.Log, text)
	}
	return errors.Join(table.Flush(), failed)
}

func (t tool) restart(ctx context.Context, args []string) error {
	names := slices.DeleteFunc(slices.Clone(args), func(arg string) bool { return arg == "--kill" })
	if len(names) != 1 || len(args) > 2 || strings.HasPrefix(names[0], "-") {
		return errUsage
	}
	return t.built(ctx).Restart(ctx, names[0], len(args) == 2)
}

func (t tool) apiserver(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("apiserver", flag.ContinueOnError)
	dir := flags.String("dir", "", "")
	if err := flags.Parse(args); err != nil || flags.NArg() != 0 || *dir == "" {
		return errUsage
	}
	absolute, err := filepath.Abs(*dir)
	if err != nil {
		return err
	}
	ctx, cancel := envtest.WithOwner(ctx)
	defer cancel()
	bin, err := t.builder.Bin(ctx, build.Kubernetes)
	if err != nil {
		return err
	}
	return envtest.Run(ctx, bin, absolute, os.Stdout)
}

// bin prints a folder that holds kubectl and helm alone: the other programs would get in the way on a user's PATH.
func (t tool) bin(ctx context.Context) error {
	bin, err := t.builder.Bin(ctx, build.Kubernetes, build.Helm)
	if err != nil {
		return err
	}
	tools := filepath.Join(filepath.Dir(bin), "tools")
	if err := os.MkdirAll(tools, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"kubectl", build.Helm} {
		err := os.Symlink(filepath.Join("..", "bin", name), filepath.Join(tools, name))
		if err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return oneLine(tools)
}

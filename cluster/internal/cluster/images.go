package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"kopr.dev/cluster/internal/component"
	"kopr.dev/cluster/internal/image"
	"kopr.dev/cluster/internal/layout"
	"kopr.dev/cluster/internal/proc"
	"kopr.dev/cluster/internal/wait"
)

// importLimit is how long one archive may take: a few hundred megabytes take seconds.
const importLimit = 10 * time.Minute

// Load imports OCI or docker archives, so that pods can use the images in them.
func (c Cluster) Load(ctx context.Context, archives []string) error {
	lock, err := c.lock(ctx)
	if err != nil {
		return err
	}
	defer lock.Release()
	if err := c.mayTouch(); err != nil {
		return err
	}
	if !proc.Load(pidFile(component.Containerd)).Running() {
		return ErrDown
	}
	c = c.asRuns()
	for _, archive := range archives {
		if _, err := os.Stat(archive); err != nil {
			return fmt.Errorf("the image archive cannot be read: %w", err)
		}
		start := time.Now()
		names, err := c.importArchive(ctx, archive)
		if err != nil {
			return err
		}
		c.Say("loaded %s (%s)", strings.Join(names, ", "), time.Since(start).Round(100*time.Millisecond))
	}
	return nil
}

// importArchive imports one archive and waits until the kubelet would find its images.
func (c Cluster) importArchive(ctx context.Context, archive string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, importLimit)
	defer cancel()
	// Layers need not be kept in their packed form beside the unpacked one.
	out, err := c.ctr(ctx, "images", "import", "--local", "--discard-unpacked-layers", archive)
	if err != nil {
		return nil, fmt.Errorf("loading %s: %w; it must be an archive as `buildah push … oci-archive:FILE` or `docker save` write it", archive, err)
	}
	names := imported(out)
	if len(names) == 0 {
		return nil, fmt.Errorf("loading %s: there is no image with a name in it", archive)
	}
	return names, wait.Until(ctx, "the images of "+archive, time.Minute, func(ctx context.Context) error {
		known, err := c.images(ctx)
		if err != nil {
			return err
		}
		for _, name := range names {
			if !slices.Contains(known, name) {
				return fmt.Errorf("the container runtime does not know %s yet", name)
			}
		}
		return nil
	})
}

// imported takes the images' names out of what ctr prints while it imports.
func imported(out string) []string {
	var names []string
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if rest, found := strings.CutPrefix(line, "unpacking "); found {
			if name, _, found := strings.Cut(rest, " (sha256:"); found && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// images are the names of the images that pods can use.
func (c Cluster) images(ctx context.Context) ([]string, error) {
	out, err := c.ctr(ctx, "images", "list", "-q", `labels."io.cri-containerd.image"==managed`)
	return strings.Fields(out), err
}

func (c Cluster) ctr(ctx context.Context, args ...string) (string, error) {
	all := append([]string{"--address", layout.ContainerdSocket, "--namespace", "k8s.io"}, args...)
	cmd := exec.CommandContext(ctx, filepath.Join(c.Bin, "ctr"), all...)
	cmd.Env = proc.CleanEnv()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", errors.New(strings.TrimSpace(stderr.String() + " " + err.Error()))
	}
	return stdout.String(), nil
}

// ensurePause makes and imports the image of the program that holds a pod's namespaces.
func (c Cluster) ensurePause(ctx context.Context) error {
	known, err := c.images(ctx)
	if err != nil || slices.Contains(known, component.PauseImage) {
		return err
	}
	archive, err := os.CreateTemp(layout.Run, "pause-*.tar")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(archive.Name()) }()
	err = image.Write(archive, component.PauseImage, filepath.Join(c.Bin, "pause"), runtime.GOARCH)
	if err := errors.Join(err, archive.Close()); err != nil {
		return err
	}
	_, err = c.importArchive(ctx, archive.Name())
	return err
}

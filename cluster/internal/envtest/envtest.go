// Package envtest runs etcd and kube-apiserver alone, as plain processes, for tests that need the real API and no nodes.
package envtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"kopr.dev/cluster/internal/component"
	"kopr.dev/cluster/internal/proc"
	"kopr.dev/cluster/internal/wait"
)

// marker is the file by which a directory is known to be a former run's.
const marker = ".kopr-apiserver"

// attempts bounds the tries to find free ports: another program may take one between the choice and its use.
const attempts = 3

// Run serves the API until ctx ends or a program dies. It prints the kubeconfig's path on out once everything answers.
// Whatever it made in dir is removed before it returns.
func Run(ctx context.Context, bin, dir string, out io.Writer) error {
	// Children are to die with us, and "us" means the thread that started them.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	created, err := prepare(dir)
	if err != nil {
		return err
	}
	defer remove(dir, created)
	for attempt := 1; ; attempt++ {
		err := serve(ctx, bin, dir, out)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		if attempt == attempts || !strings.Contains(err.Error(), "address already in use") {
			return err
		}
		if err := os.RemoveAll(filepath.Join(dir, "etcd")); err != nil {
			return err
		}
	}
}

func serve(ctx context.Context, bin, dir string, out io.Writer) error {
	ports, err := freePorts(3)
	if err != nil {
		return err
	}
	plane := component.ControlPlane{
		Bin: bin, PKI: filepath.Join(dir, "pki"), Data: filepath.Join(dir, "etcd"),
		EtcdPort: ports[0], PeerPort: ports[1], APIPort: ports[2],
		// No pod ever runs here, and nobody makes the service accounts it would need.
		Bind: "127.0.0.1", Services: "10.203.0.0/16", Admission: "ServiceAccount",
	}
	if err := os.MkdirAll(plane.PKI, 0o700); err != nil {
		return err
	}
	authority, err := plane.EnsurePKI(time.Now())
	if err != nil {
		return err
	}
	kubeconfig := filepath.Join(dir, "kubeconfig")
	if err := authority.WriteKubeconfig(kubeconfig, plane.URL(), "kopr-test", component.Admin); err != nil {
		return err
	}
	ended := make(chan error, 2)
	for _, spec := range []component.Spec{plane.Etcd(), plane.APIServer()} {
		spec.Env = append(spec.Env, collectSeldom)
		child, err := start(spec, dir, ended)
		if err != nil {
			return err
		}
		defer child.stop()
		if err := wait.Until(ctx, spec.Name, spec.Limit, child.readiness(spec)); err != nil {
			return errors.Join(err, child.logTail())
		}
	}
	if err := wait.Until(ctx, "the namespace default", 30*time.Second, plane.DefaultNamespace().Check); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, kubeconfig); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-ended:
		return err
	}
}

// collectSeldom takes memory, of which tests need little, for processor time: collecting garbage was a quarter of what
// kube-apiserver did.
const collectSeldom = "GOGC=300"

type child struct {
	cmd  *exec.Cmd
	log  string
	done chan struct{}
}

func start(spec component.Spec, dir string, ended chan<- error) (*child, error) {
	c := &child{log: filepath.Join(dir, spec.Name+".log"), done: make(chan struct{})}
	log, err := os.Create(c.log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	c.cmd = exec.Command(spec.Program, spec.Args...)
	c.cmd.Stdout, c.cmd.Stderr = log, log
	c.cmd.Env = append(proc.CleanEnv(), spec.Env...)
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", spec.Name, err)
	}
	go func() {
		err := c.cmd.Wait()
		close(c.done)
		ended <- errors.Join(fmt.Errorf("%s ended by itself: %v", spec.Name, err), c.logTail())
	}()
	return c, nil
}

func (c *child) readiness(spec component.Spec) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-c.done:
			return fmt.Errorf("%s: %w", c.cmd.ProcessState, wait.ErrGone)
		default:
			return spec.Ready(ctx)
		}
	}
}

func (c *child) stop() {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.done:
	case <-time.After(3 * time.Second):
		_ = c.cmd.Process.Kill()
		<-c.done
	}
}

// logTail is the end of the program's log, as an error to be joined to another.
func (c *child) logTail() error {
	lines, err := proc.Tail(c.log, 15)
	if err != nil || len(bytes.TrimSpace(lines)) == 0 {
		return nil
	}
	return fmt.Errorf("the last lines of its log:\n%s", lines)
}

// prepare makes the directory, or empties one that a killed run has left. Any other directory with something in it is refused.
func prepare(dir string) (created bool, err error) {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		created = true
		err = os.MkdirAll(dir, 0o700)
	case err == nil && len(entries) > 0:
		if _, statErr := os.Stat(filepath.Join(dir, marker)); statErr != nil {
			return false, fmt.Errorf("the directory %s is not empty; name an empty or a new one", dir)
		}
		err = removeEntries(dir)
	}
	if err != nil {
		return created, err
	}
	return created, os.WriteFile(filepath.Join(dir, marker), nil, 0o600)
}

func remove(dir string, created bool) {
	_ = removeEntries(dir)
	if created {
		_ = os.Remove(dir)
	}
}

// removeEntries removes what a run makes, the marker last: a removal that is cut short can be done again.
func removeEntries(dir string) error {
	for _, name := range []string{"etcd", "pki", "kubeconfig", "etcd.log", "kube-apiserver.log", marker} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

func freePorts(count int) ([]int, error) {
	ports := make([]int, 0, count)
	for range count {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		// Closed only on return, so that no port is handed out twice.
		defer func() { _ = listener.Close() }()
		address, ok := listener.Addr().(*net.TCPAddr)
		if !ok {
			return nil, fmt.Errorf("%v is no TCP address", listener.Addr())
		}
		ports = append(ports, address.Port)
	}
	return ports, nil
}

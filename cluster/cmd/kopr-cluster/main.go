// Command kopr-cluster runs a whole Kubernetes, or its API alone, on this machine, from programs it builds itself.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"kopr.dev/cluster/internal/proc"
)

const usage = `kopr-cluster: a real Kubernetes on this machine, without Docker

usage: kopr-cluster [--source DIR] [--cache DIR] COMMAND

  up                 start the cluster, repair it, or find it healthy; from nothing, from parts, after a crash or a reboot
  down               end it and leave nothing on the machine (KOPR_KEEP=1 keeps etcd's data, volumes and images)
  status             what each component does; exit code 1 unless all are ready
  kubeconfig         print the path of the administrator's kubeconfig
  node-address       print the address at which pods reach programs of this machine
  load ARCHIVE...    import OCI or docker archives for pods to use
  restart NAME       stop one component and start it again; with --kill it is killed without warning
  apiserver --dir D  run etcd and kube-apiserver alone, in the foreground, on random ports, with all files in D; prints the
                     path of a kubeconfig when ready; ends, and removes D's content, on a signal, when its parent dies, or
                     when its standard input, if that is a pipe, is closed
  bin                build what is missing of kubectl and helm and print the directory with them alone
  build              build what is missing of all programs, as up does first

  --source DIR       the folder cluster/ of a kopr checkout (default: .)
  --cache DIR        where built programs are kept (default: $KOPR_CACHE, else $XDG_CACHE_HOME/kopr, else ~/.cache/kopr)
`

// errUsage is answered with the usage text.
var errUsage = errors.New("usage")

func main() {
	if len(os.Args) > 1 && os.Args[1] == proc.RunCommand {
		fail(proc.Become(os.Args[2:]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	flags := flag.NewFlagSet("kopr-cluster", flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprint(os.Stderr, usage) }
	source := flags.String("source", ".", "")
	cache := flags.String("cache", defaultCache(), "")
	if err := flags.Parse(os.Args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		os.Exit(2)
	}
	tool, err := newTool(*source, *cache)
	if err == nil {
		err = tool.run(ctx, flags.Args())
	}
	if errors.Is(err, errUsage) {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	if err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "kopr-cluster: "+err.Error())
	os.Exit(1)
}

func defaultCache() string {
	if dir := os.Getenv("KOPR_CACHE"); dir != "" {
		return dir
	}
	if dir := os.Getenv("XDG_CACHE_HOME"); dir != "" {
		return filepath.Join(dir, "kopr")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = "/root" // a root without a home is usual where a machine has just been made
	}
	return filepath.Join(home, ".cache", "kopr")
}

// say tells the user something; standard output is for answers alone.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "cluster: %s\n", fmt.Sprintf(format, args...))
}

// realPath is the one name of a directory that may be reached by several.
func realPath(dir string) (string, error) {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(absolute)
}

// oneLine prints an answer for scripts.
func oneLine(text string) error {
	_, err := fmt.Fprintln(os.Stdout, strings.TrimSpace(text))
	return err
}

package host

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"kopr.dev/cluster/internal/proc"
)

// commandLimit is how long one call of ip or iptables may take.
const commandLimit = 30 * time.Second

// output runs a program of the machine with the given standard input and returns what it prints.
func output(ctx context.Context, stdin string, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	path, err := exec.LookPath(name)
	if err != nil {
		path = "/usr/sbin/" + name // not on every user's PATH
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = proc.CleanEnv()
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

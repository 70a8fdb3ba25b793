package proc

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// RunCommand is the tool's hidden command that Become implements.
const RunCommand = "run-component"

// Start runs a program in a session of its own that outlives this process. The pid file is there before the program runs.
// The program's process is put into the cgroup directories.
func Start(pidFile, logFile string, cgroups, env []string, program string, args ...string) (Identity, error) {
	self, err := os.Executable()
	if err != nil {
		return Identity{}, err
	}
	// One former log is kept: it tells why the program ended.
	if err := os.Rename(logFile, logFile+".1"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return Identity{}, err
	}
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
	if err != nil {
		return Identity{}, err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(self, append([]string{RunCommand, pidFile, strings.Join(cgroups, ":"), program}, args...)...)
	cmd.Env = append(CleanEnv(), env...)
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return Identity{}, err
	}
	id, err := Of(cmd.Process.Pid)
	go func() { _ = cmd.Wait() }()
	if err != nil {
		return Identity{}, errEndedAtOnce
	}
	for end := time.Now().Add(startLimit); Load(pidFile) != id; time.Sleep(5 * time.Millisecond) {
		if !id.Running() {
			return Identity{}, errEndedAtOnce
		}
		if time.Now().After(end) {
			return Identity{}, fmt.Errorf("its process has written no pid file within %s", startLimit)
		}
	}
	return id, nil
}

// startLimit is how long a new process may take until it has written its pid file; on a busy machine it waits for its turn.
const startLimit = 30 * time.Second

var errEndedAtOnce = errors.New("its process ended at once")

// Become turns this process into the program: it writes the pid file, joins the cgroups and executes. It returns only on error.
// Doing this in the new process leaves no moment at which the program runs and is not to be found.
func Become(args []string) error {
	if len(args) < 3 {
		return errors.New(RunCommand + " is for this tool's own use")
	}
	pidFile, cgroups, program := args[0], args[1], args[2]
	if former := Load(pidFile); former.Running() {
		return fmt.Errorf("%s already runs as process %d", filepath.Base(program), former.PID)
	}
	id, err := Of(os.Getpid())
	if err != nil {
		return err
	}
	if err := id.Save(pidFile); err != nil {
		return err
	}
	for cgroup := range strings.SplitSeq(cgroups, ":") {
		if cgroup == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(cgroup, "cgroup.procs"), []byte(strconv.Itoa(id.PID)), 0o644); err != nil {
			return fmt.Errorf("joining the cluster's cgroup: %w", err)
		}
	}
	raiseFileLimit()
	if err := closeInherited(); err != nil {
		return err
	}
	return fmt.Errorf("executing %s: %w", program, syscall.Exec(program, args[2:], os.Environ()))
}

// closeInherited lets go of what the caller had open, such as the lock file of a flock(1) around the call: the program outlives
// the caller and would hold the lock for as long as it runs.
func closeInherited() error {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if fd, err := strconv.Atoi(entry.Name()); err == nil && fd > syscall.Stderr {
			syscall.CloseOnExec(fd)
		}
	}
	return nil
}

// raiseFileLimit gives the program, and with it the containers, as many open files as they usually get. More would do harm:
// package managers close every possible file before they run a script.
func raiseFileLimit() {
	const enough = 65536
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err == nil {
		limit.Cur = min(limit.Max, enough)
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	}
}

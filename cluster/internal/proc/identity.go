// Package proc starts, recognises and ends processes without ever mistaking another process for its own.
package proc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"kopr.dev/cluster/internal/atomicfile"
)

// Identity names one process for good: process ids are used again, ids with start time and boot are not.
type Identity struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"` // field 22 of /proc/PID/stat, clock ticks after boot
	Boot  string `json:"boot"`  // the kernel's boot id
}

// BootID is the kernel's name for the time since it was booted.
func BootID() (string, error) {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(data)), err
}

// Of returns the identity of the running process with this id. A zombie counts as not running.
func Of(pid int) (Identity, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Identity{}, fmt.Errorf("process %d does not run: %w", pid, err)
	}
	state, start, err := parseStat(data)
	if err != nil {
		return Identity{}, fmt.Errorf("process %d: %w", pid, err)
	}
	if state == "Z" || state == "X" {
		return Identity{}, fmt.Errorf("process %d has ended: %w", pid, os.ErrNotExist)
	}
	boot, err := BootID()
	return Identity{PID: pid, Start: start, Boot: boot}, err
}

// parseStat takes state and start time out of /proc/PID/stat, whose second field may hold anything, brackets and blanks included.
func parseStat(data []byte) (state string, start uint64, err error) {
	end := bytes.LastIndexByte(data, ')')
	if end < 0 {
		return "", 0, errors.New("its stat file has no name field")
	}
	fields := strings.Fields(string(data[end+1:]))
	if len(fields) < 20 {
		return "", 0, errors.New("its stat file is too short")
	}
	start, err = strconv.ParseUint(fields[19], 10, 64)
	return fields[0], start, err
}

// Running says whether this very process still runs.
func (id Identity) Running() bool {
	now, err := Of(id.PID)
	return err == nil && now == id
}

// Signal sends a signal to this very process, or does nothing if it is gone.
func (id Identity) Signal(signal syscall.Signal) error {
	// The handle is a pidfd: from here on it cannot mean another process, so the check after opening it is enough.
	process, err := os.FindProcess(id.PID)
	if err != nil {
		return err
	}
	defer func() { _ = process.Release() }()
	if !id.Running() {
		return nil
	}
	if err := process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("process %d: %w", id.PID, err)
	}
	return nil
}

// Stop asks the process to end and kills it when it has not ended within the grace time.
func (id Identity) Stop(grace time.Duration) error {
	if err := id.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if id.awaitEnd(grace) {
		return nil
	}
	if err := id.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	if id.awaitEnd(10 * time.Second) {
		return nil
	}
	return fmt.Errorf("process %d does not end though it was killed", id.PID)
}

func (id Identity) awaitEnd(limit time.Duration) bool {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if !id.Running() {
			return true
		}
	}
	return !id.Running()
}

// Save writes the identity to a pid file.
func (id Identity) Save(path string) error {
	data, err := json.Marshal(id)
	if err != nil {
		return err
	}
	return atomicfile.Write(path, append(data, '\n'), 0o644)
}

// Load reads a pid file. A missing or damaged file yields the zero identity, which never runs.
func Load(path string) Identity {
	var id Identity
	data, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(data, &id) != nil || id.PID <= 1 {
		return Identity{}
	}
	return id
}

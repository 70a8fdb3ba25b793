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

// Of returns the identity of the running process with this id. A zombie counts as not running, but only once it has no thread left:
// a killed process' first thread is a zombie while others still hold its ports and files.
func Of(pid int) (Identity, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Identity{}, fmt.Errorf("process %d does not run: %w", pid, err)
	}
	now, err := parseStat(data)
	if err != nil {
		return Identity{}, fmt.Errorf("process %d: %w", pid, err)
	}
	if now.ended() {
		return Identity{}, fmt.Errorf("process %d has ended: %w", pid, os.ErrNotExist)
	}
	boot, err := BootID()
	return Identity{PID: pid, Start: now.start, Boot: boot}, err
}

// stat is what is of use of /proc/PID/stat.
type stat struct {
	state   string
	flags   uint64
	threads int
	start   uint64
}

const flagExiting = 0x4 // PF_EXITING of the kernel

func (s stat) ended() bool { return s.state == "X" || s.state == "Z" && s.threads <= 1 }

// parseStat reads /proc/PID/stat, whose second field may hold anything, brackets and blanks included.
func parseStat(data []byte) (stat, error) {
	end := bytes.LastIndexByte(data, ')')
	if end < 0 {
		return stat{}, errors.New("its stat file has no name field")
	}
	fields := strings.Fields(string(data[end+1:]))
	if len(fields) < 20 {
		return stat{}, errors.New("its stat file is too short")
	}
	flags, flagsErr := strconv.ParseUint(fields[6], 10, 64)
	threads, threadsErr := strconv.Atoi(fields[17])
	start, startErr := strconv.ParseUint(fields[19], 10, 64)
	return stat{state: fields[0], flags: flags, threads: threads, start: start}, errors.Join(flagsErr, threadsErr, startErr)
}

// Running says whether this very process still runs.
func (id Identity) Running() bool {
	now, err := Of(id.PID)
	return err == nil && now == id
}

// Ending says whether this very process is on its way out: it still holds what it had, but not for long.
func (id Identity) Ending() bool {
	if !id.Running() {
		return false
	}
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", id.PID))
	if err != nil {
		return false
	}
	now, err := parseStat(data)
	if err != nil || now.state == "Z" || now.flags&flagExiting != 0 {
		return err == nil
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", id.PID))
	return err == nil && killPending(string(status))
}

// killPending says whether a process was killed and has not noticed yet, by its /proc/PID/status.
func killPending(status string) bool {
	for line := range strings.Lines(status) {
		name, mask, _ := strings.Cut(line, ":")
		if name != "SigPnd" && name != "ShdPnd" {
			continue
		}
		pending, err := strconv.ParseUint(strings.TrimSpace(mask), 16, 64)
		if err == nil && pending&(1<<(syscall.SIGKILL-1)) != 0 {
			return true
		}
	}
	return false
}

// AwaitEnd waits until this very process has ended, and says whether it has within the limit.
func (id Identity) AwaitEnd(limit time.Duration) bool {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if !id.Running() {
			return true
		}
	}
	return !id.Running()
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
	if id.AwaitEnd(grace) {
		return nil
	}
	if err := id.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	if id.AwaitEnd(10 * time.Second) {
		return nil
	}
	return fmt.Errorf("process %d does not end though it was killed", id.PID)
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

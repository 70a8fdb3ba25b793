// Package flock takes locks that a killed holder gives back.
package flock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Lock is a file locked by this process.
type Lock struct{ file *os.File }

// Acquire locks the file, which it makes if need be. While another process has it, busy is called once with what that process
// wrote about itself, and the lock is tried again until the limit is over.
func Acquire(ctx context.Context, path, self string, limit time.Duration, busy func(holder string)) (*Lock, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	deadline := time.Now().Add(limit)
	for first := true; ; first = false {
		lock, err := try(path, self)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return lock, err
		}
		holder := holderOf(path)
		if first {
			busy(holder)
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("%s is still locked by %s after %s", path, holder, limit)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("interrupted while waiting for %s", holder)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func try(path, self string) (*Lock, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		return nil, err
	}
	// The file may have been removed between opening and locking it; then the lock is one nobody else will ever see.
	ours, statErr := file.Stat()
	there, pathErr := os.Stat(path)
	if statErr != nil || pathErr != nil || !os.SameFile(ours, there) {
		_ = file.Close()
		return nil, syscall.EWOULDBLOCK
	}
	lock := &Lock{file: file}
	if err := file.Truncate(0); err != nil {
		lock.Release()
		return nil, err
	}
	if _, err := file.WriteAt([]byte(fmt.Sprintf("process %d (%s)\n", os.Getpid(), self)), 0); err != nil {
		lock.Release()
		return nil, err
	}
	return lock, nil
}

func holderOf(path string) string {
	data, err := os.ReadFile(path)
	if text := strings.TrimSpace(string(data)); err == nil && text != "" {
		return text
	}
	return "another process"
}

// Release gives the lock back.
func (l *Lock) Release() { _ = l.file.Close() }

// Remove gives the lock back and removes its file.
func (l *Lock) Remove() {
	_ = os.Remove(l.file.Name())
	l.Release()
}

package flock

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestASecondHolderWaitsAndIsToldWhoHasIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "lock")
	first, err := Acquire(context.Background(), path, "the first", time.Second, nil)
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan string, 1)
	done := make(chan error, 1)
	go func() {
		second, err := Acquire(context.Background(), path, "the second", 10*time.Second, func(holder string) { told <- holder })
		if err == nil {
			second.Release()
		}
		done <- err
	}()
	if holder := <-told; !strings.Contains(holder, "the first") {
		t.Errorf("it was told %q, want the first holder's name", holder)
	}
	first.Release()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestWaitingIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := Acquire(context.Background(), path, "the first", time.Second, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Release()
	_, err = Acquire(context.Background(), path, "x", 10*time.Millisecond, func(string) {})
	if err == nil || !strings.Contains(err.Error(), "the first") {
		t.Fatalf("got %v, want an error that names the holder", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Acquire(ctx, path, "x", time.Minute, func(string) {}); err == nil || !strings.Contains(err.Error(), "interrupted") {
		t.Fatalf("got %v, want an interruption", err)
	}
}

func TestARemovedLockIsFreeAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	for range 2 {
		lock, err := Acquire(context.Background(), path, "x", time.Second, nil)
		if err != nil {
			t.Fatal(err)
		}
		lock.Remove()
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("the file is still there: %v", err)
		}
	}
}

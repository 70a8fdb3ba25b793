package wait

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestReturnsOnceTheCheckPasses(t *testing.T) {
	calls := 0
	err := Until(context.Background(), "a thing", 5*time.Second, func(context.Context) error {
		calls++
		if calls < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	if err != nil || calls != 3 {
		t.Fatalf("got error %v after %d calls, want none after 3", err, calls)
	}
}

func TestNamesTheThingAndTheLastFindingWhenTimeIsUp(t *testing.T) {
	err := Until(context.Background(), "the door", 10*time.Millisecond, func(context.Context) error {
		return errors.New("it is locked")
	})
	if err == nil || !strings.Contains(err.Error(), "the door") || !strings.Contains(err.Error(), "it is locked") {
		t.Fatalf("got %v, want an error that names the door and says that it is locked", err)
	}
}

func TestEndsAtOnceWhenTheThingIsGone(t *testing.T) {
	start := time.Now()
	err := Until(context.Background(), "a process", time.Minute, func(context.Context) error {
		return fmt.Errorf("exit status 1: %w", ErrGone)
	})
	if !errors.Is(err, ErrGone) || time.Since(start) > 10*time.Second {
		t.Fatalf("got %v after %s, want ErrGone at once", err, time.Since(start))
	}
}

func TestEndsWhenInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := Until(ctx, "a thing", time.Minute, func(context.Context) error { return errors.New("no") })
	if err == nil || !strings.Contains(err.Error(), "interrupted") {
		t.Fatalf("got %v, want an error that says it was interrupted", err)
	}
}

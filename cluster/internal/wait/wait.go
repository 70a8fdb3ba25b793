// Package wait waits for a named thing, for a bounded time.
package wait

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Interval is the pause between two looks at a thing that is waited for.
const Interval = 100 * time.Millisecond

// ErrGone ends a wait at once: a check returns it, wrapped, when the thing can no longer come true.
var ErrGone = errors.New("it ended")

// Until calls check until it returns nil. After the limit, or when ctx ends, it returns an error that names the thing and
// says what the last check found.
func Until(ctx context.Context, thing string, limit time.Duration, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	ticker := time.NewTicker(Interval)
	defer ticker.Stop()
	var last error
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		if errors.Is(err, ErrGone) {
			return fmt.Errorf("waiting for %s: %w", thing, err)
		}
		// A check that was cut off by the deadline says less than the one before it.
		if last == nil || ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("waiting for %s: not there after %s: %w", thing, limit, last)
			}
			return fmt.Errorf("waiting for %s: interrupted", thing)
		case <-ticker.C:
		}
	}
}

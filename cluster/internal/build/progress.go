package build

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"
)

// quiet is how long a build may go on without a line about it.
const quiet = 10 * time.Second

// progress reads what "go build -v" and "go list" write, counts packages and downloads, and tells about it now and then.
type progress struct {
	say   func(string, ...any)
	label string
	total int // packages the part is made of; 0 if not known
	start time.Time

	mutex      sync.Mutex
	partial    []byte
	packages   int
	downloads  int
	unexpected []string
}

func newProgress(say func(string, ...any), label string, total int) *progress {
	return &progress{say: say, label: label, total: total, start: time.Now()}
}

// Write takes the go command's error output.
func (p *progress) Write(data []byte) (int, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.partial = append(p.partial, data...)
	for {
		line, rest, found := bytes.Cut(p.partial, []byte("\n"))
		if !found {
			return len(data), nil
		}
		p.line(string(line))
		p.partial = rest
	}
}

func (p *progress) line(line string) {
	switch {
	case strings.HasPrefix(line, "go: downloading "):
		p.downloads++
	case line == "" || strings.HasPrefix(line, "go: ") || strings.ContainsAny(line, " \t:"):
		// Errors and compilers' messages. The end of them is what matters.
		p.unexpected = append(p.unexpected, line)
		p.unexpected = p.unexpected[max(0, len(p.unexpected)-40):]
	default:
		p.packages++
	}
}

// during runs the step and reports until it ends.
func (p *progress) during(step func() error) error {
	done := make(chan error, 1)
	go func() {
		// A child that is to end with its parent ends with the thread that started it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		done <- step()
	}()
	ticker := time.NewTicker(quiet)
	defer ticker.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-ticker.C:
			p.say("%s: %s", p.label, p.state())
		}
	}
}

func (p *progress) state() string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	elapsed := time.Since(p.start).Round(time.Second)
	switch {
	case p.packages == 0 && p.downloads > 0:
		return fmt.Sprintf("%d modules fetched, %s", p.downloads, elapsed)
	case p.total > 0:
		return fmt.Sprintf("%d packages compiled (of at most %d), %s", p.packages, p.total, elapsed)
	default:
		return fmt.Sprintf("%d packages looked at, %s", p.packages, elapsed)
	}
}

func (p *progress) count() int {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.packages
}

// rest is what the go command said besides its progress.
func (p *progress) rest() string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return strings.Join(append(p.unexpected, string(p.partial)), "\n")
}

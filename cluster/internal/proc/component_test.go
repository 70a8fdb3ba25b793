package proc

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test's own program be what the tool is: the one that becomes the component.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == RunCommand {
		fmt.Fprintln(os.Stderr, Become(os.Args[2:]))
		os.Exit(1)
	}
	if len(os.Args) > 1 && os.Args[1] == headless {
		loseFirstThread()
	}
	os.Exit(m.Run())
}

// headless makes the test's program one whose first thread has ended while others run on.
const headless = "headless"

func init() { runtime.LockOSThread() } // main stays on the first thread

func loseFirstThread() {
	go func() {
		time.Sleep(time.Minute)
		os.Exit(0)
	}()
	_, _, _ = syscall.RawSyscall(syscall.SYS_EXIT, 0, 0, 0)
}

type place struct{ pid, log, cgroup string }

func newPlace(t *testing.T) place {
	t.Helper()
	dir := t.TempDir()
	return place{pid: filepath.Join(dir, "x.json"), log: filepath.Join(dir, "x.log"), cgroup: dir}
}

func (p place) start(args ...string) (Identity, error) {
	return Start(p.pid, p.log, []string{p.cgroup}, []string{"MARK=set"}, args[0], args[1:]...)
}

func TestAStartedProgramHasItsPidFileGroupAndEnvironment(t *testing.T) {
	p := newPlace(t)
	t.Setenv("HTTPS_PROXY", "http://proxy.example")
	id, err := p.start("/bin/sh", "-c", "env; exec sleep 60")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = id.Stop(0) }()
	if Load(p.pid) != id || !id.Running() {
		t.Fatalf("the pid file says %+v, the process is %+v", Load(p.pid), id)
	}
	group, err := os.ReadFile(filepath.Join(p.cgroup, "cgroup.procs"))
	if err != nil || string(group) != fmt.Sprint(id.PID) {
		t.Fatalf("the group holds %q (%v), want %d", group, err, id.PID)
	}
	log := awaitLog(t, p.log, "MARK=set")
	if strings.Contains(log, "PROXY") {
		t.Errorf("it got the caller's proxy: %s", log)
	}
	if session, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", id.PID)); err != nil || session != "/" {
		t.Errorf("it keeps the directory %s in use (%v)", session, err)
	}
}

func TestARunningComponentIsNotStartedTwice(t *testing.T) {
	p := newPlace(t)
	id, err := p.start("/bin/sleep", "60")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = id.Stop(0) }()
	if second, err := p.start("/bin/sleep", "60"); err == nil {
		t.Fatalf("it was started again as %+v", second)
	}
	awaitLog(t, p.log, "already runs as process")
	if Load(p.pid) != id || !id.Running() {
		t.Fatal("the first one was harmed")
	}
}

func TestAComponentDoesNotHoldALockOfItsCaller(t *testing.T) {
	p := newPlace(t)
	path := filepath.Join(t.TempDir(), "lock")
	open := func() int {
		// Not closed on execution, which is how flock(1) hands a lock to the command it runs.
		fd, err := syscall.Open(path, syscall.O_CREAT|syscall.O_RDWR, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		return fd
	}
	held := open()
	if err := syscall.Flock(held, syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	id, err := p.start("/bin/sh", "-c", "echo runs; exec sleep 60")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = id.Stop(0) }()
	awaitLog(t, p.log, "runs")
	if err := syscall.Close(held); err != nil {
		t.Fatal(err)
	}
	other := open()
	defer func() { _ = syscall.Close(other) }()
	if err := syscall.Flock(other, syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		t.Errorf("the lock is held though its owner let it go: %v", err)
	}
}

func TestAProgramThatIsNotThereIsAnErrorOrGone(t *testing.T) {
	p := newPlace(t)
	id, err := p.start("/nowhere/program")
	if err == nil {
		for end := time.Now().Add(5 * time.Second); id.Running(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("a program that is not there runs")
			}
		}
	}
	awaitLog(t, p.log, "/nowhere/program")
}

func TestTheFormerLogIsKept(t *testing.T) {
	p := newPlace(t)
	for _, word := range []string{"first", "second"} {
		id, err := p.start("/bin/sh", "-c", "echo "+word+"; exec sleep 60")
		if err != nil {
			t.Fatal(err)
		}
		awaitLog(t, p.log, word)
		if err := id.Stop(time.Second); err != nil {
			t.Fatal(err)
		}
	}
	awaitLog(t, p.log+".1", "first")
	if tail, err := Tail(p.log, 1); err != nil || string(tail) != "second" {
		t.Errorf("the end of the log is %q (%v)", tail, err)
	}
}

func awaitLog(t *testing.T, path, want string) string {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		data, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(data), want) {
			return string(data)
		}
		if time.Now().After(end) {
			t.Fatalf("%s holds %q (%v), want %q", path, data, err, want)
		}
	}
}

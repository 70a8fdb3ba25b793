package proc

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func startSleep(t *testing.T, args ...string) (*exec.Cmd, Identity) {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	id, err := Of(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return cmd, id
}

func TestAReusedPidIsNotOurs(t *testing.T) {
	_, id := startSleep(t, "sleep", "60")
	older, otherBoot := id, id
	older.Start--
	otherBoot.Boot = "another"
	for _, stranger := range []Identity{older, otherBoot} {
		if stranger.Running() {
			t.Fatalf("%+v counts as running, though the process is %+v", stranger, id)
		}
		if err := stranger.Stop(time.Second); err != nil {
			t.Fatal(err)
		}
	}
	if !id.Running() {
		t.Fatal("stopping a process of the past ended the one that has its id now")
	}
}

func TestStopEndsAProcessThatIgnoresTheRequest(t *testing.T) {
	cmd, id := startSleep(t, "sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done")
	time.Sleep(200 * time.Millisecond)
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	if err := id.Stop(300 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	<-done
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signal() != syscall.SIGKILL {
		t.Fatalf("it ended by %v, want a kill", status)
	}
}

func TestAZombieDoesNotRun(t *testing.T) {
	cmd, id := startSleep(t, "sleep", "0.3")
	for end := time.Now().Add(5 * time.Second); id.Running(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("an ended, unreaped process still counts as running")
		}
	}
	_ = cmd.Wait()
}

func TestAProcessWhoseFirstThreadHasEndedRuns(t *testing.T) {
	_, id := startSleep(t, os.Args[0], headless)
	now := func() stat {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", id.PID))
		if err != nil {
			t.Fatal(err)
		}
		s, err := parseStat(data)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for end := time.Now().Add(10 * time.Second); now().state != "Z"; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("its first thread does not end: %+v", now())
		}
	}
	if !id.Running() || !id.Ending() {
		t.Fatalf("it counts as ended, with %d threads that hold its ports", now().threads)
	}
	if err := id.Stop(0); err != nil {
		t.Fatal(err)
	}
	if id.Running() || id.Ending() {
		t.Fatal("it counts as running after its end")
	}
}

func TestPidFile(t *testing.T) {
	dir := t.TempDir()
	_, id := startSleep(t, "sleep", "60")
	path := filepath.Join(dir, "x.pid")
	if err := id.Save(path); err != nil {
		t.Fatal(err)
	}
	if got := Load(path); got != id {
		t.Fatalf("got %+v, want %+v", got, id)
	}
	for _, content := range []string{"", "12", `{"pid":1}`, `{"pid":`} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := Load(path); got != (Identity{}) || got.Running() {
			t.Fatalf("the damaged pid file %q yields %+v", content, got)
		}
	}
}

func TestParseStat(t *testing.T) {
	tail := " 1 1 1 0 -1 4194564 1 0 0 0 0 0 0 0 20 0 3 0 77 0 0"
	cases := []struct {
		name, stat string
		want       stat
		bad        bool
	}{
		{name: "plain", stat: "5 (sleep) S" + tail, want: stat{state: "S", flags: 4194564, threads: 3, start: 77}},
		{name: "name with brackets and blanks", stat: "5 (a) Z (b) R" + tail, want: stat{state: "R", flags: 4194564, threads: 3, start: 77}},
		{name: "no name", stat: "5 sleep S", bad: true},
		{name: "cut off", stat: "5 (sleep) S 1 2", bad: true},
	}
	for _, c := range cases {
		got, err := parseStat([]byte(c.stat))
		if (err != nil) != c.bad || got != c.want {
			t.Errorf("%s: got %+v %v", c.name, got, err)
		}
	}
}

func TestAProcessEndsWithItsLastThread(t *testing.T) {
	for _, c := range []struct {
		stat stat
		want bool
	}{
		{stat{state: "S", threads: 1}, false},
		{stat{state: "Z", threads: 4}, false},
		{stat{state: "Z", threads: 1}, true},
		{stat{state: "X", threads: 1}, true},
	} {
		if c.stat.ended() != c.want {
			t.Errorf("%+v: ended is %v", c.stat, !c.want)
		}
	}
}

func TestAKillThatIsPendingIsSeen(t *testing.T) {
	for status, want := range map[string]bool{
		"Name:\tx\nSigPnd:\t0000000000000000\nShdPnd:\t0000000000000100\n": true,
		"Name:\tx\nSigPnd:\t0000000000000100\nShdPnd:\t0000000000000000\n": true,
		"Name:\tx\nSigPnd:\t0000000000004000\nShdPnd:\t0000000000000000\n": false,
		"Name:\tx\n": false,
	} {
		if killPending(status) != want {
			t.Errorf("%q: got %v", status, !want)
		}
	}
}

package host

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// leastKernel is the first Linux that can mount memory file systems with mapped ids, as pods with users of their own need it.
const leastKernel = "6.3"

// KernelWarning is empty, or says what will not work on this machine's kernel.
func KernelWarning() string {
	data, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return ""
	}
	return kernelWarning(strings.TrimSpace(string(data)))
}

func kernelWarning(release string) string {
	if !older(release, leastKernel) {
		return ""
	}
	return fmt.Sprintf("this machine runs Linux %s; before %s, pods with users of their own (hostUsers: false), which builds use, "+
		"cannot have secrets, config maps or tokens as files", release, leastKernel)
}

// older compares the first two numbers of two releases. What cannot be read is not called old.
func older(release, least string) bool {
	a, b := numbers(release), numbers(least)
	if a == nil || b == nil {
		return false
	}
	return a[0] < b[0] || (a[0] == b[0] && a[1] < b[1])
}

func numbers(release string) []int {
	fields := strings.FieldsFunc(release, func(r rune) bool { return r < '0' || r > '9' })
	if len(fields) < 2 {
		return nil
	}
	major, err1 := strconv.Atoi(fields[0])
	minor, err2 := strconv.Atoi(fields[1])
	if err1 != nil || err2 != nil {
		return nil
	}
	return []int{major, minor}
}

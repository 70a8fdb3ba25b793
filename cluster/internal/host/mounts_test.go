package host

import (
	"reflect"
	"strings"
	"testing"
)

const mountinfo = `22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:5 / /sys/fs/cgroup/pids rw shared:9 - cgroup cgroup rw,pids
24 22 0:6 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
25 22 0:7 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
26 22 8:2 / /var/lib/kopr-cluster rw - ext4 /dev/vdb rw
27 26 0:8 / /var/lib/kopr-cluster/kubelet/a\040b rw - tmpfs tmpfs rw
28 26 0:9 / /var/lib/kopr-cluster/kubelet/a\040b/c rw - tmpfs tmpfs rw
29 22 0:9 / /var/lib/kopr-cluster-of-another/x rw - tmpfs tmpfs rw
`

func parsed(t *testing.T) []mount {
	t.Helper()
	list, err := parseMounts(strings.NewReader(mountinfo))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestMountsBelowAreTheClustersOnly(t *testing.T) {
	got := below(parsed(t), []string{"/var/lib/kopr-cluster", "/run/kopr-cluster"})
	want := []string{"/var/lib/kopr-cluster/kubelet/a b/c", "/var/lib/kopr-cluster/kubelet/a b"}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestADamagedLineIsAnError(t *testing.T) {
	for _, text := range []string{"22 1 8:1 / / rw\n", "22 - ext4\n", "x\n"} {
		if _, err := parseMounts(strings.NewReader(text)); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func TestTheClustersProcessesGoIntoOneGroupOfEachKind(t *testing.T) {
	cases := []struct {
		name string
		list []mount
		want []string
	}{
		{"both versions", parsed(t), []string{"/sys/fs/cgroup/pids/k/system", "/sys/fs/cgroup/unified/k/system"}},
		{"version 2", []mount{{Point: "/sys/fs/cgroup", Kind: "cgroup2"}}, []string{"/sys/fs/cgroup/k/system"}},
		{"version 1", []mount{{Point: "/c/cpuset", Kind: "cgroup", Options: "rw,cpuset"}, {Point: "/c/memory", Kind: "cgroup", Options: "rw,memory"}},
			[]string{"/c/memory/k/system"}},
	}
	for _, c := range cases {
		groups := Cgroups{Name: "k", hierarchies: hierarchies(c.list)}
		if got := groups.System(); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

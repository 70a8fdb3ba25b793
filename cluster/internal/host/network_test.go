package host

import (
	"reflect"
	"testing"
)

func TestOverlappingRoutes(t *testing.T) {
	cases := []struct{ name, routes, want string }{
		{name: "none", routes: ""},
		{name: "a usual machine", routes: "default via 192.0.2.1 dev eth0\n192.0.2.0/24 dev eth0 proto kernel scope link src 192.0.2.2\nlocal 127.0.0.0/8 dev lo table local\n"},
		{name: "the cluster's own", routes: "unreachable 10.203.0.0/16 metric 4096\n10.202.0.0/16 dev kopr0 proto kernel scope link src 10.202.0.1\n" +
			"local 10.201.0.1 dev lo table local proto kernel scope host src 10.201.0.1\nlocal 10.202.0.1 dev kopr0 table local\n" +
			"10.202.0.0/16 dev kopr0 table 16443 scope link\nunreachable default table 16443\n"},
		{name: "a larger range", routes: "10.0.0.0/8 via 192.0.2.9 dev eth0\n", want: "10.0.0.0/8 via 192.0.2.9 dev eth0"},
		{name: "an address", routes: "local 10.203.4.5 dev tun0 table local\n", want: "local 10.203.4.5 dev tun0 table local"},
		{name: "a part", routes: "10.202.7.0/24 dev docker0\n", want: "10.202.7.0/24 dev docker0"},
		{name: "half of everything", routes: "0.0.0.0/1 dev tun0\n"},
	}
	for _, c := range cases {
		if got := overlapping(c.routes); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestPortNames(t *testing.T) {
	got := portNames("veth9a950adb@if2 UP   7a:6f:5e:a0:63:6f <BROADCAST>\nveth1 DOWN x\n\n")
	if want := []string{"veth9a950adb", "veth1"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

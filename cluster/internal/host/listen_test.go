package host

import (
	"net"
	"strings"
	"testing"
)

func TestAnAddressIsTakenWhileSomebodyListensThere(t *testing.T) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_, port, _ := strings.Cut(address, ":")
	for _, wanted := range []string{address, "0.0.0.0:" + port} {
		if err := CanListen(wanted); err == nil || !strings.Contains(err.Error(), wanted) {
			t.Errorf("%s: got %v, want a refusal that names it", wanted, err)
		}
	}
	// A connection that the server closes first keeps the port for a minute, but not from a new server.
	client, err := net.Dial("tcp4", address)
	if err != nil {
		t.Fatal(err)
	}
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_, _, _ = server.Close(), client.Close(), listener.Close()
	if err := CanListen(address); err != nil {
		t.Errorf("after its end: %v", err)
	}
}

func TestWhatIsNoAddressIsNamed(t *testing.T) {
	for _, address := range []string{"", "localhost:80", "[::1]:80", "127.0.0.1:99999"} {
		if err := CanListen(address); err == nil || !strings.Contains(err.Error(), "not an IPv4 address") {
			t.Errorf("%q: got %v", address, err)
		}
	}
}

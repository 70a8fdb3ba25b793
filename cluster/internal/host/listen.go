package host

import (
	"fmt"
	"net/netip"
	"syscall"
)

// CanListen returns nil when a program of this machine could listen at the TCP address (IPv4 and a port). The address is bound
// but not listened at, so that no client mistakes the look for the program it waits for.
func CanListen(address string) error {
	parsed, err := netip.ParseAddrPort(address)
	if err != nil || !parsed.Addr().Is4() {
		return fmt.Errorf("%q is not an IPv4 address with a port", address)
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = syscall.Close(fd) }()
	// As servers do it: connections of a former one that still wait for their end are in nobody's way.
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return err
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Port: int(parsed.Port()), Addr: parsed.Addr().As4()}); err != nil {
		return fmt.Errorf("nobody can listen at %s now (%w); `ss -ltnp` names the program that does", address, err)
	}
	return nil
}

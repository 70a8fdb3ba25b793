// Package component says how each program of a cluster is started and when it is ready.
package component

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"sort"
	"strings"
	"time"
)

// Spec is one program to run.
type Spec struct {
	Name    string   // names the process, its log and its pid file
	Program string   // path of the binary
	Args    []string // without the program's name
	Env     []string // on top of the clean environment
	Files   []string // configuration files it reads when it starts
	Listens []string // TCP addresses it cannot start without
	Ready   func(context.Context) error
	Limit   time.Duration // how long it may take to become ready
}

// Fingerprint changes with everything the program reads when it starts.
func (s Spec) Fingerprint() string {
	sum := sha256.New()
	_, _ = fmt.Fprintf(sum, "%q %q %q\n", s.Program, s.Args, s.Env)
	for _, path := range s.Files {
		data, err := os.ReadFile(path)
		_, _ = fmt.Fprintf(sum, "%s %v %d\n", path, err, len(data))
		_, _ = sum.Write(data)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// loopback are addresses of 127.0.0.1.
func loopback(ports ...int) []string {
	list := make([]string, 0, len(ports))
	for _, port := range ports {
		list = append(list, fmt.Sprintf("127.0.0.1:%d", port))
	}
	return list
}

// flags renders a map as --name=value arguments in a fixed order.
func flags(values map[string]string) []string {
	args := make([]string, 0, len(values))
	for name, value := range values {
		args = append(args, "--"+name+"="+value)
	}
	sort.Strings(args)
	return args
}

// Probe describes an HTTP address that answers 200 once a program is ready.
type Probe struct {
	URL      string
	CA       string // certificate file the server is checked against; empty for plain HTTP
	Cert     string // client certificate file, empty for none
	Key      string
	Insecure bool // the server's certificate is self-signed and made at its start: loopback only
}

// Check asks the address once. It never goes through a proxy.
func (p Probe) Check(ctx context.Context) error {
	client, err := p.client()
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode == http.StatusOK {
		return nil
	}
	body, _ := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	return fmt.Errorf("%s answered %s%s", p.URL, response.Status, failedChecks(string(body)))
}

func (p Probe) client() (*http.Client, error) {
	config := &tls.Config{InsecureSkipVerify: p.Insecure} //nolint:gosec // only set for self-signed loopback servers
	if p.CA != "" {
		data, err := os.ReadFile(p.CA)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(data)
	}
	if p.Cert != "" {
		pair, err := tls.LoadX509KeyPair(p.Cert, p.Key)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	transport := &http.Transport{TLSClientConfig: config, Proxy: nil}
	return &http.Client{Transport: transport, Timeout: 5 * time.Second}, nil
}

// failedChecks picks the "[-]name failed" lines out of a health answer of a Kubernetes server.
func failedChecks(body string) string {
	var failed []string
	for line := range strings.SplitSeq(body, "\n") {
		if name, found := strings.CutPrefix(line, "[-]"); found {
			failed = append(failed, strings.Fields(name + " ?")[0])
		}
	}
	if len(failed) == 0 {
		return ""
	}
	return " (not ready: " + strings.Join(failed, ", ") + ")"
}

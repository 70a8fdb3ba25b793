package pki

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var serverLeaf = Leaf{File: "server", User: "server", Names: []string{"here.example"}, IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, Server: true}
var clientLeaf = Leaf{File: "client", User: "alice", Groups: []string{"system:masters"}, Client: true}

func newAuthority(t *testing.T, dir string) *Authority {
	t.Helper()
	authority, err := LoadOrCreateAuthority(dir, "ca", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range []Leaf{serverLeaf, clientLeaf} {
		if err := authority.Ensure(leaf, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	return authority
}

func TestServerAndClientTrustEachOther(t *testing.T) {
	dir := t.TempDir()
	authority := newAuthority(t, dir)
	pool := x509.NewCertPool()
	pool.AddCert(authority.cert)

	serverPair, err := tls.LoadX509KeyPair(filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key"))
	if err != nil {
		t.Fatal(err)
	}
	clientPair, err := tls.LoadX509KeyPair(filepath.Join(dir, "client.crt"), filepath.Join(dir, "client.key"))
	if err != nil {
		t.Fatal(err)
	}
	var seen *x509.Certificate
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen = r.TLS.PeerCertificates[0]
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{serverPair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}
	server.StartTLS()
	defer server.Close()

	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{clientPair}},
	}}
	response, err := client.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if seen.Subject.CommonName != "alice" || seen.Subject.Organization[0] != "system:masters" {
		t.Fatalf("the server saw %v, want alice of system:masters", seen.Subject)
	}
}

func TestASecondRunKeepsWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	newAuthority(t, dir)
	before, err := os.ReadFile(filepath.Join(dir, "server.crt"))
	if err != nil {
		t.Fatal(err)
	}
	newAuthority(t, dir)
	after, err := os.ReadFile(filepath.Join(dir, "server.crt"))
	if err != nil || string(before) != string(after) {
		t.Fatalf("the certificate was made anew (error %v), want it kept", err)
	}
}

func TestALeafOfAnotherAuthorityIsReplaced(t *testing.T) {
	dir := t.TempDir()
	newAuthority(t, dir)
	if err := os.Remove(filepath.Join(dir, "ca.crt")); err != nil {
		t.Fatal(err)
	}
	authority := newAuthority(t, dir)
	cert, _, err := readPair(dir, "server")
	if err != nil {
		t.Fatal(err)
	}
	if err := cert.CheckSignatureFrom(authority.cert); err != nil {
		t.Fatalf("the leaf is still the old authority's: %v", err)
	}
}

func TestAKeyThatIsNotItsCertificatesIsReplaced(t *testing.T) {
	dir := t.TempDir()
	newAuthority(t, dir)
	other, err := os.ReadFile(filepath.Join(dir, "client.key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "server.key"), other, 0o600); err != nil {
		t.Fatal(err)
	}
	newAuthority(t, dir)
	if _, _, err := readPair(dir, "server"); err != nil {
		t.Fatalf("certificate and key still do not fit: %v", err)
	}
}

func TestKubeconfigNamesServerAndCarriesTheCertificates(t *testing.T) {
	dir := t.TempDir()
	authority := newAuthority(t, dir)
	path := filepath.Join(dir, "kubeconfig")
	if err := authority.WriteKubeconfig(path, "https://127.0.0.1:1", "kopr", "client"); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Clusters []struct {
			Cluster struct {
				Server string `json:"server"`
				CA     []byte `json:"certificate-authority-data"`
			} `json:"cluster"`
		} `json:"clusters"`
		Users []struct {
			User struct {
				Key []byte `json:"client-key-data"`
			} `json:"user"`
		} `json:"users"`
	}
	if err := json.Unmarshal(data, &config); err != nil {
		t.Fatal(err)
	}
	if config.Clusters[0].Cluster.Server != "https://127.0.0.1:1" || len(config.Clusters[0].Cluster.CA) == 0 || len(config.Users[0].User.Key) == 0 {
		t.Fatalf("the kubeconfig lacks something: %+v", config)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the kubeconfig may be read by others: %v %v", info.Mode(), err)
	}
}

func TestTheSigningKeyIsMadeOnce(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		if err := EnsureSigningKey(dir, "service-accounts"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := readBlock(filepath.Join(dir, "service-accounts.key")); err != nil {
		t.Fatal(err)
	}
}

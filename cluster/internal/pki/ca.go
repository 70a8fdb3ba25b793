// Package pki makes the certificates, keys and kubeconfigs of a cluster that lives on one machine.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"kopr.dev/cluster/internal/atomicfile"
)

// Lifetime of every certificate. The cluster is a throw-away one: nothing renews them, so they outlive it.
const Lifetime = 10 * 365 * 24 * time.Hour

// backdate lets certificates be valid on a machine whose clock is set back a little after they were made.
const backdate = 24 * time.Hour

// Authority is a certificate authority kept in two files, NAME.crt and NAME.key, of one directory.
type Authority struct {
	dir, name string
	cert      *x509.Certificate
	key       *ecdsa.PrivateKey
}

// Leaf is what one certificate is to say.
type Leaf struct {
	File   string // name of the files, without suffix
	User   string // common name: the user's or the server's name
	Groups []string
	Names  []string // DNS names of a server
	IPs    []net.IP // addresses of a server
	Server bool
	Client bool
}

// LoadOrCreateAuthority reads the authority from dir, or makes it when it is not there.
func LoadOrCreateAuthority(dir, name string, now time.Time) (*Authority, error) {
	a := &Authority{dir: dir, name: name}
	cert, key, err := readPair(dir, name)
	if err == nil {
		a.cert, a.key = cert, key
		return a, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "kopr-cluster-" + name},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature | x509.KeyUsageCRLSign,
	}
	if err := a.sign(template, name, a.key, template, now); err != nil {
		return nil, err
	}
	a.cert, _, err = readPair(dir, name)
	return a, err
}

// CertFile is the path of the authority's certificate.
func (a *Authority) CertFile() string { return filepath.Join(a.dir, a.name+".crt") }

// KeyFile is the path of the authority's private key.
func (a *Authority) KeyFile() string { return filepath.Join(a.dir, a.name+".key") }

// Ensure makes the leaf's certificate and key unless both are there and the certificate is this authority's.
func (a *Authority) Ensure(leaf Leaf, now time.Time) error {
	if cert, _, err := readPair(a.dir, leaf.File); err == nil && cert.CheckSignatureFrom(a.cert) == nil {
		return nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: leaf.User, Organization: leaf.Groups},
		DNSNames:    leaf.Names,
		IPAddresses: leaf.IPs,
		KeyUsage:    x509.KeyUsageDigitalSignature,
	}
	if leaf.Server {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	if leaf.Client {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	}
	return a.sign(template, leaf.File, key, a.cert, now)
}

func (a *Authority) sign(template *x509.Certificate, file string, key *ecdsa.PrivateKey, parent *x509.Certificate, now time.Time) error {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return err
	}
	template.SerialNumber = serial
	template.NotBefore = now.Add(-backdate)
	template.NotAfter = now.Add(Lifetime)
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, a.key)
	if err != nil {
		return fmt.Errorf("signing the certificate %s: %w", file, err)
	}
	// The key goes first: a certificate on disk then always has its key beside it.
	if err := writeKey(filepath.Join(a.dir, file+".key"), key); err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(a.dir, file+".crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
}

// EnsureSigningKey makes the key pair NAME.key and NAME.pub that service account tokens are signed with.
func EnsureSigningKey(dir, name string) error {
	public := filepath.Join(dir, name+".pub")
	if _, err := os.Stat(public); err == nil {
		return nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return err
	}
	if err := writeKey(filepath.Join(dir, name+".key"), key); err != nil {
		return err
	}
	return atomicfile.Write(public, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o644)
}

func writeKey(path string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return atomicfile.Write(path, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600)
}

// readPair reads NAME.crt and NAME.key and checks that they belong together, which they do not when a run was killed
// between renewing one and the other.
func readPair(dir, name string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	certBlock, err := readBlock(filepath.Join(dir, name+".crt"))
	if err != nil {
		return nil, nil, err
	}
	keyBlock, err := readBlock(filepath.Join(dir, name+".key"))
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(certBlock)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the certificate %s: %w", name, err)
	}
	key, err := x509.ParseECPrivateKey(keyBlock)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the key %s: %w", name, err)
	}
	if !key.PublicKey.Equal(cert.PublicKey) {
		return nil, nil, fmt.Errorf("certificate and key %s do not belong together: %w", name, os.ErrNotExist)
	}
	return cert, key, nil
}

func readBlock(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("%s holds no PEM block", path)
	}
	return block.Bytes, nil
}

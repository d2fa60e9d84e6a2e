// Package listentest makes certificates for tests: authorities, servers and clients. Only
// tests import it.
package listentest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Certificate is a certificate and its key, in PEM.
type Certificate struct{ Chain, Key []byte }

// Authority signs certificates.
type Authority struct {
	// PEM is its own certificate.
	PEM []byte

	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// validity is how long a certificate is valid, and also from how long ago: clocks of tests
// may be set back.
const validity = 50 * 365 * 24 * time.Hour

// NewAuthority makes an authority.
func NewAuthority(tb testing.TB, name string) *Authority {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(tb, err)
	a := &Authority{key: key, certificate: &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}}
	made := a.sign(tb, a.certificate, key, time.Now().Add(validity))
	a.PEM = made.Chain
	block, _ := pem.Decode(made.Chain)
	a.certificate, err = x509.ParseCertificate(block.Bytes)
	require.NoError(tb, err)
	return a
}

// Pool returns a pool with the authority.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// Server makes a certificate of a server on this machine.
func (a *Authority) Server(tb testing.TB) Certificate {
	tb.Helper()
	return a.ServerUntil(tb, time.Now().Add(validity))
}

// ServerUntil makes a certificate of a server that expires.
func (a *Authority) ServerUntil(tb testing.TB, expires time.Time) Certificate {
	tb.Helper()
	return a.make(tb, &x509.Certificate{
		Subject: pkix.Name{CommonName: "alertd"}, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, expires)
}

// Client makes a certificate of a client, whose subject is "CN=name,O=organization".
func (a *Authority) Client(tb testing.TB, name, organization string) Certificate {
	tb.Helper()
	return a.make(tb, &x509.Certificate{
		Subject:     pkix.Name{CommonName: name, Organization: []string{organization}},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, time.Now().Add(validity))
}

func (a *Authority) make(tb testing.TB, template *x509.Certificate, expires time.Time) Certificate {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(tb, err)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	return a.sign(tb, template, key, expires)
}

func (a *Authority) sign(tb testing.TB, template *x509.Certificate, key *ecdsa.PrivateKey, expires time.Time) Certificate {
	tb.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(tb, err)
	template.SerialNumber, template.NotBefore, template.NotAfter = serial, time.Now().Add(-validity), expires
	raw, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	require.NoError(tb, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(tb, err)
	return Certificate{
		Chain: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}),
		Key:   pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
	}
}

// Write replaces two files, each in one step, the key first.
func (c Certificate) Write(tb testing.TB, certificate, key string) {
	tb.Helper()
	for _, file := range []struct {
		path string
		data []byte
	}{{key, c.Key}, {certificate, c.Chain}} {
		require.NoError(tb, os.WriteFile(file.path+".next", file.data, 0o600))
		require.NoError(tb, os.Rename(file.path+".next", file.path))
	}
}

// Pair returns the certificate for the settings of TLS.
func (c Certificate) Pair(tb testing.TB) tls.Certificate {
	tb.Helper()
	pair, err := tls.X509KeyPair(c.Chain, c.Key)
	require.NoError(tb, err)
	return pair
}

// Serial returns the serial number of the certificate.
func (c Certificate) Serial(tb testing.TB) string {
	tb.Helper()
	return c.Pair(tb).Leaf.SerialNumber.String()
}

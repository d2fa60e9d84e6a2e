package listen_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/listen"
	"alertd/internal/listen/listentest"
)

// folder has the files of a server.
type folder struct {
	tb    testing.TB
	files listen.Files
	log   bytes.Buffer
}

func newFolder(tb testing.TB) *folder {
	tb.Helper()
	in := tb.TempDir()
	return &folder{tb: tb, files: listen.Files{Certificate: filepath.Join(in, "tls.crt"), Key: filepath.Join(in, "tls.key")}}
}

func (f *folder) load() *listen.Certificates {
	f.tb.Helper()
	c, err := listen.LoadCertificates(f.files, slog.New(slog.NewTextHandler(&f.log, nil)))
	require.NoError(f.tb, err)
	return c
}

func (f *folder) put(c listentest.Certificate) { c.Write(f.tb, f.files.Certificate, f.files.Key) }

// connect makes a connection to a server and returns what the client and the server see of
// the other.
func connect(tb testing.TB, server, client *tls.Config) (seen, known tls.ConnectionState, err error) {
	tb.Helper()
	a, b := net.Pipe()
	defer func() { _, _ = a.Close(), b.Close() }()
	theirs, ours := tls.Server(a, server), tls.Client(b, client)
	accepted := make(chan error, 1)
	go func() {
		defer func() { _ = a.Close() }()
		err := theirs.HandshakeContext(tb.Context())
		if err == nil {
			_, err = theirs.Write([]byte("x"))
		}
		accepted <- err
	}()
	err = ours.HandshakeContext(tb.Context())
	if err == nil {
		_, err = ours.Read(make([]byte, 1)) // a server refuses a client's certificate after the handshake
	}
	_ = b.Close()
	err = errors.Join(err, <-accepted)
	return ours.ConnectionState(), theirs.ConnectionState(), err
}

func TestServerHasNewCertificateWithoutRestart(t *testing.T) {
	f := newFolder(t)
	ca := listentest.NewAuthority(t, "Desk CA")
	f.put(ca.Server(t))
	synctest.Test(t, func(t *testing.T) {
		c := f.load()
		client := &tls.Config{RootCAs: ca.Pool(), ServerName: "localhost"}
		serial := func() string {
			seen, _, err := connect(t, c.TLS(), client)
			require.NoError(t, err)
			return seen.PeerCertificates[0].SerialNumber.String()
		}
		first := serial()
		f.put(ca.Server(t))
		require.Equal(t, first, serial(), "the files are not looked at for each connection")
		pass(time.Second)
		second := serial()
		require.NotEqual(t, first, second)
		require.Contains(t, f.log.String(), "TLS files read again")

		// The certificate is there before its key.
		third := ca.Server(t)
		require.NoError(t, os.WriteFile(f.files.Certificate, third.Chain, 0o600))
		for range 3 {
			pass(time.Second)
			require.Equal(t, second, serial())
		}
		require.Equal(t, 1, strings.Count(f.log.String(), "stays in force"), "once: %s", f.log.String())
		require.NoError(t, os.Remove(f.files.Certificate))
		pass(time.Second)
		require.Equal(t, second, serial())
		f.put(third)
		pass(time.Second)
		require.Equal(t, third.Serial(t), serial())
	})
}

func TestSecretOfKubernetesIsSwappedByItsLink(t *testing.T) {
	in := t.TempDir()
	f := newFolder(t)
	f.files = listen.Files{Certificate: filepath.Join(in, "tls.crt"), Key: filepath.Join(in, "tls.key")}
	ca := listentest.NewAuthority(t, "Desk CA")
	mount := func(name string) listentest.Certificate {
		made := ca.Server(t)
		require.NoError(t, os.Mkdir(filepath.Join(in, name), 0o700))
		made.Write(t, filepath.Join(in, name, "tls.crt"), filepath.Join(in, name, "tls.key"))
		require.NoError(t, os.Symlink(name, filepath.Join(in, "..data_tmp")))
		require.NoError(t, os.Rename(filepath.Join(in, "..data_tmp"), filepath.Join(in, "..data")))
		return made
	}
	mount("..2026_01_02")
	require.NoError(t, os.Symlink("..data/tls.crt", f.files.Certificate))
	require.NoError(t, os.Symlink("..data/tls.key", f.files.Key))
	synctest.Test(t, func(t *testing.T) {
		c := f.load()
		next := mount("..2026_01_03")
		pass(time.Second)
		seen, _, err := connect(t, c.TLS(), &tls.Config{RootCAs: ca.Pool(), ServerName: "localhost"})
		require.NoError(t, err)
		require.Equal(t, next.Serial(t), seen.PeerCertificates[0].SerialNumber.String())
	})
}

func TestClientIsNamedByItsVerifiedCertificate(t *testing.T) {
	f := newFolder(t)
	ca, clients, strangers := listentest.NewAuthority(t, "Desk CA"), listentest.NewAuthority(t, "Client CA"), listentest.NewAuthority(t, "Client CA")
	f.put(ca.Server(t))
	f.files.ClientCA = filepath.Join(t.TempDir(), "clients.pem")
	require.NoError(t, os.WriteFile(f.files.ClientCA, clients.PEM, 0o600))
	synctest.Test(t, func(t *testing.T) {
		c := f.load()
		as := func(certificates ...tls.Certificate) (string, error) {
			_, known, err := connect(t, c.TLS(), &tls.Config{RootCAs: ca.Pool(), ServerName: "localhost", Certificates: certificates, ClientSessionCache: tls.NewLRUClientSessionCache(1)})
			return listen.Subject(&known), err
		}
		gate := clients.Client(t, "var-gate", "Desk").Pair(t)
		subject, err := as(gate)
		require.NoError(t, err)
		require.Equal(t, "CN=var-gate,O=Desk", subject)
		subject, err = as()
		require.NoError(t, err, "a token will do")
		require.Empty(t, subject)
		stranger := strangers.Client(t, "var-gate", "Desk").Pair(t)
		_, err = as(stranger)
		require.ErrorContains(t, err, "unknown authority")

		require.NoError(t, os.WriteFile(f.files.ClientCA, strangers.PEM, 0o600))
		pass(time.Second)
		_, err = as(gate)
		require.ErrorContains(t, err, "unknown authority", "its authority is gone")
		subject, err = as(stranger)
		require.NoError(t, err)
		require.Equal(t, "CN=var-gate,O=Desk", subject)

		require.NoError(t, os.WriteFile(f.files.ClientCA, []byte("nothing"), 0o600))
		pass(time.Second)
		_, err = as(stranger)
		require.NoError(t, err, "a bad file changes nothing")
	})
	require.Empty(t, listen.Subject(nil))
	require.Empty(t, listen.Subject(&tls.ConnectionState{PeerCertificates: []*x509.Certificate{{}}}), "it is not verified")
}

// A session that was resumed would keep what authorities vouched for that are gone.
func TestClientWithCertificateResumesNoSession(t *testing.T) {
	f := newFolder(t)
	ca := listentest.NewAuthority(t, "Desk CA")
	f.put(ca.Server(t))
	for _, clientCA := range []string{"", "clients.pem"} {
		if clientCA != "" {
			f.files.ClientCA = filepath.Join(t.TempDir(), clientCA)
			require.NoError(t, os.WriteFile(f.files.ClientCA, ca.PEM, 0o600))
		}
		server := f.load().TLS()
		client := &tls.Config{RootCAs: ca.Pool(), ServerName: "localhost", Certificates: []tls.Certificate{ca.Client(t, "gate", "Desk").Pair(t)}, ClientSessionCache: tls.NewLRUClientSessionCache(1)}
		var resumed bool
		for range 2 {
			seen, _, err := connect(t, server, client)
			require.NoError(t, err)
			resumed = seen.DidResume
		}
		require.Equal(t, clientCA == "", resumed)
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	f := newFolder(t)
	ca := listentest.NewAuthority(t, "Desk CA")
	f.put(ca.Server(t))
	server := f.load().TLS()
	for version, works := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		_, _, err := connect(t, server, &tls.Config{RootCAs: ca.Pool(), ServerName: "localhost", MinVersion: version, MaxVersion: version})
		require.Equal(t, works, err == nil, "%s: %v", tls.VersionName(version), err)
	}
}

func TestExpiryIsWarnedOfOnceADay(t *testing.T) {
	f := newFolder(t)
	ca := listentest.NewAuthority(t, "Desk CA")
	synctest.Test(t, func(t *testing.T) {
		f.put(ca.ServerUntil(t, time.Now().Add(15*24*time.Hour)))
		c := f.load()
		require.WithinDuration(t, time.Now().Add(15*24*time.Hour), c.Expires(), time.Minute)
		require.Empty(t, f.log.String())
		pass(25 * time.Hour)
		for range 10 {
			pass(time.Minute)
			c.Expires() // as each look at the metrics does
		}
		require.Equal(t, 1, strings.Count(f.log.String(), "the TLS certificate expires soon"), f.log.String())
		require.Contains(t, f.log.String(), "days_left=13")
		pass(24 * time.Hour)
		c.Expires()
		require.Equal(t, 2, strings.Count(f.log.String(), "the TLS certificate expires soon"), f.log.String())
		f.put(ca.ServerUntil(t, time.Now().Add(90*24*time.Hour)))
		pass(time.Second)
		require.WithinDuration(t, time.Now().Add(90*24*time.Hour), c.Expires(), time.Minute)
	})
}

func TestFilesThatDoNotFitAreRefusedAtTheStart(t *testing.T) {
	ca := listentest.NewAuthority(t, "Desk CA")
	for says, change := range map[string]func(f *folder){
		"no such file": func(f *folder) { require.NoError(t, os.Remove(f.files.Key)) },
		"private key does not match": func(f *folder) {
			require.NoError(t, os.WriteFile(f.files.Key, ca.Server(t).Key, 0o600))
		},
		"failed to find any PEM data": func(f *folder) { require.NoError(t, os.WriteFile(f.files.Certificate, nil, 0o600)) },
		"has no certificate in PEM": func(f *folder) {
			f.files.ClientCA = filepath.Join(t.TempDir(), "clients.pem")
			require.NoError(t, os.WriteFile(f.files.ClientCA, ca.Server(t).Key, 0o600))
		},
	} {
		f := newFolder(t)
		f.put(ca.Server(t))
		change(f)
		_, err := listen.LoadCertificates(f.files, slog.New(slog.DiscardHandler))
		require.ErrorContains(t, err, says)
	}
}

func TestCertificateChangesUnderLoad(t *testing.T) {
	f := newFolder(t)
	ca := listentest.NewAuthority(t, "Desk CA")
	f.put(ca.Server(t))
	c, err := listen.LoadCertificates(f.files, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	var clients sync.WaitGroup
	var failed atomic.Pointer[error]
	done := make(chan struct{})
	for range 4 {
		clients.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if _, _, err := connect(t, c.TLS(), &tls.Config{RootCAs: ca.Pool(), ServerName: "localhost"}); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	next := ca.Server(t)
	f.put(next)
	require.Eventually(t, func() bool {
		seen, _, err := connect(t, c.TLS(), &tls.Config{RootCAs: ca.Pool(), ServerName: "localhost"})
		return err == nil && seen.PeerCertificates[0].SerialNumber.String() == next.Serial(t)
	}, 30*time.Second, 10*time.Millisecond)
	close(done)
	clients.Wait()
	require.Nil(t, failed.Load(), "no handshake fails")
}

package listen

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Files are the PEM files of TLS.
type Files struct {
	Certificate string
	Key         string
	// ClientCA has the authorities of client certificates; "": clients are not asked for any.
	ClientCA string
}

const (
	// lookInterval is the least time between two looks at the files.
	lookInterval = time.Second
	// expirySoon is how long before its end a certificate is warned of, once every
	// warnInterval.
	expirySoon   = 14 * 24 * time.Hour
	warnInterval = 24 * time.Hour
)

// Certificates are a certificate, its key and the authorities of clients, as they are in
// their files. The files are looked at when a client connects, so that nothing waits and no
// signal is needed; a pair that does not fit leaves the one before in force. Safe for
// concurrent use.
type Certificates struct {
	files   Files
	log     *slog.Logger
	current atomic.Pointer[loaded]

	looking sync.Mutex // guards what follows
	looked  time.Time
	seen    content
	warned  time.Time
}

// content is what the files hold. It is compared, as times of files do not tell two changes
// within a second apart.
type content struct {
	certificate, key, clientCA string
	unreadable                 string // why a file was not read
}

// loaded is what is made of the content.
type loaded struct {
	config  *tls.Config
	expires time.Time
}

// LoadCertificates reads the files.
func LoadCertificates(files Files, log *slog.Logger) (*Certificates, error) {
	c := &Certificates{files: files, log: log, looked: time.Now(), seen: files.read()}
	first, err := c.seen.load(files)
	if err != nil {
		return nil, err
	}
	c.current.Store(first)
	c.warn(c.looked)
	return c, nil
}

// TLS returns the settings of a server that always uses the certificate in force.
func (c *Certificates) TLS() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			c.look()
			return c.current.Load().config, nil
		},
	}
}

// Expires returns when the certificate in force, or the first of its chain, expires.
func (c *Certificates) Expires() time.Time {
	c.look()
	return c.current.Load().expires
}

// look reads the files again if the last look is long enough ago and no other is under way.
func (c *Certificates) look() {
	if !c.looking.TryLock() {
		return
	}
	defer c.looking.Unlock()
	now := time.Now()
	if now.Sub(c.looked) < lookInterval {
		return
	}
	c.looked = now
	defer c.warn(now)
	found := c.files.read()
	if found == c.seen {
		return
	}
	c.seen = found
	next, err := found.load(c.files)
	if err != nil {
		c.log.Error("the TLS files have changed and are not used: what was read before stays in force", "error", err)
		return
	}
	c.current.Store(next)
	c.log.Info("TLS files read again", "certificate", c.files.Certificate, "expires", next.expires)
}

// warn says that the certificate in force expires soon.
func (c *Certificates) warn(now time.Time) {
	expires := c.current.Load().expires
	if left := expires.Sub(now); left < expirySoon && now.Sub(c.warned) >= warnInterval {
		c.warned = now
		c.log.Warn("the TLS certificate expires soon", "certificate", c.files.Certificate, "expires", expires, "days_left", int(left.Hours()/24))
	}
}

func (f Files) read() content {
	var c content
	for _, file := range []struct {
		path string
		into *string
	}{{f.Certificate, &c.certificate}, {f.Key, &c.key}, {f.ClientCA, &c.clientCA}} {
		if file.path == "" {
			continue
		}
		data, err := os.ReadFile(file.path)
		if err != nil {
			return content{unreadable: err.Error()}
		}
		*file.into = string(data)
	}
	return c
}

// load makes the settings. They offer HTTP/2, by which a browser has all its event streams
// on one connection.
func (c content) load(files Files) (*loaded, error) {
	if c.unreadable != "" {
		return nil, errors.New(c.unreadable)
	}
	pair, err := tls.X509KeyPair([]byte(c.certificate), []byte(c.key))
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", files.Certificate, files.Key, err)
	}
	l := &loaded{expires: pair.Leaf.NotAfter, config: &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "http/1.1"},
	}}
	for _, raw := range pair.Certificate[1:] {
		if issuer, err := x509.ParseCertificate(raw); err == nil && issuer.NotAfter.Before(l.expires) {
			l.expires = issuer.NotAfter
		}
	}
	if files.ClientCA == "" {
		return l, nil
	}
	l.config.ClientAuth, l.config.ClientCAs = tls.VerifyClientCertIfGiven, x509.NewCertPool()
	if !l.config.ClientCAs.AppendCertsFromPEM([]byte(c.clientCA)) {
		return nil, fmt.Errorf("%s: has no certificate in PEM", files.ClientCA)
	}
	// A resumed session would keep what was verified by authorities that may be gone.
	l.config.SessionTicketsDisabled = true
	return l, nil
}

// Subject returns the subject of the verified client certificate of a connection, as RFC
// 2253 writes it, and "" if there is none.
func Subject(state *tls.ConnectionState) string {
	if state == nil || len(state.VerifiedChains) == 0 {
		return ""
	}
	return state.VerifiedChains[0][0].Subject.String()
}

package smtptest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"

	"github.com/emersion/go-smtp"
)

// Config says what a server offers. The zero value is a server without TLS that
// everybody may use.
type Config struct {
	// Certificate makes it offer STARTTLS.
	Certificate *Certificate
	// Implicit makes it talk TLS from the first byte instead.
	Implicit bool
	// Users are names and their passwords or tokens. If there are any, only they can
	// send.
	Users map[string]string
	// Mechanisms are how to log in, the names in upper case; empty: PLAIN and LOGIN.
	Mechanisms []string
	// UTF8 makes it offer SMTPUTF8.
	UTF8 bool
}

// Message is what a client has sent.
type Message struct {
	// From and To are those of the envelope.
	From string
	To   []string
	// Data is the message as it came, without the dots of the protocol.
	Data []byte
	// Hello is the client's name in its greeting, and User that of its login.
	Hello, User string
	// Encrypted tells of TLS, UTF8 that the client asked for SMTPUTF8.
	Encrypted, UTF8 bool
}

// Server is safe for concurrent use.
type Server struct {
	config Config
	server *smtp.Server
	// listener is the plain one.
	listener net.Listener
	port     int
	done     sync.WaitGroup
	closed   chan struct{}

	mu         sync.Mutex
	behaviours map[stageOf]Behaviour
	released   chan struct{} // closed when what hangs may go on
	conns      []net.Conn    // all there were
	silent     []net.Conn    // those among them that wait for a greeting
	messages   []Message
	arrived    chan struct{} // closed when there is one more
}

// Start starts a server on a free port of 127.0.0.1. ctx bounds the start alone.
func Start(ctx context.Context, config Config) (*Server, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start an SMTP server: %w", err)
	}
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		return nil, errors.New("start an SMTP server: it has no port")
	}
	if len(config.Mechanisms) == 0 {
		config.Mechanisms = []string{"PLAIN", "LOGIN"}
	}
	s := &Server{
		config: config, listener: listener, port: address.Port, closed: make(chan struct{}),
		behaviours: map[stageOf]Behaviour{}, released: make(chan struct{}), arrived: make(chan struct{}),
	}
	s.server = smtp.NewServer(smtp.BackendFunc(s.session))
	s.server.Domain, s.server.AllowInsecureAuth, s.server.EnableSMTPUTF8 = "mail.example.com", true, config.UTF8
	s.server.ErrorLog = quiet{}
	var incoming net.Listener = &greeter{listener, s}
	if config.Certificate != nil {
		settings := &tls.Config{Certificates: []tls.Certificate{config.Certificate.TLS}, MinVersion: tls.VersionTLS12}
		if config.Implicit {
			incoming = tls.NewListener(incoming, settings)
		} else {
			s.server.TLSConfig = settings
		}
	}
	s.done.Go(func() { _ = s.server.Serve(incoming) }) // it ends with Close
	return s, nil
}

// quiet hides that connections were cut, which is what tests do.
type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

// Host returns 127.0.0.1.
func (s *Server) Host() string { return "127.0.0.1" }

// Port returns the server's port.
func (s *Server) Port() int { return s.port }

// Close cuts all connections and waits until nothing of the server is left.
func (s *Server) Close() error {
	s.mu.Lock()
	close(s.closed)
	err := s.listener.Close()
	for _, conn := range s.conns {
		_ = conn.Close() // most are closed already
	}
	s.mu.Unlock()
	s.done.Wait()
	// It waits until no connection is served. Its error can only be that the listener is
	// closed already.
	_ = s.server.Shutdown(context.Background())
	return err
}

// Messages returns what was taken so far, in order.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Wait waits until at least so many messages were taken, and returns all of them.
func (s *Server) Wait(ctx context.Context, atLeast int) ([]Message, error) {
	for {
		s.mu.Lock()
		messages, arrived := slices.Clone(s.messages), s.arrived
		s.mu.Unlock()
		if len(messages) >= atLeast {
			return messages, nil
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return messages, fmt.Errorf("wait for %d messages, there are %d: %w", atLeast, len(messages), ctx.Err())
		}
	}
}

func (s *Server) keep(m Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages = append(s.messages, m)
	close(s.arrived)
	s.arrived = make(chan struct{})
}

// greeter accepts connections, and misbehaves before the server says a word.
type greeter struct {
	net.Listener
	server *Server
}

// Accept implements [net.Listener].
func (g *greeter) Accept() (net.Conn, error) {
	for {
		conn, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if g.server.admit(conn) {
			return conn, nil
		}
	}
}

// admit reports whether the server is to talk to a client.
func (s *Server) admit(conn net.Conn) bool {
	b, ok := s.behaviour(Greeting, "")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns = append(s.conns, conn)
	select {
	case <-s.closed:
		_ = conn.Close()
		return false
	default:
	}
	switch {
	case !ok:
		return true
	case b.Hang:
		s.silent = append(s.silent, conn)
		return false
	case !b.Cut:
		_, _ = fmt.Fprintf(conn, "%d %s\r\n", b.Code, b.Text) // the client may have gone
	}
	_ = conn.Close()
	return false
}

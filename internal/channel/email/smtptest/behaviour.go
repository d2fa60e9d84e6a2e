package smtptest

import (
	"github.com/emersion/go-smtp"
)

// Stage is a moment of a client's conversation with the server.
type Stage string

// The stages, in their order.
const (
	// Greeting is before the server's first word.
	Greeting Stage = "greeting"
	// Hello is EHLO, Auth the last step of a login.
	Hello Stage = "hello"
	Auth  Stage = "auth"
	// Mail is the sender, Recipient each recipient.
	Mail      Stage = "mail"
	Recipient Stage = "recipient"
	// Content is after the first bytes of the message, Taken after it was kept and
	// before the client is told so.
	Content Stage = "content"
	Taken   Stage = "taken"
)

// Behaviour is what a server does instead of going on.
type Behaviour struct {
	// Code and Text are the answer, such as 451 and "4.3.0 try again later".
	Code int
	Text string
	// Cut closes the connection instead.
	Cut bool
	// Hang waits until [Server.BehaveWell] or [Server.Close].
	Hang bool
}

// stageOf is a stage, for one recipient only if there is an address.
type stageOf struct {
	stage   Stage
	address string
}

// Behave says what to do at a stage from now on.
func (s *Server) Behave(stage Stage, b Behaviour) { s.set(stageOf{stage: stage}, b) }

// BehaveTo is [Server.Behave] for one recipient.
func (s *Server) BehaveTo(address string, b Behaviour) { s.set(stageOf{Recipient, address}, b) }

func (s *Server) set(at stageOf, b Behaviour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behaviours[at] = b
}

// BehaveWell ends all misbehaviour. Conversations that hang go on.
func (s *Server) BehaveWell() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.behaviours)
	close(s.released)
	s.released = make(chan struct{})
	for _, conn := range s.silent {
		_ = conn.Close() // it never was with the server
	}
	s.silent = nil
}

func (s *Server) behaviour(stage Stage, address string) (Behaviour, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.behaviours[stageOf{stage, address}]
	if !ok {
		b, ok = s.behaviours[stageOf{stage: stage}]
	}
	return b, ok
}

// reach misbehaves at a stage, if it is to. The error is the answer.
func (s *Server) reach(conn *smtp.Conn, stage Stage, address string) error {
	b, ok := s.behaviour(stage, address)
	switch {
	case !ok:
		return nil
	case b.Cut:
		_ = conn.Conn().Close()
		return smtp.ErrDataReset // which nobody reads
	case b.Hang:
		s.mu.Lock()
		released := s.released
		s.mu.Unlock()
		select {
		case <-released:
		case <-s.closed:
		}
		return nil
	default:
		return &smtp.SMTPError{Code: b.Code, EnhancedCode: smtp.NoEnhancedCode, Message: b.Text}
	}
}

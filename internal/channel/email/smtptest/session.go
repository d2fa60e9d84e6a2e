package smtptest

import (
	"io"
	"slices"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// session is one client's conversation, from EHLO or STARTTLS on.
type session struct {
	server  *Server
	conn    *smtp.Conn
	user    string
	message Message
}

func (s *Server) session(conn *smtp.Conn) (smtp.Session, error) {
	if err := s.reach(conn, Hello, ""); err != nil {
		return nil, err
	}
	return &session{server: s, conn: conn}, nil
}

// AuthMechanisms implements [smtp.AuthSession].
func (s *session) AuthMechanisms() []string {
	if len(s.server.config.Users) == 0 {
		return nil
	}
	return s.server.config.Mechanisms
}

// Auth implements [smtp.AuthSession].
func (s *session) Auth(mechanism string) (sasl.Server, error) {
	if !slices.Contains(s.AuthMechanisms(), mechanism) {
		return nil, smtp.ErrAuthUnknownMechanism
	}
	return newLogin(mechanism, s.check), nil
}

// check is the end of every login.
func (s *session) check(user string, matches func(password string) bool) error {
	if err := s.server.reach(s.conn, Auth, ""); err != nil {
		return err
	}
	password, known := s.server.config.Users[user]
	if !known || !matches(password) {
		return smtp.ErrAuthFailed
	}
	s.user = user
	return nil
}

// Mail implements [smtp.Session].
func (s *session) Mail(from string, options *smtp.MailOptions) error {
	if len(s.server.config.Users) > 0 && s.user == "" {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "Authentication required"}
	}
	if err := s.server.reach(s.conn, Mail, ""); err != nil {
		return err
	}
	_, encrypted := s.conn.TLSConnectionState()
	s.message = Message{From: from, Hello: s.conn.Hostname(), User: s.user, Encrypted: encrypted, UTF8: options.UTF8}
	return nil
}

// Rcpt implements [smtp.Session].
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if err := s.server.reach(s.conn, Recipient, to); err != nil {
		return err
	}
	s.message.To = append(s.message.To, to)
	return nil
}

// Data implements [smtp.Session].
func (s *session) Data(r io.Reader) error {
	first := make([]byte, 64)
	n, err := io.ReadFull(r, first)
	if err != nil {
		return err
	}
	if err := s.server.reach(s.conn, Content, ""); err != nil {
		return err
	}
	rest, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.message.Data = append(first[:n], rest...)
	s.server.keep(s.message)
	return s.server.reach(s.conn, Taken, "")
}

// Reset implements [smtp.Session].
func (s *session) Reset() { s.message = Message{} }

// Logout implements [smtp.Session].
func (s *session) Logout() error { return nil }

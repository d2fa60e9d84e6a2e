package smtptest

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // the mechanism is made of it
	"encoding/hex"
	"strings"

	"github.com/emersion/go-sasl"
)

// challenge is what CRAM-MD5 asks; real servers take another one each time.
const challenge = "<1896.697170952@mail.example.com>"

// checkFunc ends a login. matches reports whether the client has proved that it knows a
// password.
type checkFunc func(user string, matches func(password string) bool) error

// newLogin returns the server's side of a mechanism.
func newLogin(mechanism string, check checkFunc) sasl.Server {
	is := func(sent string) func(string) bool {
		return func(password string) bool { return password == sent }
	}
	switch mechanism {
	case "LOGIN":
		return &loginServer{check: check}
	case "CRAM-MD5":
		return &cramServer{check: check}
	case "XOAUTH2":
		return &xoauth2Server{check: check}
	default:
		return sasl.NewPlainServer(func(_, user, password string) error { return check(user, is(password)) })
	}
}

// loginServer asks for the name, then for the password.
type loginServer struct {
	check checkFunc
	user  *string
	asked bool
}

// Next implements [sasl.Server].
func (l *loginServer) Next(response []byte) ([]byte, bool, error) {
	switch {
	case response == nil && !l.asked:
		l.asked = true
		return []byte("Username:"), false, nil
	case l.user == nil:
		user := string(response)
		l.user = &user
		return []byte("Password:"), false, nil
	}
	sent := string(response)
	return nil, true, l.check(*l.user, func(password string) bool { return password == sent })
}

// cramServer is RFC 2195.
type cramServer struct {
	check checkFunc
	asked bool
}

// Next implements [sasl.Server].
func (c *cramServer) Next(response []byte) ([]byte, bool, error) {
	if !c.asked {
		c.asked = true
		return []byte(challenge), false, nil
	}
	at := bytes.LastIndexByte(response, ' ')
	if at < 0 {
		return nil, true, sasl.ErrUnexpectedClientResponse
	}
	return nil, true, c.check(string(response[:at]), func(password string) bool {
		sum := hmac.New(md5.New, []byte(password))
		_, _ = sum.Write([]byte(challenge)) // a hash never fails
		return hmac.Equal([]byte(hex.EncodeToString(sum.Sum(nil))), response[at+1:])
	})
}

// xoauth2Server is Google's and Microsoft's: a token, and after a wrong one a
// challenge that the client answers by nothing.
type xoauth2Server struct {
	check  checkFunc
	failed error
}

// Next implements [sasl.Server].
func (x *xoauth2Server) Next(response []byte) ([]byte, bool, error) {
	if x.failed != nil {
		return nil, true, x.failed
	}
	if response == nil {
		return []byte{}, false, nil
	}
	fields := strings.Split(string(response), "\x01")
	if len(fields) != 4 {
		return nil, true, sasl.ErrUnexpectedClientResponse
	}
	user, token := strings.TrimPrefix(fields[0], "user="), strings.TrimPrefix(fields[1], "auth=Bearer ")
	if x.failed = x.check(user, func(password string) bool { return password == token }); x.failed != nil {
		return []byte(`{"status":"401","schemes":"bearer"}`), false, nil //nolint:nilerr // the protocol says so later
	}
	return nil, true, nil
}

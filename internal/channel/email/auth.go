package email

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wneessen/go-mail/smtp"
)

// noMechanismError says that the server offers no login that the settings allow.
type noMechanismError struct{ text string }

func (e noMechanismError) Error() string { return e.text }

// authentication returns how to log in. offered are the mechanisms of the server, in
// upper case.
func (c *Channel) authentication(offered []string, encrypted bool) (smtp.Auth, error) {
	if len(offered) == 0 {
		return nil, noMechanismError{"the server offers no login; without smtp_user there is none"}
	}
	if c.config.Auth != "" {
		name := strings.ToUpper(c.config.Auth)
		if !slices.Contains(offered, name) {
			return nil, noMechanismError{fmt.Sprintf("the server does not offer %s, it offers %s", name, strings.Join(offered, ", "))}
		}
		return c.mechanism(name), nil
	}
	// In clear text only logins that hide the password. Encrypted, PLAIN comes before
	// CRAM-MD5, for which a server must store the password itself.
	preferred, private := []string{"SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5"}, encrypted || isLocal(c.config.Host)
	if private {
		preferred = []string{"SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN", "CRAM-MD5"}
	}
	for _, name := range preferred {
		if slices.Contains(offered, name) {
			return c.mechanism(name), nil
		}
	}
	why := "and alertd uses these only if auth names one"
	if !private {
		why = "none of these hides the password, and the connection is not encrypted"
	}
	return nil, noMechanismError{fmt.Sprintf("the server offers %s, %s", strings.Join(offered, ", "), why)}
}

func (c *Channel) mechanism(name string) smtp.Auth {
	user, password := c.config.User, c.config.Password
	switch name {
	case "SCRAM-SHA-256":
		return smtp.ScramSHA256Auth(user, password)
	case "SCRAM-SHA-1":
		return smtp.ScramSHA1Auth(user, password)
	case "CRAM-MD5":
		return smtp.CRAMMD5Auth(user, password)
	case "LOGIN":
		return smtp.LoginAuth(user, password, c.config.Host, false)
	case "XOAUTH2":
		return smtp.XOAuth2Auth(user, password)
	default:
		return smtp.PlainAuth("", user, password, c.config.Host, false)
	}
}

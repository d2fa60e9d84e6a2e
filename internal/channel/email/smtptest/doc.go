// Package smtptest is an SMTP server for tests: a real one, on a port of 127.0.0.1,
// that keeps what it takes and can be told to behave badly.
//
// It offers STARTTLS or TLS from the first byte, and logins by PLAIN, LOGIN, CRAM-MD5
// and XOAUTH2. [Server.Behave] makes it refuse, cut the connection or hang at any
// [Stage]; [Server.Wait] waits for messages.
package smtptest

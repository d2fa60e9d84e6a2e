package email

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"

	"alertd/internal/channel"
)

// maxQuote is how many bytes of what the server says an error quotes.
const maxQuote = 256

var errNoStartTLS = errors.New(`the server does not offer STARTTLS, and nothing is sent in clear text unless tls = "none"`)

// failed returns what an error means for the message.
func (c *Channel) failed(ctx context.Context, err error) channel.Result {
	step := ""
	if s, ok := errors.AsType[*stepError](err); ok {
		step, err = s.step, s.err
	}
	result := channel.Result{Outcome: channel.Transient}
	text := err.Error()
	if answer, ok := errors.AsType[*textproto.Error](err); ok {
		result.Code = answer.Code
		if answer.Code >= 500 && answer.Code < 600 {
			result.Outcome = channel.Permanent
		}
		text = strings.Replace(text, answer.Error(), "answered "+said(answer), 1)
		if step == "login" {
			text = longToken.ReplaceAllString(c.secrets.Hide(text), channel.Hidden)
		}
	} else {
		text = explain(ctx, err)
		if _, ok := errors.AsType[noMechanismError](err); ok {
			result.Outcome = channel.Permanent
		}
	}
	result.Error = step + ": " + c.quote(text)
	return result
}

// said returns a server's answer as it came.
func said(answer *textproto.Error) string { return strconv.Itoa(answer.Code) + " " + answer.Msg }

// longToken is what may be a part of a login that the server quotes; see secretsOf
// for a whole one.
var longToken = regexp.MustCompile(`[A-Za-z0-9+/_-]{16,}=*`)

// explain puts an error that is no answer of the server into words that say what to
// look at.
func explain(ctx context.Context, err error) string {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return "no answer within the timeout"
	}
	if ctx.Err() != nil {
		return "interrupted before there was an answer"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "the server's certificate is not accepted: " + err.Error()
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "the server's certificate is not accepted: " + err.Error()
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return `the server does not speak TLS here; most ports but 465 want tls = "starttls"`
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "the connection was closed without an answer"
	}
	return err.Error()
}

// refusals names who does not get the message, and why; "" if everybody does.
func (c *Channel) refusals(refused []refusal) string {
	texts := make([]string, 0, len(refused))
	for _, r := range refused {
		texts = append(texts, c.quote(r.recipient+" ("+said(r.answer)+")"))
	}
	if len(texts) == 0 {
		return ""
	}
	return channel.ShortenBytes("taken, but not for "+strings.Join(texts, ", "), 4*maxQuote)
}

// quote returns a text, which may be the server's, in one line and without secrets.
func (c *Channel) quote(text string) string {
	// What is cut or changed must be hidden first, or half a secret would be left.
	return channel.ShortenBytes(channel.OneLine(channel.Printable(c.secrets.Hide(text))), maxQuote)
}

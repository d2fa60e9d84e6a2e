package email

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/textproto"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"alertd/internal/channel"
	"alertd/internal/plaintext"
)

// maxQuote is how many bytes of what the server says an error quotes.
const maxQuote = 256

var errNoStartTLS = errors.New(`the server does not offer STARTTLS, and nothing is sent in clear text unless tls = "none"`)

// failed returns what one or more errors mean for the message. One that may work later
// decides, so that the message is tried again.
func (c *Channel) failed(ctx context.Context, failures []error) channel.Result {
	var worst channel.Result
	var texts []string
	for _, err := range failures {
		result := c.classify(ctx, err)
		if worst.Outcome == 0 || worst.Outcome == channel.Permanent && result.Outcome == channel.Transient {
			worst = result
		}
		if !slices.Contains(texts, result.Error) {
			texts = append(texts, result.Error)
		}
	}
	worst.Error = channel.ShortenBytes(strings.Join(texts, "; "), 4*maxQuote)
	return worst
}

// classify returns what one error means.
func (c *Channel) classify(ctx context.Context, err error) channel.Result {
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

// said returns a server's answer.
func said(answer *textproto.Error) string { return strconv.Itoa(answer.Code) + " " + answer.Msg }

// longToken finds what may be part of a login that the server quotes. secretsOf has the
// whole ones.
var longToken = regexp.MustCompile(`[A-Za-z0-9+/_-]{16,}=*`)

// explain returns the text of an error that is not an answer of the server, in words
// that say what to look at.
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

// quote returns a text, which may come from the server, in one line and without secrets.
func (c *Channel) quote(text string) string {
	// What is cut or changed must be hidden first, or half a secret would be left.
	return channel.ShortenBytes(channel.OneLine(plaintext.Lines(c.secrets.Hide(text))), maxQuote)
}

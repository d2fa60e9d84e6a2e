// Package outbound is what channels talk HTTP with: a client that follows no
// redirect away from the host it was told of, reads answers to a limit, and turns
// what came of a request into a channel.Result without secrets.
package outbound

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"alertd/internal/channel"
)

const (
	// maxAnswer is how many bytes of an answer are read.
	maxAnswer = 64 << 10
	// maxQuote is how many bytes of it an error quotes.
	maxQuote = 256
	// maxRetryAfter bounds what the other side may ask for.
	maxRetryAfter = 24 * time.Hour
)

// Config says how to get out. The zero value is fine.
type Config struct {
	// Proxy is the URL of a proxy, http, https or socks5; "" stands for what the
	// environment says (HTTPS_PROXY, HTTP_PROXY, NO_PROXY).
	Proxy string
	// CAFile has certificates in PEM that are trusted beside the system's.
	CAFile string
}

// Validate returns nil or an error that names the key, and what is allowed.
func (c Config) Validate() error { return channel.Invalid(c.problems()...) }

func (c Config) problems() []channel.Problem {
	var problems []channel.Problem
	if _, err := c.proxy(); err != nil {
		problems = append(problems, channel.Problem{Field: "proxy", Message: err.Error()})
	}
	if _, err := c.TLS(); err != nil {
		problems = append(problems, channel.Problem{Field: "ca_file", Message: err.Error()})
	}
	return problems
}

var errProxy = errors.New("must be the URL of a proxy such as http://proxy.example.com:3128, with http, https or socks5")

func (c Config) proxy() (func(*http.Request) (*url.URL, error), error) {
	if c.Proxy == "" {
		return http.ProxyFromEnvironment, nil
	}
	u, err := url.Parse(c.Proxy)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "socks5" {
		return nil, errProxy
	}
	return http.ProxyURL(u), nil
}

// TLS returns the settings of TLS by this configuration.
func (c Config) TLS() (*tls.Config, error) {
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile == "" {
		return settings, nil
	}
	pem, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	if settings.RootCAs, err = x509.SystemCertPool(); err != nil {
		settings.RootCAs = x509.NewCertPool()
	}
	if !settings.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s has no certificate in PEM", c.CAFile)
	}
	return settings, nil
}

// Client sends requests. Safe for concurrent use.
type Client struct {
	// HTTP is the client itself, for libraries that want one. What it returns is
	// limited, and follows redirects, as the package says.
	HTTP    *http.Client
	secrets channel.Secrets
}

// New returns a client. secrets are hidden in whatever it says.
func New(config Config, secrets channel.Secrets) (*Client, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	proxy, err := config.proxy()
	if err != nil {
		return nil, err
	}
	settings, err := config.TLS()
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy: proxy, TLSClientConfig: settings, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: 10 * time.Second, MaxResponseHeaderBytes: 64 << 10,
		HTTP2:        &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 5 * time.Second}, // finds connections that are dead
		MaxIdleConns: 32, MaxIdleConnsPerHost: 16, IdleConnTimeout: 90 * time.Second,
	}
	secrets = secrets.With(channel.URLSecrets(config.Proxy)...)
	return &Client{secrets: secrets, HTTP: &http.Client{Transport: limited{transport}, CheckRedirect: sameHost}}, nil
}

// Close closes idle connections.
func (c *Client) Close() error {
	c.HTTP.CloseIdleConnections()
	return nil
}

// sameHost follows a redirect only to the same host, and only if the message goes
// along: a POST that becomes a GET says 200 and delivers nothing.
func sameHost(next *http.Request, via []*http.Request) error {
	first := via[0]
	if len(via) > 3 || next.Method != first.Method || next.URL.Host != first.URL.Host || next.URL.Scheme != first.URL.Scheme {
		return http.ErrUseLastResponse
	}
	return nil
}

// limited is a transport whose answers end after maxAnswer bytes.
type limited struct{ *http.Transport }

// RoundTrip implements http.RoundTripper.
func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := l.Transport.RoundTrip(r)
	if err == nil {
		answer.Body = limitedBody{io.LimitReader(answer.Body, maxAnswer), answer.Body}
	}
	return answer, err
}

type limitedBody struct {
	io.Reader
	io.Closer
}

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	// Body has at most 64 KiB.
	Body []byte
}

// Do sends a request, once, and says what became of it: any 2xx is
// [channel.Delivered]; see [Classify] for the rest. If the answer's body cannot be
// read, a status of 2xx still counts.
func (c *Client) Do(r *http.Request) (Answer, channel.Result) {
	answer, err := c.HTTP.Do(r)
	if err != nil {
		return Answer{}, c.Failed(err)
	}
	defer func() { _ = answer.Body.Close() }() // it was read, or is given up
	var body bytes.Buffer
	_, err = body.ReadFrom(answer.Body)
	result := c.Classify(answer.StatusCode, answer.Header, body.Bytes())
	if err != nil && result.Outcome != channel.Delivered {
		result.Error += " (the answer was cut off)"
	}
	return Answer{answer.StatusCode, answer.Header, body.Bytes()}, result
}

// Failed returns the result of a request that had no answer. Whether it was taken
// is not known.
func (c *Client) Failed(err error) channel.Result {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // without the URL, which is secret
	}
	text := err.Error()
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		text = "no answer within the timeout"
	case errors.Is(err, context.Canceled):
		text = "interrupted before there was an answer"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		text = "the connection was closed without an answer"
	}
	return channel.Result{Outcome: channel.Transient, Error: c.secrets.Hide(channel.ShortenBytes(channel.OneLine(text), 4*maxQuote))}
}

// Classify returns the result of an answer: 2xx was delivered; 408, 425, 429 and 5xx
// are transient, with Retry-After (RFC 9110, seconds or a date) where it is given; any
// other is permanent. The error quotes the beginning of the body.
func (c *Client) Classify(status int, header http.Header, body []byte) channel.Result {
	result := channel.Result{Code: status}
	switch {
	case status >= 200 && status < 300:
		result.Outcome = channel.Delivered
		return result
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests, status >= 500:
		result.Outcome = channel.Transient
		result.RetryAfter = RetryAfter(header, time.Now())
	default:
		result.Outcome = channel.Permanent
	}
	result.Error = "answered " + strconv.Itoa(status)
	if text := http.StatusText(status); text != "" {
		result.Error += " " + text
	}
	if status >= 300 && status < 400 {
		result.Error += ", a redirect that is not followed"
	}
	if quote := c.Quote(body); quote != "" {
		result.Error += ": " + quote
	}
	return result
}

// Quote returns the beginning of a text from the other side, in one line, without
// secrets.
func (c *Client) Quote(body []byte) string {
	// What is cut must be hidden first, or half a secret would be left.
	return channel.ShortenBytes(c.secrets.Hide(channel.OneLine(string(bytes.ToValidUTF8(body, []byte("�"))))), maxQuote)
}

// RetryAfter reads the header of that name, at now: 0 if there is none or it makes no
// sense, and at most a day.
func RetryAfter(header http.Header, now time.Time) time.Duration {
	text := header.Get("Retry-After")
	var wait time.Duration
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		wait = time.Duration(min(seconds, maxRetryAfter.Seconds()) * float64(time.Second))
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), maxRetryAfter)
}

// Package outbound is the HTTP client of channels. It follows no redirect to another
// host, reads answers to a limit, and turns the outcome of a request into a
// channel.Result without secrets.
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
	"time"

	"alertd/internal/channel"
)

// Config is the settings of the connection. The zero value is valid.
type Config struct {
	// Proxy is the URL of a proxy, http, https or socks5; "": that of the environment
	// (HTTPS_PROXY, HTTP_PROXY, NO_PROXY).
	Proxy string
	// CAFile is a file of certificates in PEM that are trusted beside the system's.
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

// TLS returns the settings of TLS.
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
	http    *http.Client
	secrets channel.Secrets
}

// New returns a client. No text that it returns shows one of the secrets.
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
	return &Client{secrets: secrets, http: &http.Client{Transport: transport, CheckRedirect: sameHost}}, nil
}

// Hiding returns the client, with further secrets to hide.
func (c *Client) Hiding(secrets ...string) *Client {
	return &Client{http: c.http, secrets: c.secrets.With(secrets...)}
}

// Close closes idle connections.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// sameHost follows a redirect only to the same host, and only if the message goes
// along: a POST that becomes a GET is answered 200 and delivers nothing.
func sameHost(next *http.Request, via []*http.Request) error {
	first := via[0]
	if len(via) > 3 || next.Method != first.Method || next.URL.Host != first.URL.Host || next.URL.Scheme != first.URL.Scheme {
		return http.ErrUseLastResponse
	}
	return nil
}

// Post sends JSON, once. The rest is as with [Client.Do].
func (c *Client) Post(ctx context.Context, address string, body []byte) (Answer, channel.Result) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return Answer{}, c.Unsent(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "alertd")
	return c.Do(request)
}

// Do sends a request, once, and returns the answer and its usual meaning: any 2xx is
// delivered; 408, 425, 429 and 5xx are transient; any other status is permanent. The
// error quotes the beginning of the body. Without an answer its Status is 0, and whether
// the request has arrived is unknown. If the answer's body cannot be read, a status of
// 2xx still counts.
func (c *Client) Do(r *http.Request) (Answer, channel.Result) {
	response, err := c.http.Do(r)
	if err != nil {
		return Answer{}, c.failed(err)
	}
	defer func() { _ = response.Body.Close() }() // it was read, or is given up
	var body bytes.Buffer
	_, err = body.ReadFrom(io.LimitReader(response.Body, maxAnswer))
	answer := Answer{Status: response.StatusCode, Header: response.Header, Body: body.Bytes()}
	result := c.classify(&answer)
	if err != nil && result.Outcome != channel.Delivered {
		result.Error += " (the answer was cut off)"
	}
	return answer, result
}

// failed returns the result of a request that had no answer.
func (c *Client) failed(err error) channel.Result {
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

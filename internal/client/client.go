package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"alertd/internal/access"
)

// Config says which alertd to ask, and how.
type Config struct {
	// URL is http://HOST:PORT, https://HOST or unix:/PATH of a socket, with the path of a
	// prefix that a proxy takes away, if there is one.
	URL string
	// Token is sent with each request; the zero value is none.
	Token access.Secret
	// PlainHTTP allows to send the token without TLS to another machine.
	PlainHTTP bool
	// CAFile is a file of certificates in PEM that are trusted beside the system's.
	CAFile string
	// CertFile and KeyFile are those of a client certificate, in PEM; both or none.
	CertFile, KeyFile string
	// Timeout is how long one request may take, and how long a stream may take to begin.
	Timeout time.Duration
}

// maxAnswer is how many bytes of an answer are read.
const maxAnswer = 64 << 20

// Client asks one alertd. Safe for concurrent use.
type Client struct {
	base    *url.URL
	shown   string // the address for messages
	token   access.Secret
	timeout time.Duration
	http    *http.Client
}

// New returns a client. It connects with the first request. The error says which setting
// is wrong, and does not quote a secret.
func New(config Config) (*Client, error) {
	base, socket, err := parseURL(config.URL)
	if err != nil {
		return nil, err
	}
	if config.Token != (access.Secret{}) && !config.PlainHTTP && socket == "" && base.Scheme == "http" && !loopback(base.Hostname()) {
		return nil, fmt.Errorf("%s is plain http to another machine: a listener on the way could take the token and use it; use https, or allow it by --plain-http", base)
	}
	settings, err := config.tls()
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: config.Timeout}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, TLSClientConfig: settings, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: config.Timeout, ResponseHeaderTimeout: config.Timeout, MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConnsPerHost: 2, IdleConnTimeout: 30 * time.Second,
	}
	if socket != "" {
		transport.Proxy = nil
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", socket)
		}
	}
	return &Client{
		base: base, shown: config.URL, token: config.Token, timeout: config.Timeout,
		http: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}, nil
}

// parseURL returns the address, and the path of the socket if it is one.
func parseURL(text string) (base *url.URL, socket string, err error) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		path = strings.TrimPrefix(path, "//")
		if !strings.HasPrefix(path, "/") {
			return nil, "", errors.New("unix: must be followed by the path of a socket from the root, such as unix:/run/alertd.sock")
		}
		return &url.URL{Scheme: "http", Host: "localhost"}, path, nil
	}
	base, err = url.Parse(text)
	switch {
	case err != nil || base.Hostname() == "" || base.Scheme != "http" && base.Scheme != "https":
		return nil, "", errors.New("must be an address such as https://alerts.example.com, http://127.0.0.1:8080 or unix:/run/alertd.sock")
	case base.User != nil:
		return nil, "", errors.New("must have no user and no password: give the token by --token-file or ALERTD_TOKEN")
	case base.RawQuery != "" || base.Fragment != "":
		return nil, "", errors.New("must have no ? and no #")
	}
	base.Path = strings.TrimRight(base.Path, "/")
	base.RawPath = ""
	return base, "", nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (c Config) tls() (*tls.Config, error) {
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("CA file: %w", err)
		}
		if settings.RootCAs, err = x509.SystemCertPool(); err != nil {
			settings.RootCAs = x509.NewCertPool()
		}
		if !settings.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("CA file: %s has no certificate in PEM", c.CAFile)
		}
	}
	if c.CertFile != "" || c.KeyFile != "" {
		if c.CertFile == "" || c.KeyFile == "" {
			return nil, errors.New("a client certificate needs both its certificate and its key file")
		}
		certificate, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("client certificate: %w", err)
		}
		settings.Certificates = []tls.Certificate{certificate}
	}
	return settings, nil
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Path joins the parts of a path, each of them escaped.
func Path(parts ...string) string {
	var path strings.Builder
	for _, part := range parts {
		path.WriteString("/" + url.PathEscape(part))
	}
	return path.String()
}

// Get returns the JSON at a path (see [Path]).
func (c *Client) Get(ctx context.Context, path string, query url.Values) (json.RawMessage, error) {
	return c.ask(ctx, http.MethodGet, path, query, "", nil)
}

// Post sends a value as JSON, or nothing if it is nil, and returns the JSON of the answer.
func (c *Client) Post(ctx context.Context, path string, body any) (json.RawMessage, error) {
	if body == nil {
		return c.ask(ctx, http.MethodPost, path, nil, "", nil)
	}
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return c.ask(ctx, http.MethodPost, path, nil, "application/json", data)
}

// Delete deletes what is at a path (see [Path]) and returns the JSON of the answer.
func (c *Client) Delete(ctx context.Context, path string, query url.Values) (json.RawMessage, error) {
	return c.ask(ctx, http.MethodDelete, path, query, "", nil)
}

func (c *Client) ask(ctx context.Context, method, path string, query url.Values, media string, body []byte) (json.RawMessage, error) {
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	response, err := c.do(bounded, method, path, query, func(h http.Header) {
		h.Set("Accept", "application/json")
		if media != "" {
			h.Set("Content-Type", media)
		}
	}, body)
	if err != nil {
		return nil, c.orInterrupted(ctx, err)
	}
	defer func() { _ = response.Body.Close() }() // it was read, or is given up
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, c.orInterrupted(ctx, &UnreachableError{c.shown, fmt.Errorf("the answer was cut off: %w", plainly(err))})
	case len(data) > maxAnswer:
		return nil, fmt.Errorf("the answer has more than %d MiB; ask for less at once", maxAnswer>>20)
	case !json.Valid(data):
		return nil, c.stranger("the answer is not JSON")
	}
	return data, nil
}

// Lines returns what is at a path as lines of JSON, of any length. Reading fails with an
// [*UnreachableError] if the answer is cut off.
func (c *Client) Lines(ctx context.Context, path string) (io.ReadCloser, error) {
	const media = "application/x-ndjson"
	response, err := c.do(ctx, http.MethodGet, path, nil, func(h http.Header) { h.Set("Accept", media) }, nil)
	if err != nil {
		return nil, c.orInterrupted(ctx, err)
	}
	if got := response.Header.Get("Content-Type"); !strings.HasPrefix(got, media) {
		return nil, errors.Join(c.stranger(fmt.Sprintf("the answer is %q and not %s", got, media)), response.Body.Close())
	}
	return lines{response.Body, c.shown}, nil
}

// lines is an answer that may be cut off.
type lines struct {
	io.ReadCloser
	from string
}

func (l lines) Read(p []byte) (int, error) {
	n, err := l.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &UnreachableError{l.from, fmt.Errorf("the answer was cut off: %w", err)}
	}
	return n, err
}

// do sends a request. The answer is a success; its body is the caller's to close.
func (c *Client) do(ctx context.Context, method, path string, query url.Values, headers func(http.Header), body []byte) (*http.Response, error) {
	address := c.base.String() + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	request.Header.Set("User-Agent", "alertd")
	if c.token != (access.Secret{}) {
		request.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	}
	headers(request.Header)
	response, err := c.http.Do(request)
	if err != nil {
		return nil, &UnreachableError{c.shown, plainly(err)}
	}
	if response.StatusCode >= 200 && response.StatusCode < 300 {
		return response, nil
	}
	defer func() { _ = response.Body.Close() }() // it is read as far as it matters
	return nil, readError(response)
}

// orInterrupted returns the cause of a context that has ended, or else the error.
func (c *Client) orInterrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// stranger says that something else than alertd has answered, such as a proxy.
func (c *Client) stranger(why string) error {
	return &UnreachableError{c.shown, errors.New(why + ", so it is not alertd that answers")}
}

package config

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
)

const (
	// unixPrefix begins the path of a Unix socket to listen on.
	unixPrefix = "unix:"
	// systemdListen is a socket that systemd has opened, perhaps with a colon and its name.
	systemdListen = "systemd"
	// maxSocketPath is how long the path of a Unix socket may be; the kernel has no more
	// room.
	maxSocketPath = 107

	allowedListen = "host:port such as 127.0.0.1:8080, with a port from 0 to 65535, unix: and a path, systemd, or systemd: and a socket's name"
)

func validListen(text string) bool {
	if path, ok := strings.CutPrefix(text, unixPrefix); ok {
		return path != "" && len(path) <= maxSocketPath
	}
	if isSystemd(text) {
		return text != systemdListen+":"
	}
	host, port, err := net.SplitHostPort(text)
	return err == nil && validPort(port) && len(host) <= 255
}

func isSystemd(listen string) bool {
	return listen == systemdListen || strings.HasPrefix(listen, systemdListen+":")
}

// beyondLoopback reports whether other machines may reach what listens on this. It is
// false for a socket of systemd, whose address is not known before the start.
func beyondLoopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil || strings.HasPrefix(listen, unixPrefix) || isSystemd(listen) {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return host != "localhost" && (err != nil || !addr.Unmap().IsLoopback())
}

// validIssuer reports whether a text is "" or the URL of a provider. Without TLS anybody in
// between could sign in as anybody, so it must be on this machine then.
func validIssuer(text string) bool {
	u, err := url.Parse(text)
	if text == "" || err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return text == ""
	}
	return u.Scheme == "https" || u.Scheme == "http" && !beyondLoopback(net.JoinHostPort(u.Hostname(), "0"))
}

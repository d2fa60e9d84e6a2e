package config

import (
	"net"
	"net/netip"
	"net/url"

	"alertd/internal/listen"
)

// address is a setting: where to listen. It may be empty if it is optional.
func address(name string, at *string, optional bool) setting {
	s := text(name, at)
	s.read = func(t *table, name string) {
		t.string(name, at)
		if _, err := listen.ParseAddress(*at); err != nil && (*at != "" || !optional) {
			t.r.problem(join(t.key, name), "%s is not allowed, %s", t.quote(name, *at), err)
		}
	}
	return s
}

// beyondLoopback reports whether other machines may reach what listens on an address. It is
// false for sockets of systemd, as their addresses are not known before the start.
func beyondLoopback(text string) bool {
	address, err := listen.ParseAddress(text)
	if err != nil || address.Network != listen.TCP {
		return false
	}
	host, _, _ := net.SplitHostPort(address.Target) // it has both
	ip, err := netip.ParseAddr(host)
	return host != "localhost" && (err != nil || !ip.Unmap().IsLoopback())
}

// mayBeReached is beyondLoopback, and true for sockets of systemd.
func mayBeReached(text string) bool {
	address, err := listen.ParseAddress(text)
	return beyondLoopback(text) || err == nil && address.Network == listen.Systemd
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

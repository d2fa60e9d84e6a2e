package httpapi

import (
	"net"
	"net/http"
	"net/netip"
	"slices"

	"github.com/realclientip/realclientip-go"

	"alertd/internal/access"
)

// Proxies are those who may say by X-Forwarded-For where a request comes from.
type Proxies struct {
	Prefixes []netip.Prefix
	// Unix: those who connect to a Unix socket, too.
	Unix bool
}

// forwarding finds out where requests come from.
type forwarding struct {
	trusted Proxies
	header  realclientip.RightmostTrustedRangeStrategy
}

func newForwarding(trusted Proxies) *forwarding {
	ranges := make([]net.IPNet, len(trusted.Prefixes))
	for i, prefix := range trusted.Prefixes {
		address := prefix.Addr()
		ranges[i] = net.IPNet{IP: address.AsSlice(), Mask: net.CIDRMask(prefix.Bits(), address.BitLen())}
	}
	header, _ := realclientip.NewRightmostTrustedRangeStrategy("X-Forwarded-For", ranges) // it refuses another header only
	return &forwarding{trusted, header}
}

// address returns the address that a request comes from. If the other end of the
// connection is a trusted proxy, that is the last address in X-Forwarded-For that is not
// one of a trusted proxy; what is before it, the client may have made up. Without such an
// address, or if there is something else in its place, it is the proxy's.
func (f *forwarding) address(r *http.Request) netip.Addr {
	peer := peerOf(r)
	if !f.trusts(peer) || r.Header["X-Forwarded-For"] == nil {
		return peer
	}
	client, err := netip.ParseAddr(f.header.ClientIP(r.Header, ""))
	if err != nil {
		return peer
	}
	return plain(client)
}

func (f *forwarding) trusts(peer netip.Addr) bool {
	if !peer.IsValid() {
		return f.trusted.Unix
	}
	return slices.ContainsFunc(f.trusted.Prefixes, func(p netip.Prefix) bool { return p.Contains(peer) })
}

// peerOf returns the address of the other end of the connection. It is not valid for a
// Unix socket.
func peerOf(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return plain(peer.Addr())
}

// plain returns an address in the one form in which addresses are compared: IPv4 as
// such, and without a zone, which is any text.
func plain(address netip.Addr) netip.Addr { return address.Unmap().WithZone("") }

// client is who a limit is for: an identity, or an address if that is all that is known.
// Two tokens of one name are one client, so that a token can be replaced without a second
// share. An IPv6 address stands for its network of 64 bits, because a subscriber has
// at least that many.
type client struct {
	kind    access.Kind
	name    string
	network netip.Addr
}

func clientOf(c *access.Caller) client {
	if c.Kind == access.Anonymous {
		return clientAt(c.Address)
	}
	return client{kind: c.Kind, name: c.Name}
}

func clientAt(address netip.Addr) client {
	if address.Is6() {
		network, _ := address.Prefix(64) // it fails for longer prefixes only
		address = network.Addr()
	}
	return client{network: address}
}

// String names the client in messages.
func (c client) String() string {
	switch {
	case c.kind != "":
		return c.name
	case !c.network.IsValid():
		return "this socket"
	case c.network.Is6():
		return c.network.String() + "/64"
	}
	return c.network.String()
}

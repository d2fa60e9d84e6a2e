package listen

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
)

// Network is how an address is reached.
type Network string

// The networks.
const (
	TCP     Network = "tcp"
	Unix    Network = "unix"
	Systemd Network = "systemd"
)

// Address is where to listen.
type Address struct {
	Network Network
	// Target is host:port, the path of a socket, or the name of systemd's sockets, which may
	// be "".
	Target string
}

// mostPath is the length of a path that every system allows for a socket.
const mostPath = 103

// ErrAddress says which addresses there are.
var ErrAddress = errors.New("must be host:port such as 127.0.0.1:8080, with a port from 0 to 65535; unix: and an absolute path of " +
	"up to 103 bytes, such as unix:/run/alertd/alertd.sock; systemd; or systemd: and the name of a socket")

// ParseAddress reads "host:port", "unix:/path", "systemd" or "systemd:NAME". The error is
// [ErrAddress].
func ParseAddress(text string) (Address, error) {
	kind, rest, _ := strings.Cut(text, ":")
	switch {
	case text == "systemd", kind == "systemd" && rest != "" && !isPort(rest):
		return Address{Systemd, rest}, nil
	case kind == "unix" && filepath.IsAbs(rest) && len(rest) <= mostPath && !strings.Contains(rest, "\x00"):
		return Address{Unix, filepath.Clean(rest)}, nil
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil || !isPort(port) || len(host) > 255 || strings.Contains(host, "/") {
		return Address{}, ErrAddress
	}
	return Address{TCP, text}, nil
}

func isPort(text string) bool {
	_, err := strconv.ParseUint(text, 10, 16)
	return err == nil
}

// String returns the address as it was written.
func (a Address) String() string {
	switch {
	case a.Network == TCP:
		return a.Target
	case a.Target == "":
		return string(a.Network)
	}
	return fmt.Sprintf("%s:%s", a.Network, a.Target)
}

package listen

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"slices"
	"strings"

	"github.com/coreos/go-systemd/v22/activation"
)

// Open listens on each address, with a mode for the files of Unix sockets. It returns the
// listeners of each address, which are several if systemd has opened several sockets of one
// name. All addresses are opened by one call, as systemd's sockets can be taken only once;
// those that no address names are closed. After an error nothing is left open.
func Open(ctx context.Context, mode fs.FileMode, addresses ...Address) (_ [][]net.Listener, err error) {
	inherited := inherit(addresses)
	opened := make([][]net.Listener, len(addresses))
	defer func() {
		closeAll(slices.Collect(maps.Values(inherited)))
		if err != nil {
			closeAll(opened)
		}
	}()
	for i, address := range addresses {
		if opened[i], err = open(ctx, mode, address, inherited, addresses); err != nil {
			return nil, fmt.Errorf("listen on %s: %w", address, err)
		}
	}
	return opened, nil
}

func open(ctx context.Context, mode fs.FileMode, a Address, inherited map[string][]net.Listener, all []Address) ([]net.Listener, error) {
	var listener net.Listener
	var err error
	switch a.Network {
	case Systemd:
		return claim(a.Target, inherited, all)
	case Unix:
		listener, err = listenUnix(ctx, a.Target, mode)
	case TCP:
		var config net.ListenConfig
		listener, err = config.Listen(ctx, "tcp", a.Target)
	}
	if err != nil {
		return nil, err
	}
	return []net.Listener{listener}, nil
}

// inherit takes the sockets that systemd has opened, by name, if an address wants any.
func inherit(addresses []Address) map[string][]net.Listener {
	if !slices.ContainsFunc(addresses, func(a Address) bool { return a.Network == Systemd }) {
		return nil
	}
	sockets, _ := activation.ListenersWithNames() // it never fails
	return sockets
}

// claim takes the sockets of a name. Without a name it takes all that no other address
// names.
func claim(name string, inherited map[string][]net.Listener, all []Address) ([]net.Listener, error) {
	if len(inherited) == 0 {
		return nil, errors.New("systemd has passed no socket; alertd must be started by a service with a .socket unit, and the socket must be a stream (ListenStream)")
	}
	var claimed []net.Listener
	for _, found := range slices.Sorted(maps.Keys(inherited)) {
		theirs := name == "" && slices.Contains(all, Address{Systemd, found})
		if (name == "" || name == found) && !theirs {
			claimed = append(claimed, inherited[found]...)
		}
	}
	if len(claimed) == 0 {
		return nil, fmt.Errorf("systemd has passed no socket for it, only %s; FileDescriptorName= in the .socket unit names them",
			strings.Join(slices.Sorted(maps.Keys(inherited)), ", "))
	}
	maps.DeleteFunc(inherited, func(_ string, l []net.Listener) bool { return slices.Contains(claimed, l[0]) })
	return claimed, nil
}

func closeAll(listeners [][]net.Listener) {
	for _, each := range listeners {
		for _, l := range each {
			_ = l.Close()
		}
	}
}

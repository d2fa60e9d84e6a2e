package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// fleet is the alertds that share one database. Of its methods only addresses is safe for
// concurrent use.
type fleet struct {
	alertd    string // the binary
	directory string
	storage   string // the table [storage] of the configuration
	patience  time.Duration
	api       api
	receiver  *receiver
	launched  int // number of launches
	noise     bool
	servers   []*server // by place; nil if none runs

	mu      sync.Mutex
	listens []string // addresses by place; "" if none runs
}

func newFleet(o options, directory, storage string, size int, a api, r *receiver) *fleet {
	return &fleet{
		alertd: o.alertd, directory: directory, storage: storage, patience: o.patience, api: a, receiver: r, noise: o.noise,
		servers: make([]*server, size), listens: make([]string, size),
	}
}

// addresses returns the addresses of running alertds. Safe for concurrent use.
func (f *fleet) addresses() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(f.listens), func(address string) bool { return address == "" })
}

func (f *fleet) setAddress(place int, address string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.listens[place] = address
}

// launch starts the alertd of a place and does not wait for it.
func (f *fleet) launch(place, bufferSize int) (*server, error) {
	config := filepath.Join(f.directory, fmt.Sprintf("alertd-%d.toml", place+1))
	f.launched++
	name := fmt.Sprintf("alertd-%d, launch %d", place+1, f.launched)
	text := fmt.Sprintf("[storage]\n%s\n[alerting]\nenabled = true\nmin_severity = \"debug\"\nbuffer_size = %d\n%s",
		f.storage, bufferSize, f.receiver.config(name, f.noise))
	if f.noise {
		text += heartbeats
	}
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	return launch(f.alertd, name, config, filepath.Join(f.directory, fmt.Sprintf("alertd-%d.log", place+1)))
}

// start starts the alertd of a place and returns when it is ready.
func (f *fleet) start(ctx context.Context, place, bufferSize int) error {
	s, err := f.launch(place, bufferSize)
	if err != nil {
		return err
	}
	f.servers[place] = s
	ctx, cancel := withPatience(ctx, f.patience)
	defer cancel()
	address, err := s.waitUntilListening(ctx)
	if err != nil {
		return err
	}
	var last error
	err = waitUntil(ctx, func() (bool, error) {
		_, last = f.api.get(ctx, address, "/readyz")
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("alertd is not ready: %w: %w", err, last)
	}
	f.setAddress(place, address)
	return nil
}

// kill ends the alertd of a place by SIGKILL.
func (f *fleet) kill(place int) {
	if s := f.servers[place]; s != nil {
		f.end(s)
		f.forget(place)
	}
}

// end ends an alertd by SIGKILL. Messages that it was sending may come again.
func (f *fleet) end(s *server) {
	f.receiver.kills(s.name)
	s.kill()
}

// forget empties a place.
func (f *fleet) forget(place int) {
	f.servers[place] = nil
	f.setAddress(place, "")
}

// stop stops every alertd as a service manager does.
func (f *fleet) stop(ctx context.Context) error {
	ctx, cancel := withPatience(ctx, f.patience)
	defer cancel()
	var all []error
	for place, s := range f.servers {
		if s == nil {
			continue
		}
		err := s.stop(ctx)
		if err != nil {
			f.end(s)
		}
		f.forget(place)
		all = append(all, err)
	}
	return errors.Join(all...)
}

// close ends all processes that still run.
func (f *fleet) close() {
	for place := range f.servers {
		f.kill(place)
	}
}

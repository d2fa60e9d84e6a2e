package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"alertd/bench/internal/child"
	"alertd/internal/access"
)

// The servers, in the order of the table.
const (
	firstServer  = iota // alertd as users run it, with alerting on
	secondServer        // with alerting off, or with a token; on PostgreSQL two replicas
	bareServer
	serverCount
)

// namesOf returns the servers' names.
func namesOf(o options) [serverCount]string {
	if o.dsn != "" {
		return [serverCount]string{"alertd", "two alertd together", "bare net/http"}
	}
	if o.token {
		return [serverCount]string{"alertd", "alertd with a token", "bare net/http"}
	}
	return [serverCount]string{"alertd", "alertd, alerting off", "bare net/http"}
}

// server is one or more processes that share the load.
type server struct {
	name  string
	parts []*child.Child
	token string // that requests show; "": none
}

const alertingOff = "[alerting]\nmin_severity = \"info\"\n"

// alertingOn returns a configuration with alerting on and a log file channel.
func alertingOn(directory, name string) string {
	return alertingOff + fmt.Sprintf("enabled = true\n[alerting.channels.logfile]\nenabled = true\npath = %q\n", filepath.Join(directory, name+".jsonl"))
}

// withToken returns a configuration in which alertd wants a token, which may do nothing but
// send, and the token.
func withToken(text string) (config, token string) {
	secret := access.NewSecret()
	return text + fmt.Sprintf("[[server.tokens]]\nname = \"bench\"\nrole = %q\nhash = %q\n", access.RoleIngest, secret.Hash()), secret.Reveal()
}

// startServers starts all servers. With an error it returns those that run. The caller calls
// stopAll in either case.
func startServers(ctx context.Context, o options, directory string) ([]*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	alertd := child.Alertd{Binary: o.alertd, DSN: o.dsn, Directory: directory}
	first, err := alertd.Command("first", alertingOn(directory, "first"))
	if err != nil {
		return nil, err
	}
	var token string
	config := alertingOff
	if o.dsn != "" || o.token {
		config = alertingOn(directory, "second")
	}
	if o.token {
		config, token = withToken(config)
	}
	second, err := alertd.Command("second", config)
	if err != nil {
		return nil, err
	}
	commands := [serverCount][][]string{firstServer: {first}, secondServer: {second}, bareServer: {{self, bareFlag}}}
	if o.dsn != "" {
		commands[secondServer] = [][]string{first, second}
	}
	var servers []*server
	for i, name := range namesOf(o) {
		s := &server{name: name}
		servers = append(servers, s)
		for _, command := range commands[i] {
			c, err := child.Start(ctx, name, command)
			if err != nil {
				return servers, fmt.Errorf("start %s: %w", name, err)
			}
			s.parts = append(s.parts, c)
		}
	}
	servers[secondServer].token = token
	return servers, nil
}

func stopAll(servers []*server) {
	var waiting sync.WaitGroup
	for _, s := range servers {
		for _, c := range s.parts {
			waiting.Go(c.Stop)
		}
	}
	waiting.Wait()
}

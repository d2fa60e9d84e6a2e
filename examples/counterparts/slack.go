package main

import (
	"html"
	"io"
	"net/http"
	"sync"

	"alertd/internal/channel/slack/slacktest"
)

// workspace is a Slack that can be taken down.
type workspace struct {
	server *slacktest.Server
	lines  *printer

	mu      sync.Mutex
	told    []int // how often each message had been changed when it was printed last
	refused int
}

func newWorkspace(token string, lines *printer) *workspace {
	return &workspace{lines: lines, server: slacktest.New(slacktest.Workspace{
		Token: token, WebhookPath: "/services/T00000000/B00000000/to-try-delivery", WebhookChannel: "C0123456789",
		Channels: []slacktest.Channel{{ID: "C0123456789", Name: "alerts"}},
	})}
}

// ServeHTTP handles /down and /up, and stands in for Slack on all other paths.
func (s *workspace) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "POST /down":
		s.server.SetDown(true)
		_, _ = io.WriteString(w, "Slack is down\n") // the caller may have left
		return
	case "POST /up":
		s.server.SetDown(false)
		_, _ = io.WriteString(w, "Slack is up\n")
		return
	}
	defer func() {
		if aborts := recover(); aborts != nil {
			s.lines.say("slack gave no answer")
			panic(aborts)
		}
	}()
	s.server.ServeHTTP(w, r)
	s.tell()
}

// tell prints what changed in the channel since the last call.
func (s *workspace) tell() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, m := range s.server.Messages() {
		header := html.UnescapeString(m.Header())
		switch {
		case n < len(s.told):
			if m.Updates > s.told[n] {
				s.lines.say("slack updated: %s", header)
			}
			s.told[n] = m.Updates
			continue
		case m.Thread != "":
			s.lines.say("slack replied: %s", header)
		default:
			s.lines.say("slack posted: %s", header)
		}
		s.told = append(s.told, m.Updates)
	}
	refused := s.server.Refused()
	for _, why := range refused[s.refused:] {
		s.lines.say("slack refused: %s", why)
	}
	s.refused = len(refused)
}

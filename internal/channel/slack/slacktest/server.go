package slacktest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"alertd/internal/channel/standin"
)

// Workspace is the channels, and the token and path for posting in them.
type Workspace struct {
	// Token is the bot token that /api/ takes.
	Token string
	// WebhookPath is the path of the incoming webhook, such as
	// /services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX, and WebhookChannel the id
	// of the channel that it posts in.
	WebhookPath    string
	WebhookChannel string
	Channels       []Channel
	// Limited lets only one message a second into each channel, as Slack does.
	Limited bool
	// Now is the time; nil: [time.Now].
	Now func() time.Time
}

// Channel is one channel.
type Channel struct {
	ID, Name string
	Archived bool
	// NotMember: the bot is not in it.
	NotMember bool
}

// Server is Slack. Its parts that can be in trouble are the methods, such as chat.update,
// and webhook. Safe for concurrent use.
type Server struct {
	standin.Service
	workspace Workspace

	mu       sync.Mutex
	messages []*Message
	refused  []string
	archived map[string]bool
	last     map[string]time.Time // of the last message, by channel
	posted   int
}

// New returns a server for a workspace.
func New(w Workspace) *Server {
	if w.Now == nil {
		w.Now = time.Now
	}
	return &Server{workspace: w, archived: map[string]bool{}, last: map[string]time.Time{}}
}

// Messages returns all messages in the order in which they were posted, also those
// that were deleted, as they are now. They are a copy.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	messages := make([]Message, 0, len(s.messages))
	for _, m := range s.messages {
		messages = append(messages, *m)
	}
	return messages
}

// Refused returns why messages were refused.
func (s *Server) Refused() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.refused)
}

// Delete deletes a message, as somebody in Slack may do.
func (s *Server) Delete(channel, ts string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.find(channel, ts); m != nil {
		m.Deleted = true
	}
}

// Archive archives a channel.
func (s *Server) Archive(channel string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.archived[channel] = true
}

// mostBody is how much of a request is read.
const mostBody = 1 << 20

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method, isAPI := strings.CutPrefix(r.URL.Path, "/api/")
	if !isAPI {
		method = "webhook"
	}
	s.Serve(w, r, method, mostBody, func(trouble standin.Trouble, body []byte) func(http.ResponseWriter) {
		switch {
		case trouble.Status != 0 || trouble.Words != "":
			return inTrouble(trouble, isAPI).write
		case isAPI:
			return s.call(method, r, body).write
		default:
			return s.webhook(r, body).write
		}
	})
}

// answer is an HTTP answer.
type answer struct {
	status     int
	retryAfter string
	media      string
	body       string
}

func (a answer) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", a.media)
	if a.retryAfter != "" {
		w.Header().Set("Retry-After", a.retryAfter)
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body) // the client may have left
}

func inJSON(status int, value any) answer {
	body, err := json.Marshal(value)
	if err != nil {
		return answer{status: http.StatusInternalServerError, media: "text/plain", body: err.Error()}
	}
	return answer{status: status, media: "application/json; charset=utf-8", body: string(body)}
}

// inTrouble is the answer of a service in trouble.
func inTrouble(t standin.Trouble, isAPI bool) answer {
	status, word := t.Status, t.Words
	switch {
	case word == "" && status == http.StatusTooManyRequests:
		word = "ratelimited"
	case word == "":
		return answer{status: status, retryAfter: t.RetryAfter, media: "text/html", body: fmt.Sprintf("<html><body>%d %s</body></html>", status, http.StatusText(status))}
	case status == 0 && !isAPI:
		status = webhookStatus(word)
	case status == 0:
		status = http.StatusOK
	}
	a := answer{status: status, media: "text/html", body: word}
	if isAPI {
		a = inJSON(status, map[string]any{"ok": false, "error": word})
	}
	a.retryAfter = t.RetryAfter
	return a
}

// limit returns for how many seconds a channel takes no message; 0: it takes one now.
func (s *Server) limit(channel string) int {
	now := s.workspace.Now()
	if last, ok := s.last[channel]; s.workspace.Limited && ok && now.Sub(last) < time.Second {
		return 1
	}
	s.last[channel] = now
	return 0
}

func seconds(n int) string { return strconv.Itoa(n) }

package slacktest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Workspace is what there is to post in, and who may.
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

// Trouble is what is wrong with the server. The zero value is nothing.
type Trouble struct {
	// Only is the method that it is about, such as chat.update, or webhook; "": all.
	Only string
	// Down ends connections without an answer.
	Down bool
	// Lost takes messages, and then ends the connection without an answer.
	Lost bool
	// Delay passes before a request is looked at, unless the client leaves before.
	Delay time.Duration
	// Status, such as 429 or 500, is the answer to every request; 0: the real one.
	Status int
	// RetryAfter is sent with that as the header, if not "".
	RetryAfter string
	// Error is Slack's word in the answer, such as invalid_auth or no_service.
	Error string
}

// Server is Slack. Safe for concurrent use.
type Server struct {
	workspace Workspace

	mu       sync.Mutex
	trouble  Trouble
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

// SetTrouble says what is wrong from now on, also with requests under way that have
// not been looked at.
func (s *Server) SetTrouble(t Trouble) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble = t
}

// SetDown takes the server down, or up again without any trouble.
func (s *Server) SetDown(down bool) { s.SetTrouble(Trouble{Down: down}) }

func (s *Server) inTrouble(method string) Trouble {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.trouble.Only != "" && s.trouble.Only != method {
		return Trouble{}
	}
	return s.trouble
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

// Refused returns what was wrong with what was refused.
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
	body, err := io.ReadAll(io.LimitReader(r.Body, mostBody+1))
	if err != nil || !wait(r.Context(), s.inTrouble(method).Delay) {
		panic(http.ErrAbortHandler) // the client has left
	}
	trouble := s.inTrouble(method)
	var a answer
	switch {
	case trouble.Down:
		panic(http.ErrAbortHandler)
	case trouble.Status != 0 || trouble.Error != "":
		a = trouble.answer(isAPI)
	case isAPI:
		a = s.call(method, r, body)
	default:
		a = s.webhook(r, body)
	}
	if trouble.Lost {
		panic(http.ErrAbortHandler)
	}
	a.write(w)
}

// wait reports false if the client leaves before the time is over.
func wait(ctx context.Context, d time.Duration) bool {
	if d == 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// answer is what a request is answered by.
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

// answer is what trouble answers.
func (t Trouble) answer(isAPI bool) answer {
	status, word := t.Status, t.Error
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

// limit returns for how many seconds a channel takes no message; 0: it takes one.
func (s *Server) limit(channel string) int {
	now := s.workspace.Now()
	if last, ok := s.last[channel]; s.workspace.Limited && ok && now.Sub(last) < time.Second {
		return 1
	}
	s.last[channel] = now
	return 0
}

func seconds(n int) string { return strconv.Itoa(n) }

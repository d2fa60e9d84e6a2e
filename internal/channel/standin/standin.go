// Package standin is what the stand-ins for Slack, Telegram and PagerDuty have in common:
// the trouble that a service can be in. Tests and demonstrations use it.
package standin

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"
)

// Trouble is what is wrong with a service. The zero value is nothing.
type Trouble struct {
	// Only is the part of the service that has it, such as a method; "": all parts.
	Only string
	// Down ends connections without an answer.
	Down bool
	// Lost takes messages, and then ends the connection without an answer.
	Lost bool
	// Delay passes before a request is looked at, unless the client leaves before.
	Delay time.Duration
	// Status, such as 429 or 500, is the answer to every request; 0: the real one.
	Status int
	// RetryAfter goes with that, in seconds or as a date; "": nothing does.
	RetryAfter string
	// Words are the service's own in that answer, such as invalid_auth; "": its usual
	// ones.
	Words string
}

// Service is the part of a stand-in that can be in trouble. The zero value is not. Safe
// for concurrent use.
type Service struct {
	mu      sync.Mutex
	trouble Trouble
}

// SetTrouble says what is wrong from now on, also with requests under way that have
// not been looked at.
func (s *Service) SetTrouble(t Trouble) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble = t
}

// SetDown takes the service down, or up again without any trouble.
func (s *Service) SetDown(down bool) { s.SetTrouble(Trouble{Down: down}) }

func (s *Service) troubleOf(part string) Trouble {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.trouble.Only != "" && s.trouble.Only != part {
		return Trouble{}
	}
	return s.trouble
}

// Serve reads a request to a part of the service and answers it. take looks at the
// request, of whose body it gets at most most bytes and one more, and returns what
// writes the answer. A client that gets no answer finds the connection closed.
func (s *Service) Serve(w http.ResponseWriter, r *http.Request, part string, most int64, take func(t Trouble, body []byte) func(http.ResponseWriter)) {
	body, err := io.ReadAll(io.LimitReader(r.Body, most+1))
	if err != nil || !wait(r.Context(), s.troubleOf(part).Delay) {
		panic(http.ErrAbortHandler) // the client has left
	}
	trouble := s.troubleOf(part)
	if trouble.Down {
		panic(http.ErrAbortHandler)
	}
	write := take(trouble, body)
	if trouble.Lost {
		panic(http.ErrAbortHandler)
	}
	write(w)
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

package pagerdutytest

import (
	"context"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Status says how far an alert has come.
type Status string

// The statuses of an alert.
const (
	Triggered    Status = "triggered"
	Acknowledged Status = "acknowledged"
	Resolved     Status = "resolved"
)

// Alert is what events with one dedup_key have made, from a trigger on until it is
// resolved.
type Alert struct {
	RoutingKey string
	DedupKey   string
	Status     Status
	// History is every event that the alert took, in order.
	History []Event
}

// Trouble is what is wrong with the server. The zero value is nothing.
type Trouble struct {
	// Down ends connections without an answer.
	Down bool
	// Delay passes before a request is looked at, unless the client leaves before.
	Delay time.Duration
	// Status, such as 429 or 500, is the answer to every request; 0: the real one.
	Status int
	// RetryAfter is sent with that as the header, if not "".
	RetryAfter string
}

// Server is the API. Safe for concurrent use.
type Server struct {
	keys []string

	mu      sync.Mutex
	trouble Trouble
	alerts  []*Alert
	dropped []Event
	refused []string
}

// New returns a server that takes events for those routing keys; for any of the right
// form, if none is given.
func New(routingKeys ...string) *Server { return &Server{keys: routingKeys} }

// SetTrouble says what is wrong from now on, also with requests under way that have
// not been looked at.
func (s *Server) SetTrouble(t Trouble) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble = t
}

func (s *Server) inTrouble() Trouble {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trouble
}

// Alerts returns all alerts in the order in which they were triggered. They are a
// copy.
func (s *Server) Alerts() []Alert {
	s.mu.Lock()
	defer s.mu.Unlock()
	alerts := make([]Alert, 0, len(s.alerts))
	for _, a := range s.alerts {
		shown := *a
		shown.History = slices.Clone(a.History)
		alerts = append(alerts, shown)
	}
	return alerts
}

// Alert returns the latest alert with a dedup_key.
func (s *Server) Alert(dedupKey string) (Alert, bool) {
	alerts := s.Alerts()
	for _, a := range slices.Backward(alerts) {
		if a.DedupKey == dedupKey {
			return a, true
		}
	}
	return Alert{}, false
}

// Dropped returns the events that were answered 202 and did nothing: acknowledge and
// resolve without an open alert.
func (s *Server) Dropped() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.dropped)
}

// Refused returns what was wrong with the events that were answered 400.
func (s *Server) Refused() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.refused)
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, mostBody+1))
	if err != nil || !wait(r.Context(), s.inTrouble().Delay) {
		panic(http.ErrAbortHandler) // the client has left
	}
	switch trouble := s.inTrouble(); {
	case trouble.Down:
		panic(http.ErrAbortHandler)
	case trouble.Status != 0:
		if trouble.RetryAfter != "" {
			w.Header().Set("Retry-After", trouble.RetryAfter)
		}
		answer(w, trouble.Status, inTrouble(trouble.Status))
	case r.URL.Path != "/v2/enqueue":
		answer(w, http.StatusNotFound, reply{Status: "not found", Message: "There is nothing at this path"})
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		answer(w, http.StatusMethodNotAllowed, reply{Status: "method not allowed", Message: "This takes POST alone"})
	default:
		s.take(w, r, body)
	}
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

// take looks at an event and answers it.
func (s *Server) take(w http.ResponseWriter, r *http.Request, body []byte) {
	var wrong []string
	var e Event
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case len(body) > mostBody:
		wrong = []string{"the event is larger than 512 KB"}
	case err != nil || media != "application/json":
		wrong = []string{"Content-Type is not application/json"}
	default:
		e, wrong = read(body)
	}
	if len(wrong) == 0 && len(s.keys) > 0 && !slices.Contains(s.keys, e.RoutingKey) {
		wrong = []string{"Invalid routing key"}
	}
	if len(wrong) > 0 {
		s.mu.Lock()
		s.refused = append(s.refused, wrong...)
		s.mu.Unlock()
		answer(w, http.StatusBadRequest, reply{Status: "invalid event", Message: "Event object is invalid", Errors: wrong})
		return
	}
	if e.DedupKey == "" {
		e.DedupKey = uuid.NewString()
	}
	s.apply(e)
	answer(w, http.StatusAccepted, reply{Status: "success", Message: "Event processed", DedupKey: e.DedupKey})
}

// apply gives an event to its alert.
func (s *Server) apply(e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := slices.IndexFunc(s.alerts, func(a *Alert) bool {
		return a.RoutingKey == e.RoutingKey && a.DedupKey == e.DedupKey && a.Status != Resolved
	})
	switch {
	case at < 0 && e.Action == Trigger:
		s.alerts = append(s.alerts, &Alert{RoutingKey: e.RoutingKey, DedupKey: e.DedupKey, Status: Triggered, History: []Event{e}})
		return
	case at < 0:
		s.dropped = append(s.dropped, e)
		return
	}
	alert := s.alerts[at]
	alert.History = append(alert.History, e)
	switch e.Action {
	case Acknowledge:
		alert.Status = Acknowledged
	case Resolve:
		alert.Status = Resolved
	}
}

// reply is the body of an answer.
type reply struct {
	Status   string   `json:"status"`
	Message  string   `json:"message"`
	DedupKey string   `json:"dedup_key,omitempty"`
	Errors   []string `json:"errors,omitempty"`
}

func inTrouble(status int) reply {
	if status == http.StatusTooManyRequests {
		return reply{Status: "throttle exceeded", Message: "Requests for this service are arriving too quickly.  Please retry later."}
	}
	return reply{Status: "error", Message: strconv.Itoa(status) + " " + http.StatusText(status)}
}

func answer(w http.ResponseWriter, status int, body reply) {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // it is made of texts alone
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text) // the client may have left
}

package pagerdutytest

import (
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"github.com/google/uuid"

	"alertd/internal/channel/standin"
)

// Status says how far an alert has come.
type Status string

// The statuses of an alert.
const (
	Triggered    Status = "triggered"
	Acknowledged Status = "acknowledged"
	Resolved     Status = "resolved"
)

// Alert is made of the events with one dedup_key, from a trigger until it is resolved.
type Alert struct {
	RoutingKey string
	DedupKey   string
	Status     Status
	// History is every event that the alert took, in order.
	History []Event
}

// Server is the API. Safe for concurrent use.
type Server struct {
	standin.Service
	keys []string

	mu      sync.Mutex
	alerts  []*Alert
	dropped []Event
	refused []string
}

// New returns a server that takes events for those routing keys; for any of the right
// form, if none is given.
func New(routingKeys ...string) *Server { return &Server{keys: routingKeys} }

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

// Refused returns the problems of events that were answered 400.
func (s *Server) Refused() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.refused)
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.Serve(w, r, "", mostBody, func(trouble standin.Trouble, body []byte) func(http.ResponseWriter) {
		switch {
		case trouble.Status != 0:
			a := inTrouble(trouble.Status)
			a.retryAfter = trouble.RetryAfter
			return a.write
		case r.URL.Path != "/v2/enqueue":
			return reply{code: http.StatusNotFound, Status: "not found", Message: "There is nothing at this path"}.write
		case r.Method != http.MethodPost:
			return reply{code: http.StatusMethodNotAllowed, Status: "method not allowed", Message: "This takes POST alone"}.write
		default:
			return s.take(r, body).write
		}
	})
}

// take looks at an event and answers it.
func (s *Server) take(r *http.Request, body []byte) reply {
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
		return reply{code: http.StatusBadRequest, Status: "invalid event", Message: "Event object is invalid", Errors: wrong}
	}
	if e.DedupKey == "" {
		e.DedupKey = uuid.NewString()
	}
	s.apply(e)
	return reply{code: http.StatusAccepted, Status: "success", Message: "Event processed", DedupKey: e.DedupKey}
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

// reply is an answer and its body.
type reply struct {
	Status   string   `json:"status"`
	Message  string   `json:"message"`
	DedupKey string   `json:"dedup_key,omitempty"`
	Errors   []string `json:"errors,omitempty"`

	code       int
	retryAfter string
}

// inTrouble is the answer of a service in trouble.
func inTrouble(status int) reply {
	if status == http.StatusTooManyRequests {
		return reply{code: status, Status: "throttle exceeded", Message: "Requests for this service are arriving too quickly.  Please retry later."}
	}
	return reply{code: status, Status: "error", Message: strconv.Itoa(status) + " " + http.StatusText(status)}
}

func (a reply) write(w http.ResponseWriter) {
	text, err := json.Marshal(a)
	if err != nil {
		panic(err) // it is made of texts alone
	}
	w.Header().Set("Content-Type", "application/json")
	switch {
	case a.code == http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodPost)
	case a.retryAfter != "":
		w.Header().Set("Retry-After", a.retryAfter)
	}
	w.WriteHeader(a.code)
	_, _ = w.Write(text) // the client may have left
}

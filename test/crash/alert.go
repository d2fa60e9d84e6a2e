package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// alert is one alert as a client sends it.
type alert struct {
	// token is unique in the campaign. The message begins with it, so that an event can be
	// traced to its alert whatever its id.
	token     string
	eventID   string // "": alertd assigns one
	severity  string // an unknown one: alertd refuses the alert
	category  string
	source    string
	message   string
	context   string // JSON; "": none
	timestamp string // "": none
	dedupKey  string // "": none
}

// refused reports whether alertd must refuse the alert.
func (a *alert) refused() bool { return a.severity == "loud" }

// appendJSON appends the alert as a request has it.
func (a *alert) appendJSON(out []byte) []byte {
	out = append(out, '{')
	for _, field := range []struct{ name, value string }{
		{"severity", a.severity},
		{"category", a.category},
		{"source", a.source},
		{"message", a.message},
		{"timestamp", a.timestamp},
		{"event_id", a.eventID},
		{"dedup_key", a.dedupKey},
	} {
		if field.value != "" {
			out = fmt.Appendf(out, "%q:%s,", field.name, quoted(field.value))
		}
	}
	if a.context != "" {
		out = fmt.Appendf(out, `"context":%s,`, a.context)
	}
	out[len(out)-1] = '}'
	return out
}

// quoted returns text as a JSON string.
func quoted(text string) []byte {
	encoded, _ := json.Marshal(text) //nolint:errchkjson // a string has no error
	return encoded
}

// form is how a post carries its alerts.
type form int

const (
	single form = iota
	array
	lines
)

// post is one request. A client without an answer repeats it, if that is safe.
type post struct {
	form   form
	alerts []*alert
	key    string // its Idempotency-Key, or ""
}

// repeatable reports whether alertd can recognise the alerts when they come again.
func (p *post) repeatable() bool {
	if p.key != "" {
		return true
	}
	for _, a := range p.alerts {
		if a.eventID == "" {
			return false
		}
	}
	return true
}

// body returns the request's body and its Content-Type.
func (p *post) body() ([]byte, string) {
	switch p.form {
	case single:
		return p.alerts[0].appendJSON(nil), "application/json"
	case array:
		out := []byte{'['}
		for _, a := range p.alerts {
			out = append(a.appendJSON(out), ',')
		}
		out[len(out)-1] = ']'
		return out, "application/json"
	case lines:
		var out []byte
		for _, a := range p.alerts {
			out = append(a.appendJSON(out), '\n')
		}
		return out, "application/x-ndjson"
	}
	panic("a form of a post that does not exist")
}

// writer generates posts. It is not safe for concurrent use.
type writer struct {
	name    string // prefix of the tokens
	number  int    // of the last alert
	random  *rand.Rand
	maxSize int // of a batch
	noise   bool
}

// next returns a new post.
func (w *writer) next() *post {
	switch share := w.random.IntN(100); {
	case share < 15: // without an id
		return &post{alerts: []*alert{w.alert()}}
	case share < 50:
		return &post{alerts: w.named(1)}
	case share < 70:
		return &post{alerts: []*alert{w.alert()}, key: "key " + w.id()}
	}
	p := &post{form: array}
	if w.random.IntN(2) == 0 {
		p.form = lines
	}
	size := 1 + w.random.IntN(min(20, w.maxSize))
	if w.random.IntN(40) == 0 { // large enough that a crash may hit it half done
		size = 1 + w.random.IntN(w.maxSize)
	}
	p.alerts = w.named(size)
	if w.random.IntN(4) == 0 {
		for _, a := range p.alerts {
			a.eventID = ""
		}
	}
	if w.random.IntN(4) == 0 { // the others must be accepted all the same
		p.alerts[w.random.IntN(size)].severity = "loud"
	}
	return p
}

// named returns alerts with ids from the client.
func (w *writer) named(n int) []*alert {
	alerts := make([]*alert, n)
	for i := range alerts {
		alerts[i] = w.alert()
		alerts[i].eventID = w.id()
	}
	return alerts
}

// The values of alerts. A context must come back byte for byte.
func severities() []string { return []string{"debug", "info", "warning", "error", "critical"} }

func categories() []string {
	return []string{
		"risk_limit", "position_violation", "execution_error", "data_quality",
		"system_health", "compliance", "performance", "other",
	}
}

func contexts() []string {
	return []string{
		"", "{}", `{"current_var": 0.0500, "limit": 3e-2}`, `{"n":123456789012345678901234567890,"z":-0.0,"e":1E+2}`,
		`{"desk": "Zürich \u00e9 \ud83d\ude00", "tags": [1, 2.0, null, true, {"a": []}]}`,
		`{"blob": "` + strings.Repeat("0123456789abcdef", 128) + `"}`,
	}
}

func (w *writer) alert() *alert {
	w.number++
	a := &alert{
		token:    fmt.Sprintf("%sn%07d", w.name, w.number), // random, so that the fold masks it
		severity: oneOf(w.random, severities()), category: oneOf(w.random, categories()),
		source:  oneOf(w.random, []string{"var_gate", "order_router", "pricing feed", "señal"}),
		context: oneOf(w.random, contexts()),
	}
	if w.noise && w.random.IntN(10) == 0 {
		a.source = silencedSource
	}
	a.message = a.token + oneOf(w.random, []string{"", " limit breached: 0.05 > 0.03", " a \"quote\", a \\, a tab\t, a line\nmore", " <b>&amp; ünïcode ✓ 😀"})
	if w.random.IntN(4) == 0 {
		ago := time.Duration(w.random.Int64N(int64(time.Hour)))
		a.timestamp = time.Now().Add(-ago).Format(time.RFC3339Nano)
	}
	switch share := w.random.IntN(40); {
	case share == 0: // an incident of its own
		a.dedupKey = "key of " + a.token
	case share <= 5: // shared, so that severities rise, and incidents reopen
		a.dedupKey = fmt.Sprintf("key %d of %s", w.random.IntN(10), a.source)
	}
	return a
}

// id returns a UUID of version 4 or 7.
func (w *writer) id() string {
	var id [16]byte
	for i := range id {
		id[i] = byte(w.random.IntN(256))
	}
	id[6] = id[6]&0x0f | 0x40
	if w.random.IntN(2) == 0 {
		id[6] = id[6]&0x0f | 0x70
		for i, at := 0, time.Now().UnixMilli(); i < 6; i++ {
			id[i] = byte(at >> (8 * (5 - i)))
		}
	}
	id[8] = id[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

func oneOf[T any](random *rand.Rand, values []T) T { return values[random.IntN(len(values))] }

// record is an event read from alertd.
type record struct {
	id    string
	seq   uint64
	token string
	json  string // byte for byte, without the incident
	// incident is the id of its incident; "" in a 201 and in the stream, which do not show
	// it, and as long as there is none.
	incident string
}

// alone returns the record without its incident.
func (r record) alone() record {
	r.incident = ""
	return r
}

// event has the fields of an event that come from its alert.
type event struct {
	EventID  string          `json:"event_id"`
	Severity string          `json:"severity"`
	Category string          `json:"category"`
	Source   string          `json:"source"`
	Message  string          `json:"message"`
	Context  json.RawMessage `json:"context"`
	Seq      uint64          `json:"seq"`
	DedupKey string          `json:"dedup_key"`
	Incident string          `json:"incident_id"`
}

// parseRecord reads an event's JSON.
func parseRecord(text []byte) (record, error) {
	text = bytes.TrimSpace(text)
	var e event
	if err := json.Unmarshal(text, &e); err != nil {
		return record{}, fmt.Errorf("read an event: %w: %.200q", err, text)
	}
	if e.EventID == "" || e.Seq == 0 {
		return record{}, fmt.Errorf("read an event: it has no event_id or no seq: %.200q", text)
	}
	token, _, _ := strings.Cut(e.Message, " ")
	r := record{id: e.EventID, seq: e.Seq, token: token, json: string(text), incident: e.Incident}
	if e.Incident != "" { // it is the last field, after those that never change
		own, last := strings.CutSuffix(r.json, fmt.Sprintf(`,"incident_id":%q}`, e.Incident))
		if !last {
			return record{}, fmt.Errorf("read an event: incident_id is not its last member: %.200q", text)
		}
		r.json = own + "}"
	}
	return r, nil
}

// difference names a field in which an event differs from its alert, or returns "".
func (a *alert) difference(text string) string {
	var e event
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return "form: " + err.Error()
	}
	context := a.context
	if context == "" {
		context = "{}"
	}
	if a.eventID != "" && e.EventID != a.eventID {
		return fmt.Sprintf("event_id: %q, sent as %q", e.EventID, a.eventID)
	}
	for _, field := range []struct{ name, sent, got string }{
		{"severity", a.severity, e.Severity},
		{"category", a.category, e.Category},
		{"source", a.source, e.Source},
		{"message", a.message, e.Message},
		{"context", context, string(e.Context)},
		{"dedup_key", a.dedupKey, e.DedupKey},
	} {
		if field.sent != field.got {
			return fmt.Sprintf("%s: %.200q, sent as %.200q", field.name, field.got, field.sent)
		}
	}
	return ""
}

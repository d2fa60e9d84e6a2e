package watchdog

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/channel/outbound"
)

const (
	// lookAgain is how soon it looks whether what was missing has come.
	lookAgain = time.Second
	// timeout bounds the sending of one message.
	timeout = 10 * time.Second
	// retryAfter is how soon a message is followed by another if it did not arrive.
	retryAfter = 5 * time.Second
)

// Config says where the messages go. The zero value means nowhere.
type Config struct {
	// URL is where they are POSTed to. "" means that none are sent.
	URL string
	// Every is the time between two, more than 0 if there is a URL.
	Every    time.Duration
	Outbound outbound.Config
}

// Validate returns nil or an [*alerting.Error] that names each key which is wrong.
func (c Config) Validate() error {
	problems := channel.CheckURL("url", c.URL)
	if c.URL != "" && c.Every <= 0 {
		problems = append(problems, channel.Problem{Field: "every", Message: "must be more than 0"})
	}
	if invalid, ok := errors.AsType[*alerting.Error](c.Outbound.Validate()); ok {
		problems = append(problems, invalid.Fields...)
	}
	return channel.Invalid(problems...)
}

// Proof shows that a part of alertd makes progress.
type Proof struct {
	// Name is the part's, for people.
	Name string
	// Progress goes up whenever the part has done its work, or has found that there is none.
	// It must not block.
	Progress func() uint64
}

// Watchdog sends the messages. [Watchdog.Run] is called once; the rest is safe for concurrent
// use.
type Watchdog struct {
	proofs  []Proof
	log     *slog.Logger
	line    atomic.Pointer[line]
	changed chan struct{} // holds one: there is another line
	sent    atomic.Pointer[time.Time]
	missing atomic.Pointer[alerting.Error]
}

// line is where the messages go.
type line struct {
	config Config
	client *outbound.Client // nil: nowhere
}

// New returns a watchdog that sends nothing until it has a configuration, and runs.
func New(proofs []Proof, log *slog.Logger) *Watchdog {
	w := &Watchdog{proofs: proofs, log: log, changed: make(chan struct{}, 1)}
	w.line.Store(&line{})
	return w
}

// Prepare does all that can fail about a configuration, and returns what puts it into
// force. The error is that of [Config.Validate].
func (w *Watchdog) Prepare(c Config) (use func(), err error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	next := &line{config: c}
	if c.URL != "" {
		if next.client, err = outbound.New(c.Outbound, channel.NewSecrets(channel.URLSecrets(c.URL)...)); err != nil {
			return nil, err
		}
	}
	return func() {
		if before := w.line.Load(); before.config == c {
			return
		} else if w.line.Store(next); before.client != nil {
			_ = before.client.Close() // it closes what is idle, which cannot fail
		}
		select {
		case w.changed <- struct{}{}:
		default:
		}
	}, nil
}

// Ready returns nil unless a message is withheld; then an [*alerting.Error] that says what
// makes no progress.
func (w *Watchdog) Ready() error {
	if err := w.missing.Load(); err != nil {
		return err
	}
	return nil
}

// LastSent returns when a message has arrived last, the zero time if none has.
func (w *Watchdog) LastSent() time.Time {
	if at := w.sent.Load(); at != nil {
		return *at
	}
	return time.Time{}
}

// Run sends messages until ctx ends. It returns nil.
func (w *Watchdog) Run(ctx context.Context) error {
	var r *round
	for ctx.Err() == nil {
		if l := w.line.Load(); r == nil || r.line != l {
			r = w.begin(l)
		}
		wait := r.step(ctx, time.Now())
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-w.changed:
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// round is the time since the last message that has arrived.
type round struct {
	*Watchdog
	line      *line
	due, late time.Time // when a message is to be sent, and from when on one is withheld
	before    []uint64  // the progress of each proof at the last message
	withheld  []string  // what was missing since then
	failing   bool      // the last message did not arrive
}

// begin is at a start: the first message may go as soon as everything has made progress.
func (w *Watchdog) begin(l *line) *round {
	now := time.Now()
	w.missing.Store(nil)
	return &round{Watchdog: w, line: l, due: now, late: now.Add(l.config.Every), before: w.progress()}
}

func (w *Watchdog) progress() []uint64 {
	counts := make([]uint64, len(w.proofs))
	for i, proof := range w.proofs {
		counts[i] = proof.Progress()
	}
	return counts
}

// off is how long it waits for a configuration that says where messages go.
const off = time.Hour

// step does what is to be done now, and returns how long there is nothing to do.
func (r *round) step(ctx context.Context, now time.Time) time.Duration {
	if r.line.client == nil {
		return off
	}
	if wait := r.due.Sub(now); wait > 0 {
		return wait
	}
	reached := r.progress()
	if missing := r.lack(reached); len(missing) > 0 {
		if !now.Before(r.late) {
			r.withhold(missing)
		}
		return lookAgain
	}
	if r.missing.Swap(nil) != nil {
		r.log.Info("watchdog has what was missing")
	}
	if !r.post(ctx, now) {
		return retryAfter
	}
	r.sent.Store(&now)
	r.due = now.Add(r.line.config.Every)
	r.late, r.before, r.withheld = r.due, reached, nil
	return r.line.config.Every
}

// lack returns what has made no progress since the last message.
func (r *round) lack(reached []uint64) []string {
	var missing []string
	for i, proof := range r.proofs {
		if reached[i] == r.before[i] {
			missing = append(missing, proof.Name)
		}
	}
	return missing
}

// withhold notes what is missing.
func (r *round) withhold(missing []string) {
	for _, name := range missing {
		if !slices.Contains(r.withheld, name) {
			r.withheld = append(r.withheld, name)
		}
	}
	known := &alerting.Error{Code: alerting.CodeUnavailable, Message: "nothing is sent to the watchdog: no progress of " + strings.Join(missing, ", ")}
	if r.missing.Swap(known) == nil {
		r.log.Error("watchdog message withheld", "missing", missing)
	}
}

// message is what is POSTed.
type message struct {
	Status string `json:"status"`
	At     string `json:"at"`
	// Last is when the message before this one has arrived; "" in the first since a start.
	Last string `json:"last,omitzero"`
	// Missing is what was missing since then, so that this one is late.
	Missing []string `json:"missing_since_last"`
}

// post sends a message, and reports whether it has arrived.
func (r *round) post(ctx context.Context, now time.Time) bool {
	m := message{Status: "ok", At: alerting.FormatTime(now), Missing: r.withheld}
	if last := r.LastSent(); !last.IsZero() {
		m.Last = alerting.FormatTime(last)
	}
	body, _ := json.Marshal(m) // of texts alone
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	_, result := r.line.client.Post(limited, r.line.config.URL, body)
	arrived := result.Outcome == channel.Delivered
	switch {
	case ctx.Err() != nil: // alertd ends
	case !arrived && !r.failing:
		r.log.Error("watchdog message not delivered, to be tried again", "error", result.Error)
	case arrived && r.failing:
		r.log.Info("watchdog message delivered again")
	}
	r.failing = !arrived
	return arrived
}

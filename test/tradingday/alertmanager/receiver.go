package alertmanager

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"alertd/internal/alerting"
	"alertd/test/tradingday"
)

// maxMessage is the largest message in bytes.
const maxMessage = 64 << 20

// receiver takes Alertmanager's webhooks. Safe for concurrent use.
type receiver struct {
	server  *http.Server
	url     string
	serving sync.WaitGroup
	clock   clock
	// from and to bound the times of day of the messages that are kept.
	from, to time.Duration

	mu       sync.Mutex
	messages []tradingday.Message
	groups   map[string]*group // by channel and key
	broken   error
}

// group is a group of alerts, as far as its messages show it.
type group struct {
	begun  int  // how often it was told that it begins
	firing bool // its last message said so
	opened time.Duration
	early  bool // it was told of before from
}

// startReceiver listens, and serves until close.
func startReceiver(ctx context.Context, c clock, from, to time.Duration) (*receiver, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start a receiver: %w", err)
	}
	r := &receiver{url: "http://" + listener.Addr().String(), clock: c, from: from, to: to, groups: map[string]*group{}}
	r.server = &http.Server{Handler: http.HandlerFunc(r.serve), ReadHeaderTimeout: time.Minute}
	r.serving.Go(func() {
		if err := r.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			r.fail(err)
		}
	})
	return r, nil
}

// close ends it, and returns what it has received.
func (r *receiver) close() ([]tradingday.Message, error) {
	err := r.server.Close()
	r.serving.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.messages, errors.Join(err, r.broken)
}

func (r *receiver) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken = errors.Join(r.broken, fmt.Errorf("receive a message: %w", err))
}

// webhook is what Alertmanager sends.
type webhook struct {
	GroupKey string `json:"groupKey"`
	Status   string `json:"status"`
	Alerts   []struct {
		Status      string            `json:"status"`
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
		StartsAt    time.Time         `json:"startsAt"`
	} `json:"alerts"`
}

func (r *receiver) serve(w http.ResponseWriter, request *http.Request) {
	m := tradingday.Message{
		At: r.clock.timeOfDay(time.Now()), Channel: strings.TrimPrefix(request.URL.Path, "/"), About: map[string]alerting.Severity{},
	}
	var body webhook
	if err := json.NewDecoder(http.MaxBytesReader(w, request.Body, maxMessage)).Decode(&body); err != nil {
		r.fail(err)
		return
	}
	opened := tradingday.End
	for _, a := range body.Alerts {
		if a.Status != "firing" {
			continue
		}
		severity, err := alerting.ParseSeverity(a.Labels["severity"])
		if err != nil {
			r.fail(err)
			return
		}
		problem := a.Annotations["problem"]
		m.About[problem] = max(m.About[problem], severity)
		opened = min(opened, r.clock.timeOfDay(a.StartsAt))
	}
	r.add(m, body, opened)
}

// add records a message. A group begins anew with the first message after it was
// resolved.
func (r *receiver) add(m tradingday.Message, body webhook, opened time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := m.Channel + " " + body.GroupKey
	g := r.groups[key]
	if g == nil {
		g = &group{}
		r.groups[key] = g
	}
	firing := body.Status == "firing"
	if firing && !g.firing {
		g.begun++
		g.opened, g.early = opened, m.At < r.from
	}
	g.firing = firing
	if m.At < r.from || m.At >= r.to {
		return
	}
	if !g.early {
		m.Incident, m.Opened = fmt.Sprintf("%s, %s, %d", key, r.from, g.begun), g.opened
	}
	r.messages = append(r.messages, m)
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// incident is an incident as GET /incidents shows it.
type incident struct {
	ID        string `json:"incident_id"`
	Status    string `json:"status"`
	Severity  string `json:"severity"`
	Category  string `json:"category"`
	Source    string `json:"source"`
	Count     int    `json:"count"`
	GroupedBy string `json:"grouped_by"`
	Pattern   string `json:"pattern"`
}

// delivery is a delivery as GET /deliveries shows it.
type delivery struct {
	ID       string `json:"delivery_id"`
	Incident string `json:"incident_id"`
	Notice   int    `json:"notice"`
	Reason   string `json:"reason"`
	Channel  string `json:"channel"`
	Status   string `json:"status"`
	Error    string `json:"error"`
	// Incidents are all that it is about, if it is a digest.
	Incidents []string `json:"incident_ids"`
}

// readList follows the cursors of a list to the end, and returns the member of that name of
// each page.
func readList[T any](ctx context.Context, a api, address, name string) ([]T, error) {
	var list []T
	for target := "/" + name + "?limit=1000"; ; {
		body, err := a.get(ctx, address, target)
		if err != nil {
			return nil, err
		}
		var answer map[string]json.RawMessage
		var part []T
		var cursor *string
		if err := json.Unmarshal(body, &answer); err != nil {
			return nil, fmt.Errorf("GET %s: %w", target, err)
		}
		if err := json.Unmarshal(answer[name], &part); err != nil {
			return nil, fmt.Errorf("GET %s: %w", target, err)
		}
		if err := json.Unmarshal(answer["next_cursor"], &cursor); err != nil {
			return nil, fmt.Errorf("GET %s: %w", target, err)
		}
		list = append(list, part...)
		if cursor == nil {
			return list, nil
		}
		if len(part) == 0 {
			return nil, fmt.Errorf("GET %s: the cursor leads on, and to nothing", target)
		}
		target = "/" + name + "?limit=1000&cursor=" + url.QueryEscape(*cursor)
	}
}

// lagMetric is 0 once every event is folded into an incident.
const lagMetric = "alertd_dispatch_lag_seconds"

// unfinished says what alertd has still to do: "" if every event is folded and no message
// waits.
func (a api) unfinished(ctx context.Context, address string, channels int) (string, error) {
	text, err := a.get(ctx, address, "/metrics")
	if err != nil {
		return "", err
	}
	lag, err := metric(string(text), lagMetric)
	if err != nil {
		return "", err
	}
	if lag > 0 {
		return fmt.Sprintf("%s is %v", lagMetric, lag), nil
	}
	text, err = a.get(ctx, address, "/channels")
	if err != nil {
		return "", err
	}
	var answer struct {
		Channels []struct {
			Name    string `json:"name"`
			Queue   int    `json:"queue"`
			Breaker string `json:"breaker"`
		} `json:"channels"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return "", fmt.Errorf("GET /channels: %w", err)
	}
	if len(answer.Channels) != channels {
		return "", fmt.Errorf("GET /channels has %d channels, not %d", len(answer.Channels), channels)
	}
	var waiting []string
	for _, c := range answer.Channels {
		if c.Queue > 0 {
			waiting = append(waiting, fmt.Sprintf("%d wait on channel %s, whose breaker is %s", c.Queue, c.Name, c.Breaker))
		}
	}
	return strings.Join(waiting, ", "), nil
}

// metric returns the value of a series without labels from /metrics.
func metric(text, name string) (float64, error) {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, fmt.Errorf("GET /metrics has no %s", name)
}

// operator acknowledges and resolves incidents while clients post.
type operator struct {
	api    api
	ledger *ledger
	fleet  *fleet
	random *rand.Rand

	mu       sync.Mutex
	resolved map[string]bool // ids of incidents that alertd has confirmed as resolved
}

// work runs until ctx ends or it is told to stop.
func (o *operator) work(ctx context.Context, stop *atomic.Bool) {
	for ctx.Err() == nil && !stop.Load() {
		pause(ctx, time.Duration(o.random.Int64N(int64(40*time.Millisecond))))
		if addresses := o.fleet.addresses(); len(addresses) > 0 {
			if o.fleet.noise {
				o.ping(ctx, oneOf(o.random, addresses))
			}
			o.act(ctx, oneOf(o.random, addresses))
		}
	}
}

// act acknowledges or resolves one of the latest open incidents. If alertd does not answer,
// the next call tries another one.
func (o *operator) act(ctx context.Context, address string) {
	body, err := o.api.get(ctx, address, "/incidents?limit=200&status=triggered&status=acknowledged")
	if err != nil {
		return
	}
	var answer struct {
		Incidents []incident `json:"incidents"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		o.ledger.report(wrong, "GET /incidents: %s", err)
		return
	}
	if len(answer.Incidents) == 0 {
		return
	}
	i, what := oneOf(o.random, answer.Incidents), oneOf(o.random, []string{"acknowledge", "resolve"})
	target := "/incidents/" + i.ID + "/" + what
	ctx, cancel := context.WithTimeout(ctx, postPatience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+target, bytes.NewReader([]byte(`{"by":"an operator","note":"seen"}`)))
	if err != nil {
		o.ledger.report(wrong, "POST %s: %s", target, err)
		return
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := o.api.client.Do(request)
	if err != nil {
		return
	}
	text, err := readBody(response)
	switch {
	case response.StatusCode == http.StatusOK && what == "resolve":
		o.noteResolved(i.ID)
	case response.StatusCode == http.StatusOK, response.StatusCode == http.StatusServiceUnavailable:
	case response.StatusCode == http.StatusConflict && what == "acknowledge": // resolved meanwhile
	case err == nil:
		o.ledger.report(wrong, "POST %s: the answer is %s: %.500s", target, response.Status, text)
	}
}

func (o *operator) noteResolved(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.resolved[id] = true
}

// hasResolved returns the ids of incidents that are certainly resolved.
func (o *operator) hasResolved() map[string]bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.resolved)
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"alertd/bench/internal/child"
)

const (
	// stormConnections is the number of connections that post batches.
	stormConnections = 4
	// pollEvery is how often alertd is asked whether all is folded.
	pollEvery = 20 * time.Millisecond
	// goalLag is the goal for the time from the last answer until all is folded.
	goalLag = 2 * time.Second
)

// storm is the result of posting many events.
type storm struct {
	rate float64       // alerts accepted a second
	lag  time.Duration // from the last answer until all was folded
	told time.Duration // from the last answer until all was delivered
	// messages is how many messages the receiver got, repeats included.
	messages int
	peak     int64         // bytes of memory
	cpu      time.Duration // for each alert
}

// folded is how many alerts a second were folded, from the first POST on.
func (s storm) folded(events int) float64 {
	return float64(events) / (float64(events)/s.rate + s.lag.Seconds())
}

// stormRound is a storm with alerting enabled, and one with alerting disabled.
type stormRound struct{ with, without storm }

// measureStorm lets alertd with and without alerting take turns.
func (b *bench) measureStorm(ctx context.Context, out io.Writer) error {
	var rounds []stormRound
	for number := range b.rounds {
		var r stormRound
		for i := range 2 {
			enabled, into := true, &r.with
			if i != number%2 {
				enabled, into = false, &r.without
			}
			var err error
			if *into, err = b.raiseStorm(ctx, enabled); err != nil {
				return fmt.Errorf("round %d, alerting enabled = %t: %w", number+1, enabled, err)
			}
		}
		rounds = append(rounds, r)
	}
	return reportStorm(out, b.database(), b.events, rounds)
}

// raiseStorm starts alertd and posts a storm to it.
func (b *bench) raiseStorm(ctx context.Context, enabled bool) (s storm, err error) {
	name := b.nextTurn()
	defer b.clear(name)
	bodies := stormBatches(name, b.events)
	heard := &tally{source: name, incidents: make(map[string]bool)}
	r, err := startReceiver(ctx, heard.take)
	if err != nil {
		return storm{}, err
	}
	defer func() { err = errors.Join(err, r.stop()) }()
	server, err := b.startAlertd(ctx, name, withWebhook(enabled, r.url))
	if err != nil {
		return storm{}, fmt.Errorf("start alertd: %w", err)
	}
	defer server.Stop()
	c := &client{addr: server.Addr, http: &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: stormConnections}}}
	defer c.http.CloseIdleConnections()
	if s, err = c.weather(ctx, server.PID(), name, bodies, enabled, heard); err != nil {
		return storm{}, fmt.Errorf("%w\nits log ends: %s", err, server.Log())
	}
	return s, nil
}

// tally counts webhooks about the incidents of a source. Safe for concurrent use.
type tally struct {
	source string

	mu        sync.Mutex
	incidents map[string]bool
	messages  int
}

func (t *tally) take(m message, _ time.Time) {
	if m.Data.Incident.Source != t.source {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.incidents[m.Data.Incident.ID] = true
	t.messages++
}

func (t *tally) counts() (incidents, messages int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.incidents), t.messages
}

// client is a client of one alertd.
type client struct {
	addr string
	http *http.Client
}

// weather posts the bodies, waits until all is folded and delivered, and checks that nothing
// is missing.
func (c *client) weather(ctx context.Context, pid int, source string, bodies [][]byte, enabled bool, heard *tally) (storm, error) {
	events := len(bodies) * batchSize
	took, err := c.postAll(ctx, bodies)
	if err != nil {
		return storm{}, err
	}
	answered := time.Now()
	s := storm{rate: float64(events) / took.Seconds()}
	if enabled {
		if s.lag, s.told, err = c.awaitFold(ctx, answered); err != nil {
			return storm{}, err
		}
		if err := c.check(ctx, source, events); err != nil {
			return storm{}, err
		}
		told, messages := heard.counts()
		if told != incidents {
			return storm{}, fmt.Errorf("the receiver got messages about %d incidents, it must be %d", told, incidents)
		}
		s.messages = messages
	}
	usage, err := child.UsageOf(pid)
	if err != nil {
		return storm{}, err
	}
	s.cpu = usage.CPU / time.Duration(events)
	s.peak, err = child.PeakRSS(pid)
	return s, err
}

// postAll posts the bodies over some connections, and returns how long that took.
func (c *client) postAll(ctx context.Context, bodies [][]byte) (time.Duration, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	todo := make(chan []byte, len(bodies))
	for _, body := range bodies {
		todo <- body
	}
	close(todo)
	failed := make([]error, stormConnections)
	var posting sync.WaitGroup
	began := time.Now()
	for i := range stormConnections {
		posting.Go(func() {
			for body := range todo {
				if failed[i] = c.post(ctx, body); failed[i] != nil {
					cancel()
					return
				}
			}
		})
	}
	posting.Wait()
	return time.Since(began), errors.Join(failed...)
}

func (c *client) post(ctx context.Context, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.addr+"/alerts", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	text, err := c.do(request)
	if err == nil && !bytes.HasPrefix(text, fmt.Appendf(nil, `{"registered":%d,`, batchSize)) {
		err = fmt.Errorf("a batch was not accepted as a whole: %.300s", text)
	}
	return err
}

func (c *client) get(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.addr+path, nil)
	if err != nil {
		return nil, err
	}
	return c.do(request)
}

// do returns the body of the answer, which must be a 200.
func (c *client) do(request *http.Request) (text []byte, err error) {
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	if text, err = io.ReadAll(answer.Body); err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %.300s", request.Method, request.URL.Path, answer.Status, text)
	}
	return text, err
}

// foldPatience bounds the wait until all is folded and delivered.
const foldPatience = 2 * time.Minute

// awaitFold polls until all is folded and all is delivered. It returns the times when it saw
// so, counted from the answer to the last batch.
func (c *client) awaitFold(ctx context.Context, answered time.Time) (lag, told time.Duration, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, foldPatience, fmt.Errorf("not all was folded and delivered after %s", foldPatience))
	defer cancel()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		text, err := c.get(ctx, "/metrics")
		if ctx.Err() != nil {
			return 0, 0, context.Cause(ctx)
		}
		if err != nil {
			return 0, 0, err
		}
		now := time.Since(answered)
		if value, ok := gauge(text, "alertd_dispatch_lag_seconds"); lag == 0 && ok && value == 0 {
			lag = now
		}
		if value, ok := gauge(text, `alertd_delivery_queue{channel="webhook"}`); lag > 0 && ok && value == 0 {
			return lag, now, nil
		}
		select {
		case <-ctx.Done():
			return 0, 0, context.Cause(ctx)
		case <-poll.C:
		}
	}
}

// gauge returns the value of a series in the text of /metrics; false if there is none.
func gauge(text []byte, series string) (float64, bool) {
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, series+" "); ok {
			value, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			return value, err == nil
		}
	}
	return 0, false
}

// check checks that each event is counted in one of the incidents of its source.
func (c *client) check(ctx context.Context, source string, events int) error {
	text, err := c.get(ctx, "/incidents?limit=1000&source="+url.QueryEscape(source))
	if err != nil {
		return err
	}
	var answer struct {
		Incidents []struct {
			Count int `json:"count"`
		} `json:"incidents"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return fmt.Errorf("read the incidents: %w", err)
	}
	counted := 0
	for _, i := range answer.Incidents {
		counted += i.Count
	}
	if len(answer.Incidents) != incidents || counted != events {
		return fmt.Errorf("there are %d incidents with %d events, there must be %d with %d", len(answer.Incidents), counted, incidents, events)
	}
	return nil
}

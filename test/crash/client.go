package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// client posts alerts, one request after another, like a careful client: it repeats a post
// unchanged until it has an answer.
type client struct {
	api    api
	ledger *ledger
	fleet  *fleet
	writer *writer

	unanswered *post // from before a crash
}

// work posts until it is told to stop and has an answer to every post; or until ctx ends, and
// keeps the unanswered post for the next call.
func (c *client) work(ctx context.Context, stop *atomic.Bool) {
	for {
		p := c.unanswered
		if ctx.Err() != nil || p == nil && stop.Load() {
			return
		}
		if p == nil {
			p = c.writer.next()
		}
		c.unanswered = nil
		// The client pauses, or the log would grow so large that inspections take most of
		// the time.
		pause(ctx, time.Duration(c.writer.random.Int64N(int64(10*time.Millisecond))))
		if settled := c.deliver(ctx, p); !settled && p.repeatable() {
			c.unanswered = p
		}
	}
}

// deliver sends a post until it has an answer, to one alertd after another if there are
// several. A post that is not repeatable is sent once: alertd may or may not have it.
func (c *client) deliver(ctx context.Context, p *post) (settled bool) {
	turn := c.writer.random.IntN(1 << 10)
	for ctx.Err() == nil {
		addresses := c.fleet.addresses()
		if len(addresses) > 0 {
			settled = c.send(ctx, addresses[turn%len(addresses)], p)
			if settled && p.repeatable() && c.writer.random.IntN(10) == 0 { // an impatient client
				c.send(ctx, addresses[(turn+1)%len(addresses)], p)
			}
			if settled || !p.repeatable() {
				return settled
			}
		}
		turn++
		pause(ctx, 10*time.Millisecond)
	}
	return false
}

// send sends a post, sometimes twice at once, and records the answer.
func (c *client) send(ctx context.Context, address string, p *post) (settled bool) {
	if !p.repeatable() || c.writer.random.IntN(20) > 0 {
		return c.sendOnce(ctx, address, p)
	}
	var both sync.WaitGroup
	var answers [2]bool
	for i := range answers {
		both.Go(func() { answers[i] = c.sendOnce(ctx, address, p) })
	}
	both.Wait()
	return answers[0] || answers[1]
}

// postPatience is how long a client waits for an answer before it sends again.
const postPatience = 10 * time.Second

// sendOnce sends a post and records the answer.
func (c *client) sendOnce(ctx context.Context, address string, p *post) (settled bool) {
	c.ledger.sending(p)
	ctx, cancel := context.WithTimeout(ctx, postPatience)
	defer cancel()
	body, contentType := p.body()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/alerts", bytes.NewReader(body))
	if err != nil {
		c.ledger.report(wrong, "post to %s: %s", address, err)
		return true
	}
	request.GetBody = nil // the transport must not repeat it
	request.Header.Set("Content-Type", contentType)
	if p.key != "" {
		request.Header.Set("Idempotency-Key", p.key)
	}
	answer, err := c.api.client.Do(request)
	if err != nil {
		return false
	}
	text, err := readBody(answer)
	if err != nil {
		if answer.StatusCode == http.StatusCreated { // a promise, cut off or not
			c.ledger.answered(p, []told{{status: "registered"}})
		}
		return false
	}
	return c.note(p, answer.StatusCode, text)
}

// note records an answer.
func (c *client) note(p *post, status int, text []byte) (settled bool) {
	switch status {
	case http.StatusServiceUnavailable:
		return false
	case http.StatusOK, http.StatusCreated:
	case http.StatusUnprocessableEntity:
		if p.form == single && p.alerts[0].refused() {
			return true
		}
		fallthrough
	default:
		c.ledger.report(wrong, "%s: the answer is %d: %.500s", p.alerts[0].token, status, text)
		return true
	}
	answer, err := parseAnswer(p, status, text)
	if err != nil {
		c.ledger.report(wrong, "%s: the answer cannot be read: %s: %.500s", p.alerts[0].token, err, text)
		return true
	}
	c.ledger.answered(p, answer)
	return true
}

// parseAnswer reads the outcome of each alert from a 200 or 201.
func parseAnswer(p *post, status int, text []byte) ([]told, error) {
	if p.form == single {
		r, err := parseRecord(text)
		if err != nil {
			return nil, err
		}
		t := told{"registered", r.id, r.json}
		if status == http.StatusOK {
			t.status = "duplicate"
		}
		return []told{t}, nil
	}
	var answer struct {
		Results []struct {
			Index   int    `json:"index"`
			Status  string `json:"status"`
			EventID string `json:"event_id"`
		} `json:"results"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, err
	}
	all := make([]told, 0, len(answer.Results))
	for i, result := range answer.Results {
		if result.Index != i {
			return nil, fmt.Errorf("result %d has the index %d", i, result.Index)
		}
		all = append(all, told{status: result.Status, id: result.EventID})
	}
	return all, nil
}

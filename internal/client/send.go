package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"alertd/internal/alerting"
)

// Sender sends alerts until alertd has taken them, or the time is up. Safe for concurrent
// use.
type Sender struct {
	Client *Client
	// RetryFor is how long it goes on after an error that may pass; 0: one attempt.
	RetryFor time.Duration
	// Waiting is told of such an error before each wait.
	Waiting func(err error, wait time.Duration)
}

// Result is what has become of one alert.
type Result struct {
	// Status is registered, duplicate, filtered or rejected.
	Status string `json:"status"`
	// Reason says why it was filtered.
	Reason string `json:"reason,omitzero"`
	// Errors say why it was rejected.
	Errors []alerting.FieldError `json:"errors,omitempty"`
}

// Rejected reports whether alertd refuses the alert for good.
func (r Result) Rejected() bool { return r.Status == Rejected }

// Rejected is the status of an alert that alertd refuses for good.
const Rejected = "rejected"

// Send sends alerts together and returns a result for each. If it returns an error, alertd
// may have taken some of them, and the same alerts may be sent again.
func (s *Sender) Send(ctx context.Context, alerts []Alert) ([]Result, error) {
	end := time.Now().Add(s.RetryFor)
	for attempt := 1; ; attempt++ {
		results, err := s.Client.postAlerts(ctx, alerts)
		if err == nil || !Temporary(err) {
			return results, err
		}
		wait := waitAfter(attempt, err)
		if time.Now().Add(wait).After(end) {
			return nil, err
		}
		s.Waiting(err, wait)
		if err := sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// postAlerts sends alerts once. If alertd takes no body of that size, it sends each half by
// itself, down to a single alert, which is then rejected.
func (c *Client) postAlerts(ctx context.Context, alerts []Alert) ([]Result, error) {
	data, err := c.ask(ctx, http.MethodPost, "/alerts", nil, "application/x-ndjson", Lines(alerts))
	if refused, ok := errors.AsType[*Error](err); ok && refused.Status == http.StatusRequestEntityTooLarge {
		if len(alerts) == 1 {
			return []Result{{Status: Rejected, Errors: []alerting.FieldError{{Message: refused.Detail}}}}, nil
		}
		half := len(alerts) / 2
		first, err := c.postAlerts(ctx, alerts[:half])
		if err != nil {
			return nil, err
		}
		second, err := c.postAlerts(ctx, alerts[half:])
		return append(first, second...), err
	}
	if err != nil {
		return nil, err
	}
	var answer struct {
		Results []Result `json:"results"`
	}
	if err := json.Unmarshal(data, &answer); err != nil || len(answer.Results) != len(alerts) {
		return nil, c.stranger(fmt.Sprintf("the answer has no results for %d alerts", len(alerts)))
	}
	return answer.Results, nil
}

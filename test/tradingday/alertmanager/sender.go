package alertmanager

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"time"

	"alertd/internal/alerting"
	"alertd/test/tradingday"
)

// nightEnds is when the window of the nightly batch ends.
const nightEnds = 9 * time.Hour

// alert is an alert in the API of Alertmanager.
type alert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	EndsAt      time.Time         `json:"endsAt,omitzero"`
}

// sender posts alerts. It belongs to one goroutine.
type sender struct {
	url    string
	client http.Client
	clock  clock
	firing map[string]map[string]alert // by all labels but the severity, and by severity

	accepted []tradingday.Alert // with the times at which Alertmanager had accepted them
}

func newSender(url string, c clock) *sender {
	return &sender{url: url + "/api/v2", clock: c, firing: map[string]map[string]alert{}}
}

// send posts alerts, each at its time.
func (s *sender) send(ctx context.Context, alerts []tradingday.Alert) error {
	defer s.client.CloseIdleConnections()
	if err := s.silenceBatch(ctx); err != nil {
		return err
	}
	for n := 0; n < len(alerts); {
		if err := s.clock.until(ctx, alerts[n].At); err != nil {
			return err
		}
		due := []alert{}
		for now := s.clock.timeOfDay(time.Now()); n < len(alerts) && alerts[n].At <= now; n++ {
			due = append(due, s.translate(alerts[n])...)
		}
		if err := s.post(ctx, "/alerts", due); err != nil {
			return err
		}
		for now := s.clock.timeOfDay(time.Now()); len(s.accepted) < n; {
			a := alerts[len(s.accepted)]
			a.At = now
			s.accepted = append(s.accepted, a)
		}
	}
	return nil
}

// translate returns what is posted for an alert.
func (s *sender) translate(a tradingday.Alert) []alert {
	labels := map[string]string{"alertname": a.Kind, "category": a.Body.Category.String(), "source": a.Body.Source}
	for name, value := range a.Body.Context {
		if text, ok := value.(string); ok {
			labels[name] = text
		}
	}
	key := fmt.Sprint(labels) // in the order of names
	same := s.firing[key]
	if a.Body.Resolves {
		delete(s.firing, key)
		ended, now := slices.Collect(maps.Values(same)), time.Now()
		for n := range ended {
			ended[n].EndsAt = now
		}
		return ended
	}
	if same == nil {
		same = map[string]alert{}
		s.firing[key] = same
	}
	severity := a.Body.Severity.String()
	labels["severity"] = severity
	same[severity] = alert{Labels: labels, Annotations: map[string]string{"message": a.Body.Message, "problem": a.Problem}}
	return []alert{same[severity]}
}

// silenceBatch silences the nightly batch, as the window in alertd.toml does.
func (s *sender) silenceBatch(ctx context.Context) error {
	if s.clock.begins >= nightEnds {
		return nil
	}
	type matcher struct {
		Name    string `json:"name"`
		Value   string `json:"value"`
		IsRegex bool   `json:"isRegex"`
		IsEqual bool   `json:"isEqual"`
	}
	return s.post(ctx, "/silences", map[string]any{
		"matchers":  []matcher{{"source", "batch_.*", true, true}, {"severity", alerting.SeverityCritical.String(), false, false}},
		"startsAt":  s.clock.began,
		"endsAt":    s.clock.moment(nightEnds),
		"createdBy": "desk", "comment": "nightly batch",
	})
}

func (s *sender) post(ctx context.Context, path string, body any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("post to Alertmanager: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+path, bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("post to Alertmanager: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(request)
	if err != nil {
		return fmt.Errorf("post to Alertmanager: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("it has answered %s: %s", response.Status, answer)
	}
	if err != nil {
		return fmt.Errorf("post to Alertmanager: %w", err)
	}
	return nil
}

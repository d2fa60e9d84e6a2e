package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/config"
	"alertd/internal/store/storetest"
	"alertd/test/tradingday"
	"alertd/test/tradingday/alertmanager"
)

// besideFlag replays the trading day through Alertmanager too: make replay.
var besideFlag = flag.Bool("alertmanager", false, "replay the trading day through Alertmanager too, which takes 2 min")

// tradingDay is the folder with the day and its configurations.
const tradingDay = "../../testdata/tradingday"

// told is a message that a channel was sent.
type told struct {
	at      time.Time
	channel string
	n       channel.Notification
}

// postbox stands for the services behind all channels. Each message takes them a while.
type postbox struct {
	mu  sync.Mutex
	got []told
}

// phone is one channel's.
type phone struct {
	*postbox
	name string
}

// answerTime is how long a service takes to accept a message.
const answerTime = 150 * time.Millisecond

func (r phone) Send(ctx context.Context, n channel.Notification) channel.Result {
	r.mu.Lock()
	r.got = append(r.got, told{time.Now(), r.name, n})
	r.mu.Unlock()
	select {
	case <-time.After(answerTime):
		return channel.Result{Outcome: channel.Delivered}
	case <-ctx.Done():
		return channel.Result{Outcome: channel.Transient, Error: ctx.Err().Error()}
	}
}

func (phone) Close() error { return nil }

// replay is an alertd in a bubble of fake time, whose channels lead to a postbox.
type replay struct {
	t       *testing.T
	daemon  *daemon
	postbox *postbox
}

// newReplay starts an alertd with the day's configuration.
func newReplay(t *testing.T) *replay {
	t.Helper()
	loaded, err := config.Load(config.Options{
		Path:      filepath.Join(tradingDay, "alertd.toml"),
		LookupEnv: func(name string) (string, bool) { return secretOf(name), true },
	})
	require.NoError(t, err)
	require.Empty(t, loaded.Warnings)
	loaded.Storage.Path = filepath.Join(memoryDir(t), "alertd.db")
	r := &replay{t: t, postbox: &postbox{}}
	for n := range loaded.Channels {
		c := &loaded.Channels[n]
		_, err := c.Open(config.NewShared(io.Discard)) // its settings must do
		require.NoError(t, err)
		c.Open = func(config.Shared) (channel.Channel, error) { return phone{r.postbox, c.Policy.Name}, nil }
	}
	log, err := newDaemonLog(io.Discard, "error", "json")
	require.NoError(t, err)
	log.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	r.daemon, err = newDaemon(t.Context(), daemonConfig{loaded: loaded, log: log, shared: config.NewShared(io.Discard), ways: &ways{}})
	require.NoError(t, err)
	endLog, endEngine := background(t.Context(), r.daemon.store.Run), background(t.Context(), r.daemon.engine.Run)
	t.Cleanup(func() {
		require.NoError(t, endEngine())
		require.NoError(t, r.daemon.engine.Close())
		require.NoError(t, endLog())
		require.NoError(t, r.daemon.store.Close())
		log.close()
	})
	return r
}

// secretOf returns a value that suits a variable of the configuration.
func secretOf(name string) string {
	if name == "SLACK_WEBHOOK_URL" {
		return "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"
	}
	return "0123456789abcdef0123456789abcdef"
}

// memoryDir returns a folder in memory, if there is one: a day has ten thousands of commits,
// and each waits for the disk.
func memoryDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "alertd")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

// partOfDay returns the alerts of the day that the test replays: all, or with -short those of
// the storm and of the halt, or under the race detector those of the halt.
func partOfDay(t *testing.T) []tradingday.Alert {
	t.Helper()
	alerts, err := tradingday.Load(filepath.Join(tradingDay, "alerts.jsonl.gz"))
	require.NoError(t, err)
	switch {
	case storetest.Slow:
		return tradingday.Between(alerts, 15*time.Hour+35*time.Minute, 15*time.Hour+55*time.Minute)
	case testing.Short():
		return tradingday.Between(alerts, 14*time.Hour+25*time.Minute, 16*time.Hour+25*time.Minute)
	}
	return alerts
}

// do asks the API.
func (r *replay) do(method, path string, body []byte) []byte {
	r.t.Helper()
	request := httptest.NewRequestWithContext(r.t.Context(), method, path, bytes.NewReader(body))
	recorder := httptest.NewRecorder()
	r.daemon.api.Handler().ServeHTTP(recorder, request)
	require.Contains(r.t, []int{http.StatusOK, http.StatusCreated}, recorder.Code, "%s %s: %s", method, path, recorder.Body)
	return recorder.Body.Bytes()
}

// get asks the API and decodes the answer.
func (r *replay) get(path string, into any) {
	r.t.Helper()
	require.NoError(r.t, json.Unmarshal(r.do(http.MethodGet, path, nil), into))
}

// live sends the alerts, each at its time, and lets the rest of the last hour pass.
func (r *replay) live(alerts []tradingday.Alert) {
	r.t.Helper()
	midnight := tradingday.Date()
	for n := 0; n < len(alerts); {
		// What is sent at the same time is sent in one request.
		var group []any
		at := alerts[n].At
		for ; n < len(alerts) && alerts[n].At == at; n++ {
			group = append(group, struct {
				tradingday.Body
				EventID string `json:"event_id"`
			}{alerts[n].Body, idOf(n)})
		}
		var body any = group
		if len(group) == 1 {
			body = group[0]
		}
		sent, err := json.Marshal(body)
		require.NoError(r.t, err)
		time.Sleep(time.Until(midnight.Add(at))) //nolint:forbidigo // in a bubble
		r.do(http.MethodPost, "/alerts", sent)
	}
	time.Sleep(time.Hour) //nolint:forbidigo // in a bubble
	synctest.Wait()
}

// idOf returns the event_id of an alert.
func idOf(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n+1) }

// story is an incident, with what is known about its alerts.
type story struct {
	alerts   []tradingday.Alert
	severity alerting.Severity
	// opened is when its first alert was sent, and begins when the first of its severity was.
	opened, begins time.Duration
	messages       []told
}

// stories returns the incidents with their alerts and messages, by id.
func (r *replay) stories(alerts []tradingday.Alert) map[string]*story {
	r.t.Helper()
	byID := make(map[string]tradingday.Alert, len(alerts))
	for n, a := range alerts {
		byID[idOf(n)] = a
	}
	stories := map[string]*story{}
	for path := "/events?limit=1000&order=asc"; path != ""; {
		var page struct {
			Events []struct {
				ID       string `json:"event_id"`
				Incident string `json:"incident_id"`
				Source   string
			}
			Next *string `json:"next_cursor"`
		}
		r.get(path, &page)
		if path = ""; page.Next != nil {
			path = "/events?limit=1000&order=asc&cursor=" + url.QueryEscape(*page.Next)
		}
		for _, e := range page.Events {
			a, known := byID[e.ID]
			require.True(r.t, known || e.Source == alerting.OwnSource, e)
			if e.Incident == "" || !known {
				continue // it resolved nothing, or is alertd's own
			}
			s := stories[e.Incident]
			if s == nil {
				s = &story{opened: a.At}
				stories[e.Incident] = s
			}
			s.alerts = append(s.alerts, a)
			if a.Body.Severity > s.severity {
				s.severity, s.begins = a.Body.Severity, a.At
			}
		}
	}
	for _, m := range r.postbox.got {
		if s := stories[m.n.Notice.Incident.ID.String()]; s != nil {
			s.messages = append(s.messages, m)
		}
	}
	return stories
}

// timeOfDay returns the time of day of a moment.
func timeOfDay(t time.Time) time.Duration { return t.Sub(tradingday.Date()) }

// messages returns what the channels were sent, as the report wants it.
func (r *replay) messages(stories map[string]*story) []tradingday.Message {
	var messages []tradingday.Message
	for _, m := range r.postbox.got {
		message := tradingday.Message{At: timeOfDay(m.at), Channel: m.channel, About: map[string]alerting.Severity{}}
		id := m.n.Notice.Incident.ID.String()
		if s := stories[id]; s != nil {
			message.Incident, message.Opened = id, s.opened
			for _, a := range s.alerts {
				if a.At <= message.At {
					message.About[a.Problem] = max(message.About[a.Problem], a.Body.Severity)
				}
			}
		}
		messages = append(messages, message)
	}
	return messages
}

// requireTold checks that people were told of an incident, and of a critical one at once.
func (s *story) requireTold(t *testing.T) {
	t.Helper()
	require.NotEmpty(t, s.messages, "nobody was told of it: %v", s.alerts[0])
	if s.severity < alerting.SeverityCritical {
		return
	}
	for _, m := range s.messages {
		if m.n.Notice.Incident.Severity == alerting.SeverityCritical {
			require.LessOrEqual(t, timeOfDay(m.at)-s.begins, time.Second, "told late: %v", s.alerts[0])
			return
		}
	}
	require.Fail(t, "nobody was told that it is critical", "%v", s.alerts[0])
}

func TestTradingDay(t *testing.T) {
	alerts := partOfDay(t)
	var reports []tradingday.Named
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(tradingday.Date().Add(alerts[0].At - time.Minute))) //nolint:forbidigo // in a bubble
		r := newReplay(t)
		r.live(alerts)
		stories := r.stories(alerts)
		for _, s := range stories {
			s.requireTold(t)
		}
		report := tradingday.Measure(alerts, r.messages(stories))
		require.Empty(t, report.OnlyInDigest)
		require.Empty(t, report.Critical.Never)
		require.LessOrEqual(t, report.Critical.Max, time.Second)
		require.Empty(t, report.Others.Never)
		reports = append(reports, tradingday.Named{Name: "alertd", Report: report})
	})
	if *besideFlag {
		result, err := alertmanager.Replay(t.Context(), alertmanager.Day{
			Alerts: alerts, Config: filepath.Join(tradingDay, "alertmanager.yml"), Parts: 6, Speed: 60, Directory: t.TempDir(),
		})
		require.NoError(t, err)
		t.Logf("Alertmanager took %s of the day to accept an alert, at most for 99 of 100", result.Slack)
		reports = append(reports, tradingday.Named{Name: "Alertmanager", Report: result.Report})
	}
	var table bytes.Buffer
	require.NoError(t, tradingday.Table(&table, reports...))
	t.Logf("what people were told of the day:\n%s", &table)
}

package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/channel"
	"alertd/internal/config"
	"alertd/internal/incident"
	"alertd/test/tradingday"
)

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
	r.daemon, _ = runParts(t, loaded, r.postbox)
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
	dir, err := os.MkdirTemp("/dev/shm", "alertd") //nolint:usetesting // t.TempDir is on a disk
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
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

// act is what somebody does at a time of day.
type act struct {
	at time.Duration
	do func()
}

// live sends the alerts and does the acts, each at its time, and lets an hour pass.
func (r *replay) live(alerts []tradingday.Alert, acts []act) {
	r.t.Helper()
	first, last := alerts[0].At.Truncate(time.Minute), alerts[len(alerts)-1].At+time.Hour
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
		acts = append(acts, act{at, func() { r.post("/alerts", body) }})
	}
	slices.SortStableFunc(acts, func(a, b act) int { return cmp.Compare(a.at, b.at) })
	for _, a := range acts {
		if first <= a.at && a.at < last {
			sleepUntil(a.at)
			a.do()
		}
	}
	sleepUntil(last)
	synctest.Wait()
}

// sleepUntil lets a time of day come.
func sleepUntil(at time.Duration) {
	time.Sleep(time.Until(tradingday.Date().Add(at))) //nolint:forbidigo // in a bubble
}

// post sends something to the API, and returns the answer.
func (r *replay) post(path string, body any) []byte {
	r.t.Helper()
	sent, err := json.Marshal(body)
	require.NoError(r.t, err)
	return r.do(http.MethodPost, path, sent)
}

// idOf returns the event_id of an alert.
func idOf(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n+1) }

// digests returns the digests that channels were sent.
func (r *replay) digests() []told {
	return slices.DeleteFunc(slices.Clone(r.postbox.got), func(m told) bool { return m.n.Notice.Reason != incident.Digested })
}

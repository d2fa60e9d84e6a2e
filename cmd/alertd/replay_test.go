package main

import (
	"bytes"
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
	dir, err := os.MkdirTemp("/dev/shm", "alertd")
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

// digests returns the digests that channels were sent.
func (r *replay) digests() []told {
	return slices.DeleteFunc(slices.Clone(r.postbox.got), func(m told) bool { return m.n.Notice.Reason != incident.Digested })
}

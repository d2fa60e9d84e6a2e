package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func startReceiver(tb testing.TB) (*receiver, *ledger) {
	tb.Helper()
	l := newLedger()
	r, err := newReceiver(tb.Context(), l, rand.New(rand.NewPCG(1, 1)))
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, r.close()) })
	return r, l
}

// sendTo sends a message as alertd does, and returns the status; 0 if there is no answer.
func sendTo(tb testing.TB, r *receiver, key, body, signed string) int {
	tb.Helper()
	now := time.Now()
	signature, err := r.verifier.Sign(key, now, []byte(signed))
	if !assert.NoError(tb, err) { //nolint:testifylint // not in the goroutine of the test
		return 0
	}
	request, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, "http://"+r.listener.Addr().String()+"/all", strings.NewReader(body))
	if !assert.NoError(tb, err) { //nolint:testifylint // not in the goroutine of the test
		return 0
	}
	request.Header.Set("webhook-id", key)
	request.Header.Set("webhook-timestamp", fmt.Sprint(now.Unix()))
	request.Header.Set("webhook-signature", signature)
	request.Header.Set(senderHeader, "me")
	client := &http.Client{Timeout: sendTimeout}
	defer client.CloseIdleConnections()
	answer, err := client.Do(request)
	if err != nil {
		return 0
	}
	assert.NoError(tb, answer.Body.Close())
	if answer.StatusCode == http.StatusServiceUnavailable {
		assert.Equal(tb, "1", answer.Header.Get("Retry-After"))
	}
	return answer.StatusCode
}

func TestReceiverRecordsWhatSenderSees(t *testing.T) {
	t.Parallel()
	r, l := startReceiver(t)
	var statuses [200]int
	var sending sync.WaitGroup
	for worker := range 20 {
		sending.Go(func() {
			for n := worker; n < len(statuses); n += 20 {
				body := fmt.Sprintf("body %d", n)
				statuses[n] = sendTo(t, r, fmt.Sprint(n), body, body)
			}
		})
	}
	sending.Wait()
	seen := make(map[outcome]int)
	arrivals, _ := r.story()
	require.Len(t, arrivals, len(statuses))
	for at, a := range arrivals {
		seen[a.outcome]++
		n, err := strconv.Atoi(a.key)
		require.NoError(t, err)
		require.Equal(t, at+1, a.number)
		require.Equal(t, []string{"all", "me"}, []string{a.channel, a.sender})
		switch a.outcome {
		case answered:
			require.Equal(t, 2, statuses[n]/100)
		case refused:
			require.Equal(t, 5, statuses[n]/100)
		case cut, unread, late, pending: // the sender gives up before
			require.Zero(t, statuses[n])
		}
		if a.outcome != unread {
			require.Equal(t, "body "+a.key, a.body)
		}
	}
	require.Empty(t, l.found())
	for _, o := range []outcome{answered, cut, refused, unread} {
		require.NotZero(t, seen[o], o)
	}
	require.NotZero(t, seen[late]+seen[pending])
}

func TestWrongSignatureIsReported(t *testing.T) {
	t.Parallel()
	r, l := startReceiver(t)
	for range 20 { // some are not read
		sendTo(t, r, "msg_1", "body", "another body")
	}
	requireFinding(t, l, wrong, "the message msg_1 on channel all: its signature is not right")
}

func TestReceiverNumbersArrivalsAndKills(t *testing.T) {
	r, _ := startReceiver(t)
	sendTo(t, r, "msg_1", "body", "body")
	r.kills("me")
	sendTo(t, r, "msg_1", "body", "body")
	arrivals, killed := r.story()
	require.Len(t, arrivals, 2)
	require.Equal(t, 1, arrivals[0].number)
	require.Equal(t, 2, killed["me"].number)
	require.False(t, killed["me"].at.Before(arrivals[0].at))
	require.Equal(t, 3, arrivals[1].number)
}

func TestReceiverConfiguresEachChannel(t *testing.T) {
	r, _ := startReceiver(t)
	var file struct {
		Alerting struct {
			Channels map[string]struct {
				Kind, URL, Secret string
				Enabled           bool
				Headers           map[string]string
				MinSeverity       string `toml:"min_severity"`
			}
		}
	}
	require.NoError(t, toml.Unmarshal([]byte(r.config("alertd-1, launch 2", false)), &file))
	require.Len(t, file.Alerting.Channels, len(ways(false)))
	for _, w := range ways(false) {
		c := file.Alerting.Channels[w.name]
		require.True(t, c.Enabled)
		require.Equal(t, "webhook", c.Kind)
		require.Equal(t, w.minSeverity, c.MinSeverity)
		require.Equal(t, map[string]string{senderHeader: "alertd-1, launch 2"}, c.Headers)
		require.Equal(t, "http://"+r.listener.Addr().String()+"/"+w.name, c.URL)
		require.Equal(t, r.secret, c.Secret)
	}
}

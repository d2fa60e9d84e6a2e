package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/bench/internal/child"
)

// shortLoad takes 300 ms.
func shortLoad() load {
	return load{rate: 500, probeEvery: 5, warmUp: 100 * time.Millisecond, duration: 200 * time.Millisecond}
}

func TestTurnMeasuresEachOpening(t *testing.T) {
	l := newLedger("turn", shortLoad())
	var messages atomic.Int64
	r, err := startReceiver(t.Context(), func(m message, at time.Time) {
		messages.Add(1)
		l.arrived(m.Data.Incident.Pattern, at)
	})
	require.NoError(t, err)
	file, err := os.OpenFile(filepath.Join(t.TempDir(), "relayed"), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	relay := newRelay(r.url, file)
	server := httptest.NewServer(relay)
	got, err := measure(t.Context(), server.Listener.Addr().String(), os.Getpid(), l)
	require.NoError(t, err)
	server.Close()
	relay.close()
	require.NoError(t, r.stop())

	require.Equal(t, 20, got.probes)
	require.Equal(t, int64(30+80), messages.Load(), "one for each dedup_key")
	require.Positive(t, got.fromDue.p50)
	require.GreaterOrEqual(t, got.fromDue.p50, got.fromReply.p50)
	require.Positive(t, got.rate)
	require.Positive(t, got.rss)
	written, err := os.ReadFile(file.Name())
	require.NoError(t, err)
	require.Equal(t, 150, strings.Count(string(written), "\n"), "each alert is in the file")
}

func TestOtherAnswerThan201EndsTheTurn(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "not today", http.StatusTeapot)
	}))
	defer server.Close()
	err := sendAll(t.Context(), server.Listener.Addr().String(), newLedger("turn", load{rate: 100, probeEvery: 1, duration: time.Hour}))
	require.ErrorContains(t, err, "418 I'm a teapot")
	require.ErrorContains(t, err, "not today")
}

func TestTurnEndsWithItsContext(t *testing.T) {
	stopped := errors.New("that is enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // otherwise the server does not notice that the client goes away
		cancel(stopped)
		<-r.Context().Done() // no answer while the client waits for it
	}))
	defer server.Close()
	began := time.Now()
	err := sendAll(ctx, server.Listener.Addr().String(), newLedger("turn", load{rate: 1000, probeEvery: 1, duration: time.Minute}))
	require.ErrorIs(t, err, stopped)
	require.Less(t, time.Since(began), answerPatience, "nobody waits for an answer any more")

	err = sendAll(ctx, server.Listener.Addr().String(), newLedger("turn", shortLoad()))
	require.ErrorIs(t, err, stopped, "before the first connection")
}

func TestLostServerEndsTheTurn(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	require.ErrorContains(t, sendAll(t.Context(), server.Listener.Addr().String(), newLedger("turn", shortLoad())), "connect: dial")
}

func TestContendersTakeTurnsInBothOrders(t *testing.T) {
	directory := t.TempDir()
	b := &bench{options: options{rounds: 2}, name: "bench", alertd: child.Alertd{Directory: directory}}
	var order []string
	named := func(name string) contender {
		return contender{name, func(ctx context.Context, turn, url string) (*child.Child, error) {
			order = append(order, turn+" "+name)
			return b.startRelay(ctx, turn, url)
		}}
	}
	rounds, err := b.compare(t.Context(), shortLoad(), named("a"), named("b"))
	require.NoError(t, err)
	require.Equal(t, []string{"bench-1 a", "bench-2 b", "bench-3 b", "bench-4 a"}, order)
	require.Len(t, rounds, 2)
	for _, round := range rounds {
		require.Len(t, round, 2)
		for _, turn := range round {
			require.Equal(t, 20, turn.probes)
		}
	}
	left, err := os.ReadDir(directory)
	require.NoError(t, err)
	require.Empty(t, left, "a turn leaves nothing on disk")
}

func TestUnreadableWebhookFailsTheTurn(t *testing.T) {
	for name, body := range map[string]string{"no JSON": "x", "no webhook": "{}"} {
		r, err := startReceiver(t.Context(), func(message, time.Time) { t.Error("it was taken") })
		require.NoError(t, err)
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url, strings.NewReader(body))
		require.NoError(t, err)
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		answer, err := client.Do(request)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, http.StatusBadRequest, answer.StatusCode, name)
		require.ErrorContains(t, r.stop(), "read a webhook", name)
	}
}

func TestDeadReceiverNeverAnswers(t *testing.T) {
	d, err := startDead(t.Context())
	require.NoError(t, err)
	var dialer net.Dialer
	idle, err := dialer.DialContext(t.Context(), "tcp", d.listener.Addr().String())
	require.NoError(t, err)
	defer func() { _ = idle.Close() }()
	client := &http.Client{Timeout: 50 * time.Millisecond, Transport: &http.Transport{}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.url, strings.NewReader("{}"))
	require.NoError(t, err)
	answer, err := client.Do(request)
	if err == nil {
		_ = answer.Body.Close()
	}
	require.ErrorIs(t, err, context.DeadlineExceeded)
	d.stop() // also with an open connection
	require.Equal(t, int64(1), d.asked.Load())
}

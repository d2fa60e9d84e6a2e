package engine_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/engine"
	"alertd/internal/routing"
	"alertd/internal/routing/routingtest"
	"alertd/internal/store"
	"alertd/internal/store/work"
)

const (
	benchEvents    = 200_000
	benchIncidents = 1000
	benchBusy      = 100
)

// BenchmarkFoldByRules folds 200,000 events into 1,000 open incidents, nine of ten into 100
// of them: without rules, and by those of a large desk, which has 50 routes, 100 silences,
// and 20 inhibitions that are all in force. The ratio is that of the speeds, and shall be at
// least 0.5.
func BenchmarkFoldByRules(b *testing.B) {
	var bare, ruled time.Duration
	for n := range 2 * b.N { // by turns, so that both meet the same machine
		if n%4 == 0 || n%4 == 3 {
			bare += foldingTime(b, routing.Settings{}, 0, 0)
		} else {
			ruled += foldingTime(b, routingtest.Settings(50, 20), 100, 20)
		}
	}
	b.ReportMetric(float64(bare.Nanoseconds())/float64(b.N)/benchEvents, "ns/event")
	b.ReportMetric(float64(ruled.Nanoseconds())/float64(b.N)/benchEvents, "ns/event-by-rules")
	b.ReportMetric(bare.Seconds()/ruled.Seconds(), "ratio")
}

// foldingTime returns how long the engine needs to fold events that are in the log, while
// silences and halts are in force.
func foldingTime(b *testing.B, settings routing.Settings, silences, halts int) time.Duration {
	b.Helper()
	log := slog.New(slog.DiscardHandler)
	s, err := store.Open(b.Context(), store.Config{Driver: store.SQLite, Path: filepath.Join(b.TempDir(), "alertd.db"), Logger: log})
	require.NoError(b, err)
	defer func() { require.NoError(b, s.Close()) }()
	desk := newReceiver("desk").channel()
	desk.Open = func() (channel.Channel, error) { return taker{}, nil }
	tasks := work.New(s)
	e, err := engine.New(engine.Config{
		Store: s, Work: tasks, Meter: &meter{finished: map[string]int{}}, Logger: log,
		Raise: func(context.Context, alerting.Alert) error { return nil },
	}, engine.Settings{Enabled: true, RepeatInterval: time.Hour, IdentifyBy: []string{"position", "venue"}, Channels: []engine.Channel{desk}, Routing: settings})
	require.NoError(b, err)
	defer func() { require.NoError(b, e.Close()) }()
	config := alerting.DefaultConfig()
	config.Enabled = true
	m, err := alerting.OpenManager(b.Context(), config, e, s)
	require.NoError(b, err)
	ctx, end := context.WithCancel(context.WithoutCancel(b.Context()))
	ended := make(chan error, 2)
	defer func() {
		end()
		require.NoError(b, <-ended)
		require.NoError(b, <-ended)
	}()
	go func() { ended <- s.Run(ctx) }()
	for _, silence := range routingtest.Silences(silences, time.Now()) {
		_, err := e.Silence(b.Context(), silence)
		require.NoError(b, err)
	}
	var seq alerting.Seq
	register := func(alerts ...alerting.Alert) {
		results, err := m.RegisterBatch(b.Context(), alerts)
		require.NoError(b, err)
		seq = results[len(results)-1].Event.Seq()
	}
	for n := range halts {
		register(routingtest.Halt(n))
	}
	for n := 0; n < benchEvents; n += benchIncidents {
		alerts := make([]alerting.Alert, benchIncidents)
		for i := range alerts {
			of := n + i
			if of%10 > 0 { // most are about a few
				of %= benchBusy
			}
			alerts[i] = routingtest.Alert(of, benchIncidents)
		}
		register(alerts...)
	}
	b.StartTimer()
	began := time.Now()
	go func() { ended <- e.Run(ctx) }()
	require.Eventually(b, func() bool { // asked seldom: it must not keep the fold from the database
		cursor, err := tasks.Cursor(b.Context())
		return err == nil && cursor >= seq
	}, 10*time.Minute, time.Millisecond)
	took := time.Since(began)
	b.StopTimer()
	return took
}

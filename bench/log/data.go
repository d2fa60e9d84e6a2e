package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/store"
)

// The events resemble those of a trading system: most are from a few gates, the rest from
// 10,000 strategies; one in 5,000 is critical; texts have numbers with many digits. They
// span 90 days, and are reported with a delay of up to a minute.
const (
	commonSources = 20
	rareSources   = 10_000
)

// alertOf returns the alert number i of n.
func alertOf(random *rand.Rand, i, n int) alerting.Alert {
	alert := alerting.Alert{
		Severity: alerting.SeverityWarning,
		Category: alerting.Categories()[random.IntN(8)],
		Source:   fmt.Sprintf("gate-%d", random.IntN(commonSources)),
		Message:  fmt.Sprintf("VaR limit breached: %.4f > %.4f for desk %d", random.Float64(), random.Float64(), random.IntN(50)),
	}
	switch random.IntN(4) {
	case 0:
		alert.Severity = alerting.SeverityError
	case 1:
		alert.Source = fmt.Sprintf("strategy-%d", random.IntN(rareSources))
		alert.Message = fmt.Sprintf("No tick of %06d for %d ms", random.IntN(1_000_000), random.IntN(100_000))
	}
	if random.IntN(5000) == 0 {
		alert.Severity = alerting.SeverityCritical
		alert.Message = "Kill switch activated: drawdown"
	}
	start := time.Date(2025, 9, 1, 0, 0, 0, 0, time.UTC)
	received := start.Add(90 * 24 * time.Hour / time.Duration(n) * time.Duration(i))
	alert.ReceivedAt = received
	alert.Timestamp = received.Add(-time.Duration(random.IntN(60_000)) * time.Millisecond)
	alert.Context, _ = alerting.ParseContext(fmt.Appendf(nil, `{"position": "BTC-EUR", "current_var": %.4f, "limit": 0.03}`, random.Float64()))
	return alert
}

// fill stores n events and returns the sizes of their JSON and of the files. The index is
// complete when it returns.
func fill(ctx context.Context, path string, n int) (json, disk int64, err error) {
	log, err := store.Open(ctx, store.Config{Driver: store.SQLite, Path: path, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return 0, 0, err
	}
	if err := log.Attach(ctx, nobody{}, 0); err != nil {
		return 0, 0, errors.Join(err, log.Close())
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- log.Run(running) }()
	json, err = appendAlerts(ctx, log, n)
	for err == nil && log.Counts().Unindexed >= 8192 {
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	stop()
	if err := errors.Join(err, <-ended, log.Close()); err != nil {
		return 0, 0, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, 0, err
	}
	return json, info.Size(), nil
}

// nobody discards events.
type nobody struct{}

func (nobody) Publish([]*alerting.Event, alerting.Origin) {}

func appendAlerts(ctx context.Context, log *store.Store, n int) (json int64, err error) {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same each time
	for i := 0; i < n; {
		drafts := make([]*alerting.Draft, 0, 1000)
		for ; i < n && len(drafts) < cap(drafts); i++ {
			draft, err := alerting.NewDraft(alertOf(random, i, n), time.Now())
			if err != nil {
				return 0, err
			}
			drafts = append(drafts, draft)
		}
		appended, err := log.Append(ctx, drafts)
		if err != nil {
			return 0, err
		}
		for _, a := range appended {
			json += int64(len(a.Event.JSON()))
		}
	}
	return json, nil
}

// configFor writes a configuration without retention for a database.
func configFor(path string) (string, error) {
	config := filepath.Join(filepath.Dir(path), filepath.Base(path)+".toml")
	text := fmt.Sprintf("[storage]\npath = %q\nretention = \"0\"\n[alerting]\nmin_severity = \"debug\"\n", path)
	return config, os.WriteFile(config, []byte(text), 0o600)
}

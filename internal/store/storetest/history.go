package storetest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
)

// words are what messages consist of: with letters of several lengths, some of
// which change their length with their case.
var words = []string{
	"limit", "LIMIT", "VaR", "exceeds", "position", "desk", "Δ-hedge", "ΣΊΣΥΦΟΣ", "σίσυφος", "Ärger", "über", "straße", "STRASSE",
	"İstanbul", "ı", "K", "kelvin", "ſ", "Ⱥ", "日本", "株価", "🔥", "🔥🔥", "0.05", "100%", "\\", "\"", ",\"seq\":7", "a", "é", "É", "\t", "rate_limit",
}

// sources of events: the first ones are frequent.
func sources() []string {
	sources := []string{"risk-engine", "Risk-Engine", "market-data", "оms"}
	for i := range 30 {
		sources = append(sources, fmt.Sprintf("strategy-%02d", i))
	}
	return sources
}

// historyStart is when the events of [History] begin.
var historyStart = time.Date(2026, 2, 27, 22, 0, 0, 0, time.UTC)

// RandomAlert returns an alert of every sort. Its timestamp is somewhere around
// the i-th minute, so that timestamps do not ascend as numbers do.
func RandomAlert(random *rand.Rand, i int) alerting.Alert {
	pick := func(n int) int { return min(random.IntN(n), random.IntN(n), random.IntN(n)) } // mostly the first
	all := sources()
	var message []string
	for range 1 + random.IntN(6) {
		message = append(message, words[random.IntN(len(words))])
	}
	if random.IntN(500) == 0 {
		message = append(message, strings.Repeat("long ", 500), "end")
	}
	alert := alerting.Alert{
		Severity: alerting.Severities()[pick(5)], Category: alerting.Categories()[pick(8)],
		Source: all[pick(len(all))], Message: strings.Join(message, " "),
		Timestamp: historyStart.Add(time.Duration(i)*time.Minute + time.Duration(random.NormFloat64()*float64(6*time.Hour))),
	}
	if random.IntN(50) == 0 {
		alert.Timestamp = historyStart.Add(time.Duration(random.IntN(10_000)) * time.Minute)
	}
	if strings.TrimSpace(alert.Message) == "" {
		alert.Message = "x"
	}
	return alert
}

// History returns events of every sort, numbered from 1.
func History(tb testing.TB, n int) []*alerting.Event {
	tb.Helper()
	seed := rand.Uint64()
	tb.Logf("the history's seed is %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	events := make([]*alerting.Event, n)
	for i := range events {
		draft, err := alerting.NewDraft(RandomAlert(random, i), time.Now())
		require.NoError(tb, err)
		events[i] = draft.Finish(alerting.Seq(i) + 1)
	}
	return events
}

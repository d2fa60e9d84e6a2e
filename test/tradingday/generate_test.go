package tradingday_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/test/tradingday"
)

const committed = "../../testdata/tradingday/alerts.jsonl.gz"

func load(t *testing.T) []tradingday.Alert {
	t.Helper()
	alerts, err := tradingday.Load(committed)
	require.NoError(t, err)
	return alerts
}

func TestSeedMakesTheCommittedDay(t *testing.T) {
	want, got := bytes.Buffer{}, bytes.Buffer{}
	require.NoError(t, tradingday.Write(&want, load(t)))
	require.NoError(t, tradingday.Write(&got, tradingday.Generate(tradingday.Seed)))
	require.True(t, bytes.Equal(want.Bytes(), got.Bytes()), "if this is meant: go run ./test/tradingday/generate")
}

func TestSeedDecidesTheDay(t *testing.T) {
	one, other := tradingday.Generate(7), tradingday.Generate(8)
	require.Equal(t, one, tradingday.Generate(7))
	require.NotEqual(t, one, other)
	for _, p := range tradingday.Problems(other) {
		if p.Severity == alerting.SeverityCritical {
			require.True(t, slices.ContainsFunc(tradingday.Problems(one), func(q tradingday.Problem) bool { return q.Name == p.Name }), p.Name)
		}
	}
}

func TestReadingReturnsWhatWasWritten(t *testing.T) {
	alerts := tradingday.Between(tradingday.Generate(3), 14*time.Hour+31*time.Minute, 14*time.Hour+32*time.Minute)
	require.NotEmpty(t, alerts)
	var file, again bytes.Buffer
	require.NoError(t, tradingday.Write(&file, alerts))
	text := file.String()
	read, err := tradingday.Read(&file)
	require.NoError(t, err)
	require.Len(t, read, len(alerts))
	require.Equal(t, alerts[5].At, read[5].At)
	require.NoError(t, tradingday.Write(&again, read))
	require.Equal(t, text, again.String())
}

func TestBrokenDayIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"no time of day": `{"at":"half past eight"}`,
		"no JSON":        `{"at":`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := tradingday.Read(bytes.NewReader([]byte(text)))
			require.ErrorContains(t, err, "read alert 1 of the day")
		})
	}
	_, err := tradingday.Load("no such file")
	require.Error(t, err)
}

func TestDayIsWhatItsDescriptionSays(t *testing.T) {
	alerts := load(t)
	require.Greater(t, len(alerts), 20_000)
	require.Less(t, len(alerts), 40_000)
	require.True(t, slices.IsSortedFunc(alerts, func(a, b tradingday.Alert) int { return int(a.At - b.At) }))
	require.GreaterOrEqual(t, alerts[0].At, tradingday.Begin)
	require.Less(t, alerts[len(alerts)-1].At, tradingday.End)
	require.Equal(t, time.Tuesday, tradingday.Date().Weekday())
	for _, a := range alerts {
		body, err := json.Marshal(a.Body)
		require.NoError(t, err)
		_, err = alerting.DecodeAlert(body)
		require.NoError(t, err, "alertd takes it")
		require.NotEmpty(t, a.Problem)
		require.NotEmpty(t, a.Kind)
	}

	storm := tradingday.Between(alerts, 14*time.Hour+30*time.Minute, 14*time.Hour+32*time.Minute)
	require.Greater(t, len(storm), 5000)
	emergencies, inStorm := 0, 0
	for _, p := range tradingday.Problems(alerts) {
		if p.Severity != alerting.SeverityCritical {
			continue
		}
		require.Empty(t, p.Explained, "what is critical must be told")
		emergencies++
		if p.Begins > 14*time.Hour+30*time.Minute && p.Begins < 14*time.Hour+32*time.Minute {
			inStorm++
		}
	}
	require.Equal(t, 15, emergencies)
	require.Equal(t, 3, inStorm)

	symbols := map[string]int{}
	for _, a := range alerts {
		if symbol, ok := a.Body.Context["symbol"].(string); ok && a.Body.Resolves {
			symbols[symbol]++
		}
	}
	require.Len(t, symbols, 420)
	for symbol, recovered := range symbols {
		require.Equal(t, 1, recovered, symbol)
	}
}

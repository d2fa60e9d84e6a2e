package alerting_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/alerting"
)

func TestAHistogramHasTheNarrowestBucketsThatAreFewEnough(t *testing.T) {
	at := func(text string) time.Time {
		parsed, err := time.Parse(time.RFC3339Nano, text)
		require.NoError(t, err)
		return parsed
	}
	for name, c := range map[string]struct {
		since, until string
		most         int
		width        time.Duration
		first        string
		n            int
	}{
		"a day in 60":              {"2025-12-27T10:30:00Z", "2025-12-28T10:30:00Z", 60, 30 * time.Minute, "2025-12-27T10:30:00Z", 48},
		"a day, cut in the middle": {"2025-12-27T10:40:00Z", "2025-12-28T10:40:00Z", 60, 30 * time.Minute, "2025-12-27T10:30:00Z", 49},
		"an hour in 60":            {"2025-12-27T10:00:00Z", "2025-12-27T11:00:00Z", 60, time.Minute, "2025-12-27T10:00:00Z", 60},
		"an hour and a bit in 60":  {"2025-12-27T10:00:00Z", "2025-12-27T11:00:00.000001Z", 60, 5 * time.Minute, "2025-12-27T10:00:00Z", 13},
		"a microsecond":            {"2025-12-27T10:00:59.999999Z", "2025-12-27T10:01:00Z", 1, time.Minute, "2025-12-27T10:00:00Z", 1},
		"a year in 60":             {"2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z", 60, 7 * 24 * time.Hour, "2024-12-26T00:00:00Z", 53},
		"the beginning":            {"1970-01-01T00:00:00Z", "1970-01-01T12:00:00Z", 1, 12 * time.Hour, "1970-01-01T00:00:00Z", 1},
	} {
		h := alerting.NewHistogram(at(c.since), at(c.until), c.most)
		require.Equal(t, []any{c.width, c.n, at(c.first)}, []any{h.Width, len(h.Buckets), h.Since()}, name)
	}
}

func TestAHistogramCoversItsSpan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		since := time.UnixMicro(rapid.Int64Range(0, 32503680000000000).Draw(t, "since")).UTC()
		until := since.Add(time.Duration(rapid.Int64Range(1, 3660*86400*1e6).Draw(t, "length")) * time.Microsecond)
		most := rapid.IntRange(1, 500).Draw(t, "most")
		h := alerting.NewHistogram(since, until, most)
		require.LessOrEqual(t, len(h.Buckets), most)
		require.Zero(t, h.Since().UnixMicro()%h.Width.Microseconds())
		require.False(t, h.Since().After(since))
		require.True(t, h.Since().Add(h.Width).After(since))
		require.False(t, h.Until().Before(until))
		require.True(t, h.Until().Add(-h.Width).Before(until))
		for i, b := range h.Buckets {
			require.Equal(t, h.Since().Add(time.Duration(i)*h.Width), b.Start)
		}
		h.Add(since, alerting.SeverityError, 2)
		h.Add(until.Add(-time.Microsecond), alerting.SeverityError, 3)
		h.Add(h.Until(), alerting.SeverityError, 7)
		h.Add(h.Since().Add(-time.Microsecond), alerting.SeverityError, 7)
		n := int64(0)
		for _, b := range h.Buckets {
			n += b.Events[alerting.SeverityError]
		}
		require.Equal(t, int64(5), n)
	})
}

package alerting_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
)

func TestParseTimeTakesUsualForms(t *testing.T) {
	for text, want := range map[string]string{
		"2025-12-27T10:30:00Z":             "2025-12-27T10:30:00Z",
		"2025-12-27T10:30:00.123456":       "2025-12-27T10:30:00.123456Z", // datetime.utcnow().isoformat()
		"2025-12-27T10:30:00":              "2025-12-27T10:30:00Z",
		"2025-12-27 10:30:00.5":            "2025-12-27T10:30:00.5Z", // str(datetime.utcnow())
		"2025-12-27 10:30:00+01:00":        "2025-12-27T09:30:00Z",
		"2025-12-27T10:30:00+0100":         "2025-12-27T09:30:00Z",
		"2025-12-27T10:30:00-01":           "2025-12-27T11:30:00Z",
		"2025-12-27 10:30:00.25 +0530":     "2025-12-27T05:00:00.25Z",
		"2025-12-27T10:30:00,5Z":           "2025-12-27T10:30:00.5Z",
		"2025-12-27 10:30:00,123":          "2025-12-27T10:30:00.123Z", // Python's logging
		"2025-12-27t10:30:00z":             "2025-12-27T10:30:00Z",
		"2025-12-27T24:00:00Z":             "2025-12-28T00:00:00Z",
		"2025-12-31T24:00:00.000":          "2026-01-01T00:00:00Z",
		"2024-02-28 24:00:00+0100":         "2024-02-28T23:00:00Z",
		"2025-12-27T10:30:00.1234567890Z":  "2025-12-27T10:30:00.123456789Z",
		"2025-12-27T10:30:00,1234567890 Z": "2025-12-27T10:30:00.123456789Z",
	} {
		got, err := alerting.ParseTime("since", text)
		require.NoError(t, err, text)
		require.Equal(t, at(t, want), got.UTC(), text)
	}
	for _, text := range []string{
		"", "now", "1766831400", "2025-12-27", "2025-12-27T10:30", "2025-12-27T10:30Z", "20251227T103000Z", "2025-12-27T1:30:00", "2025-12-27  10:30:00", "2025-12-27_10:30:00",
		"2025-02-29T10:30:00", "2025-13-01 10:30:00", "2025-12-27T10:60:00", "2025-12-27T10:30:60", "2025-12-27T24:00:01", "2025-12-27T24:00:00.1", "2025-12-27T25:00:00",
		"2025-12-27T10:30:00.", "2025-12-27T10:30:00,Z", "2025-12-27T10:30:00+24:00", "2025-12-27T10:30:00+0160", "2025-12-27T10:30:00+1", "2025-12-27T10:30:00 UTC", "12025-12-27T10:30:00Z", " 2025-12-27T10:30:00", "2025-12-27T10:30:00\n",
	} {
		_, err := alerting.ParseTime("since", text)
		requireInvalid(t, err, "since", "must be RFC 3339 such as 2025-12-27T10:30:00Z")
	}
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"500ms": 500 * time.Millisecond, "30s": 30 * time.Second, "15m": 15 * time.Minute, "8h": 8 * time.Hour, "90d": 90 * 24 * time.Hour,
		"0": 0, "0s": 0, "0d": 0, "1h30m": 90 * time.Minute, "1.5h": 90 * time.Minute, "1us": time.Microsecond, "1ns": 1,
		"-5s": -5 * time.Second, "-2d": -2 * 24 * time.Hour, "106751d": 106751 * 24 * time.Hour,
	} {
		got, err := alerting.ParseDuration(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
}

func TestInvalidDurationIsRefused(t *testing.T) {
	for _, text := range []string{"", "d", "5", "1.5d", "1d12h", "12h1d", "5 s", "5S", "5D", " 5s", "5s ", "ten minutes", "1w", "106752d", "-106752d", "99999999999999999999d", "9999999h", "٣d"} {
		_, err := alerting.ParseDuration(text)
		require.Error(t, err, text)
	}
}

package config_test

import (
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/alerting"
	"alertd/internal/config"
)

const day = 24 * time.Hour

func TestFormatDuration(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0": 0, "90d": 90 * day, "1d": 24 * time.Hour, "25h": 25 * time.Hour, "90m": 90 * time.Minute, "61s": 61 * time.Second,
		"1500ms": 1500 * time.Millisecond, "1.5ms": 1500 * time.Microsecond, "-2d": -2 * day,
	} {
		require.Equal(t, want, config.FormatDuration(d))
	}
}

func TestDurationRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		unit := rapid.SampledFrom([]time.Duration{1, time.Microsecond, time.Millisecond, time.Second, time.Minute, time.Hour, day}).Draw(t, "unit")
		d := time.Duration(rapid.Int64Range(math.MinInt64/int64(unit), math.MaxInt64/int64(unit)).Draw(t, "n")) * unit
		text := config.FormatDuration(d)
		back, err := alerting.ParseDuration(text)
		if err != nil || back != d {
			t.Fatalf("%d is written %q and read %d, %v", d, text, back, err)
		}
	})
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"64KiB": 64 << 10, "8MiB": 8 << 20, "1GiB": 1 << 30, "1.5MiB": 3 << 19, "8 MiB": 8 << 20, "8mib": 8 << 20,
		"64KB": 64_000, "8MB": 8_000_000, "2000B": 2000, "2000": 2000,
	} {
		c := requireGood(t, "[server]\nmax_body = '"+text+"'", nil)
		require.Equal(t, want, c.Server.MaxBody, text)
	}
}

func TestInvalidSizeIsRefused(t *testing.T) {
	for _, text := range []string{"", "MiB", "-8MiB", "8XiB", "1,5MiB", "1,000KiB", "8MiB8", "0x10MiB", "99999999999999999999GiB", "٣MiB"} {
		requireProblems(t, "[server]\nmax_body = '"+text+"'", nil,
			`server.max_body: "`+text+`" is not allowed, must be a size from 1KiB to 1GiB such as 64KiB or 8MiB`)
	}
}

func TestSizeRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		unit := rapid.SampledFrom([]int64{1, 1 << 10, 1 << 20, 1 << 30}).Draw(t, "unit")
		n := rapid.Int64Range(max(1, 1<<10/unit), 1<<30/unit).Draw(t, "n") * unit
		text := strconv.FormatInt(n, 10)
		for range 2 { // as a number of bytes, and then as it is shown
			c, err := parse("[server]\nmax_body = '"+text+"'", nil)
			if err != nil || c.Server.MaxBody != n {
				t.Fatalf("%d bytes, written %q, are read as %d, %v", n, text, c.Server.MaxBody, err)
			}
			text = redactedText(c, "server", "max_body")
		}
	})
}

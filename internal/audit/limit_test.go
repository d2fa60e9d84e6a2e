package audit_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/audit"
)

func TestFloodIsCountedAndToldOfOnce(t *testing.T) {
	l := audit.Limit{PerMinute: 3}
	written := 0
	for i := range 100 {
		if l.Take(noon.Add(time.Duration(i)*time.Millisecond), audit.LoginFailed) {
			written++
		}
	}
	require.Equal(t, 3, written)
	l.Count(noon.Add(time.Second), audit.CredentialRefused)
	_, _, some := l.LeftOut(t.Context(), noon.Add(time.Minute), false)
	require.False(t, some, "its minute is not over")

	e, done, some := l.LeftOut(t.Context(), noon.Add(61*time.Second), false)
	require.True(t, some)
	require.Equal(t, audit.LeftOut, e.Action)
	require.Equal(t, "alertd", e.Actor)
	require.JSONEq(t, `{"since":"2026-03-02T12:00:00.126456Z","until":"2026-03-02T12:01:01.123456Z","left_out":{"session.login_failed":97,"token.refused":1}}`, string(e.After))

	l.Count(noon.Add(62*time.Second), audit.LoginFailed) // while that is written
	again, _, some := l.LeftOut(t.Context(), noon.Add(61*time.Second), false)
	require.True(t, some, "it was not written yet")
	require.Contains(t, string(again.After), `:98`)
	done()
	_, _, some = l.LeftOut(t.Context(), noon.Add(100*time.Second), false)
	require.False(t, some, "what came since waits for its own minute")
	e, done, some = l.LeftOut(t.Context(), noon.Add(100*time.Second), true)
	require.True(t, some)
	require.Contains(t, string(e.After), `"left_out":{"session.login_failed":1}`)
	done()
	_, _, some = l.LeftOut(t.Context(), noon.Add(time.Hour), true)
	require.False(t, some)
}

func TestNextMinuteLetsThroughAgain(t *testing.T) {
	l := audit.Limit{PerMinute: 1}
	require.True(t, l.Take(noon, audit.LoginFailed))
	require.False(t, l.Take(noon.Add(time.Minute-1), audit.LoginFailed))
	require.True(t, l.Take(noon.Add(time.Minute), audit.LoginFailed))
}

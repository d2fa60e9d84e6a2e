package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWrongOptionsAreRefused(t *testing.T) {
	for _, args := range [][]string{{"-rounds", "0"}, {"-idle", "-1"}, {"-duration", "1ms"}, {"extra"}, {"-idle", "100000000"}} {
		require.Error(t, run(t.Context(), args, io.Discard), args)
	}
	require.ErrorContains(t, run(t.Context(), []string{"-alertd", "/nowhere", "-dir", t.TempDir()}, io.Discard), "/nowhere")
}

// The same as make bench-hostile, in small.
func TestAlertsComeInWhileStrangersHoldConnections(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "alertd")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "alertd/cmd/alertd")
	build.Stderr = os.Stderr
	require.NoError(t, build.Run())
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{
		"-alertd", binary, "-dir", t.TempDir(), "-rounds", "1", "-connections", "4", "-idle", "100", "-slow", "10", "-duration", "500ms",
	}, &out))
	require.Regexp(t, `(?m)^ +attacked +[1-9]`, out.String())
	require.Contains(t, out.String(), "attackers: 100 idle connections, 10 slow clients")
}

func turnWith(rate float64, health ...time.Duration) turn { return turn{rate: rate, health: health} }

func TestMissedGoalsAreNamed(t *testing.T) {
	good := round{alone: turnWith(1000, 1), attacked: turnWith(800, time.Millisecond, 100*time.Millisecond)}
	require.NoError(t, result{rounds: []round{good}, peak: mostMemory - 1}.check())
	bad := round{alone: turnWith(1000, time.Second), attacked: turnWith(790, time.Millisecond, 101*time.Millisecond)}
	err := result{rounds: []round{bad}, peak: mostMemory}.check()
	require.EqualError(t, err, "alertd takes 0.79 of its requests/s under attack, it must be at least 0.8\n"+
		"alertd takes 400 MiB of memory, it must be less than 400\n/healthz takes 101ms, it must be at most 100ms")
}

package child

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTailKeepsTheEnd(t *testing.T) {
	var log tail
	_, _ = log.Write([]byte(strings.Repeat("a", tailSize)))
	n, err := log.Write([]byte("the end\n"))
	require.NoError(t, err)
	require.Equal(t, 8, n)
	require.Equal(t, strings.Repeat("a", tailSize-8)+"the end", log.String())

	_, _ = log.Write([]byte(strings.Repeat("b", 3*tailSize)))
	require.Equal(t, strings.Repeat("b", tailSize), log.String())
}

func TestFailedStartShowsLog(t *testing.T) {
	_, err := Start(t.Context(), "nobody", []string{"sh", "-c", "echo 'no such thing' >&2; exit 3"})
	require.ErrorContains(t, err, "the process has ended")
	require.ErrorContains(t, err, "no such thing")
}

func TestStartStopsProcessThatDoesNotListen(t *testing.T) {
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, errors.New("that is enough"))
	defer cancel()
	_, err := Start(ctx, "nobody", []string{"sleep", "60"})
	require.ErrorContains(t, err, "that is enough")
}

func TestEachAlertdHasItsConfiguration(t *testing.T) {
	directory := t.TempDir()
	text := func(a Alertd) string {
		command, err := a.Command("first", "[alerting]\nenabled = true\n", "--log-level", "warn")
		require.NoError(t, err)
		config := filepath.Join(directory, "first.toml")
		require.Equal(t, []string{"bin/alertd", "serve", "--config", config, "--listen", "127.0.0.1:0", "--log-level", "warn"}, command)
		written, err := os.ReadFile(config)
		require.NoError(t, err)
		return string(written)
	}
	sqlite := text(Alertd{Binary: "bin/alertd", Directory: directory})
	require.Contains(t, sqlite, "driver = \"sqlite\"\npath = \""+filepath.Join(directory, "first", "alertd.db")+"\"\n[alerting]\nenabled = true\n")
	postgres := text(Alertd{Binary: "bin/alertd", DSN: "postgres://db", Directory: directory})
	require.Contains(t, postgres, "driver = \"postgres\"\ndsn = \"postgres://db\"\n[alerting]\n")
}

package alertmanager_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"alertd/internal/needs"
	"alertd/test/tradingday"
	"alertd/test/tradingday/alertmanager"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testdata = "../../../testdata/tradingday"

// halt returns what is sent around the halt of a venue, at six minutes a second, in two parts.
func halt(t *testing.T) alertmanager.Day {
	t.Helper()
	if _, err := exec.LookPath(alertmanager.Binary); err != nil {
		needs.Lacking(t, "Debian's %s", alertmanager.Binary)
	}
	alerts, err := tradingday.Load(filepath.Join(testdata, "alerts.jsonl.gz"))
	require.NoError(t, err)
	return alertmanager.Day{
		Alerts: tradingday.Between(alerts, 15*time.Hour+35*time.Minute, 15*time.Hour+56*time.Minute), Config: filepath.Join(testdata, "alertmanager.yml"),
		Parts: 2, Speed: 360, Directory: t.TempDir(),
	}
}

func TestAlertmanagerTellsOfTheHaltAndNotOfWhatItExplains(t *testing.T) {
	day := halt(t)
	r, err := alertmanager.Replay(t.Context(), day)
	require.NoError(t, err)
	require.Equal(t, len(day.Alerts), r.Alerts)
	require.Positive(t, r.Slack)
	require.Equal(t, 3, r.Critical.Count)
	require.Empty(t, r.Critical.Never)
	require.Empty(t, r.Others.Never)
	require.GreaterOrEqual(t, r.Others.Median, 30*time.Second, "group_wait is compressed, and counted as time of the day")
	require.Equal(t, 1, r.Explicable)
	require.Zero(t, r.Explained)
	require.Greater(t, r.Messages, r.Incidents.Count)
	require.Equal(t, r.Messages, r.Channels["pager"]+r.Channels["desk"]+r.Channels["mail"])
	require.Positive(t, r.Channels["pager"])
}

func TestFailureShowsTheLogOfAlertmanager(t *testing.T) {
	day := halt(t)
	config, err := os.ReadFile(day.Config)
	require.NoError(t, err)
	for name, c := range map[string]struct{ old, changed, want string }{
		"a receiver that does not exist": {"receiver: mail", "receiver: nobody", `undefined receiver`},
		"an interval that is none":       {"group_wait: 30s", "group_wait: soon", `group_wait: time: invalid duration`},
	} {
		t.Run(name, func(t *testing.T) {
			day.Directory = t.TempDir()
			day.Config = filepath.Join(t.TempDir(), "alertmanager.yml")
			require.NoError(t, os.WriteFile(day.Config, []byte(strings.Replace(string(config), c.old, c.changed, 1)), 0o600))
			_, err := alertmanager.Replay(t.Context(), day)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestDayWithoutAlertsIsRefused(t *testing.T) {
	_, err := alertmanager.Replay(t.Context(), alertmanager.Day{Parts: 1, Speed: 60})
	require.ErrorContains(t, err, "it needs alerts")
}

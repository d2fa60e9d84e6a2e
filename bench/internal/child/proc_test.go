package child

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseStat(t *testing.T) {
	const stat = "4711 (a (b) c) S 1 4711 4711 0 -1 4194560 1000 0 0 0 150 25 0 0 20 0 8 0 12345 1300000000 2048 18446744073709551615 1 1 0\n"
	got, err := parseStat(stat)
	require.NoError(t, err)
	require.Equal(t, Usage{CPU: 1750 * time.Millisecond, RSS: 2048 * int64(os.Getpagesize())}, got)

	for name, bad := range map[string]string{
		"empty":      "",
		"too short":  "4711 (a) S 1 2 3",
		"no numbers": "1 (a) S 1 1 1 0 -1 4 1 0 0 0 x y 0 0 20 0 8 0 12345 13 z 18",
	} {
		_, err := parseStat(bad)
		require.ErrorContains(t, err, "/proc/PID/stat", name)
	}
}

func TestFindListenerIgnoresOtherProcesses(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 11 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1F91 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 22 1 0000000000000000 100 0 0 10 0
   2: 00000000:1F92 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 22 1 0000000000000000 100 0 0 10 0
   3: 0100007F:1F93 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 22 1 0000000000000000 100 0 0 10 0
`
	addr, err := findListener(table, map[string]bool{"22": true})
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:8083", addr, "not another's, not a connection, not another address")

	_, err = findListener(table, map[string]bool{"33": true})
	require.ErrorIs(t, err, errNotListening)
}

func TestPeakRSSIsAtLeastCurrentRSS(t *testing.T) {
	peak, err := PeakRSS(os.Getpid())
	require.NoError(t, err)
	now, err := UsageOf(os.Getpid())
	require.NoError(t, err)
	require.GreaterOrEqual(t, peak+(1<<20), now.RSS, "except for later growth")

	got, err := parsePeak("Name:\ta\nVmPeak:\t  999 kB\nVmHWM:\t    2048 kB\nVmRSS:\t 1 kB\n")
	require.NoError(t, err)
	require.Equal(t, int64(2<<20), got)
	for name, bad := range map[string]string{"empty": "", "no number": "VmHWM:\t many kB\n"} {
		_, err := parsePeak(bad)
		require.ErrorContains(t, err, "/proc/PID/status", name)
	}
}

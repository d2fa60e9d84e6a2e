package storetest

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
)

var unfoldedCases = []testCase{
	{"what is dispatched is folded", foldsWhatIsDispatched},
	{"a part of the log has at most so many events, and so many bytes", foldsInParts},
	{"a damaged event is left out, and the others do not wait for it", foldsAroundDamage},
}

// unfolded returns the numbers of what is to be folded after a number.
func unfolded(tb testing.TB, log *Log, after alerting.Seq, limit int) (seqs []alerting.Seq, through alerting.Seq) {
	tb.Helper()
	part, err := log.Unfolded(tb.Context(), after, limit)
	require.NoError(tb, err)
	return seqsOf(part.Events), part.Through
}

// startManaged starts the log with a manager on it, which knows whether alerting is
// enabled.
func startManaged(tb testing.TB, db Database) (*Log, *alerting.Manager) {
	tb.Helper()
	r := openReader(tb, db)
	r.log.Run()
	return r.log, r.manager
}

// foldsWhatIsDispatched turns alerting on, off, and on again.
func foldsWhatIsDispatched(t *testing.T, db Database) {
	log, manager := startManaged(t, db)
	var want []alerting.Seq
	for n := range 12 {
		enabled := n/3%2 == 1
		require.NoError(t, manager.Reconfigure(alerting.Config{Enabled: enabled, BufferSize: bufferSize, MinSeverity: alerting.SeverityDebug}))
		result, err := manager.Register(t.Context(), Alert(fmt.Sprintf("alert %d", n)))
		require.NoError(t, err)
		if enabled {
			want = append(want, result.Event.Seq())
		}
	}
	seqs, through := unfolded(t, log, 0, 100)
	require.Equal(t, want, seqs)
	require.Equal(t, alerting.Seq(12), through, "what nobody is told of is behind it, too")
	seqs, through = unfolded(t, log, 12, 100)
	require.Empty(t, seqs)
	require.Equal(t, alerting.Seq(12), through)
	log.Stop()
	log, _ = startManaged(t, db)
	seqs, _ = unfolded(t, log, 0, 100)
	require.Equal(t, want, seqs, "also after a restart")
}

// addDispatched adds alerts that people are to be told of.
func addDispatched(tb testing.TB, db Database, log *Log, alerts ...alerting.Alert) []*alerting.Event {
	tb.Helper()
	var events []*alerting.Event
	for _, appended := range log.Add(tb, alerts...) {
		events = append(events, appended.Event)
	}
	db.Exec(tb, `UPDATE events SET dispatch = 1`)
	log.Buffer().Forget(math.MaxInt64) // so that they are read
	return events
}

// foldsInParts asks for events in memory, and again once they have left it.
func foldsInParts(t *testing.T, db Database) {
	log, manager := startManaged(t, db)
	require.NoError(t, manager.Reconfigure(alerting.Config{Enabled: true, BufferSize: bufferSize, MinSeverity: alerting.SeverityDebug}))
	_, err := manager.RegisterBatch(t.Context(), Alerts(10))
	require.NoError(t, err)
	large := Alert("large")
	large.Context = contextOf(t, `{"text":"`+strings.Repeat("x", 1<<20)+`"}`)
	for range 10 {
		_, err := manager.Register(t.Context(), large)
		require.NoError(t, err)
	}
	requireParts(t, log)
	log.Buffer().Forget(math.MaxInt64)
	requireParts(t, log)
}

func requireParts(t *testing.T, log *Log) {
	t.Helper()
	seqs, through := unfolded(t, log, 3, 4)
	require.Equal(t, ascending(4, 7), seqs)
	require.Equal(t, alerting.Seq(7), through)
	seqs, through = unfolded(t, log, 8, 4)
	require.Equal(t, ascending(9, 12), seqs)
	require.Equal(t, alerting.Seq(12), through)
	seqs, through = unfolded(t, log, 19, 4)
	require.Equal(t, ascending(20, 20), seqs)
	require.Equal(t, alerting.Seq(20), through)
	seqs, through = unfolded(t, log, 99, 4)
	require.Empty(t, seqs)
	require.Equal(t, alerting.Seq(99), through, "it never goes back")

	all := ascending(11, 20)
	for after := alerting.Seq(10); after < 20; {
		part, err := log.Unfolded(t.Context(), after, 1000)
		require.NoError(t, err)
		require.NotEmpty(t, part.Events)
		require.LessOrEqual(t, len(part.Events), 5, "about 4 MiB")
		require.Equal(t, part.Events[len(part.Events)-1].Seq(), part.Through)
		require.Equal(t, all[:len(part.Events)], seqsOf(part.Events))
		all, after = all[len(part.Events):], part.Through
	}
}

func contextOf(tb testing.TB, text string) alerting.Context {
	tb.Helper()
	c, err := alerting.ParseContext([]byte(text))
	require.NoError(tb, err)
	return c
}

func foldsAroundDamage(t *testing.T, db Database) {
	log := db.Start(t)
	addDispatched(t, db, log, Alerts(5)...)
	db.Exec(t, `UPDATE events SET json = '{' WHERE seq = 3`)
	seqs, through := unfolded(t, log, 0, 100)
	require.Equal(t, ascending(1, 2), seqs)
	require.Equal(t, alerting.Seq(3), through, "it goes on after the damaged one")
	seqs, through = unfolded(t, log, through, 100)
	require.Equal(t, ascending(4, 5), seqs)
	require.Equal(t, alerting.Seq(5), through)
	seqs, through = unfolded(t, log, 2, 1)
	require.Empty(t, seqs)
	require.Equal(t, alerting.Seq(3), through)
}

package incident_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/incident"
)

// start is when the first event of a test is received.
var start = time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)

const repeat = time.Hour

// terms tell everything at once, and growth once in an interval.
var terms = incident.Terms{Repeat: repeat}

// event returns an event received some time after the start.
func event(tb testing.TB, seq alerting.Seq, severity alerting.Severity, message string, after time.Duration) *alerting.Event {
	tb.Helper()
	draft, err := alerting.NewDraft(alerting.Alert{
		Severity: severity, Category: alerting.CategoryRiskLimit, Source: "var_gate", Message: message,
	}, start.Add(after))
	require.NoError(tb, err)
	return draft.Finish(seq)
}

// opened returns an incident opened by a warning.
func opened(tb testing.TB) (incident.Incident, incident.Change) {
	tb.Helper()
	e := event(tb, 7, alerting.SeverityWarning, "VaR 0.05 > 0.03", 0)
	return incident.Open(incident.NewID(), 12, incident.KeyOf(e, incident.GroupBy{}), e, incident.Terms{}, start.Add(time.Second))
}

func TestFirstEventOpensIncident(t *testing.T) {
	id := incident.NewID()
	e := event(t, 7, alerting.SeverityWarning, "VaR 0.05 > 0.03", 0)
	now := start.Add(time.Second)
	key := incident.KeyOf(e, incident.GroupBy{})
	i, change := incident.Open(id, 12, key, e, incident.Terms{}, now)
	require.Equal(t, incident.Incident{
		ID: id, Number: 12, Fingerprint: key.Fingerprint, Pattern: "VaR # > #", Grouping: incident.ByMessage,
		Status: incident.Triggered, Severity: alerting.SeverityWarning, Category: alerting.CategoryRiskLimit, Source: "var_gate",
		Message: "VaR 0.05 > 0.03", Count: 1, FirstSeen: start, LastSeen: start, FirstEvent: 7, LastEvent: 7,
		Generation: 1, Notices: 1, ToldAt: now, ToldCount: 1, FoldedAt: now,
	}, i)
	const why = "opened by event 7: warning from var_gate"
	require.Equal(t, []incident.Entry{{At: now, Kind: incident.EntryOpened, Reason: why, Event: 7}}, change.Entries)
	require.Equal(t, &incident.Notice{Number: 1, Reason: incident.Opened, At: now, Why: why, Since: 1, Event: 7, Incident: i}, change.Notice)
}

func TestSimilarEventIsOnlyCountedWithinInterval(t *testing.T) {
	i, _ := opened(t)
	told := i.ToldAt
	for n := range alerting.Seq(3) {
		change := i.Add(event(t, 8+n, alerting.SeverityInfo, "VaR 0.06 > 0.03", time.Duration(n+1)*time.Minute), terms, start.Add(time.Duration(n+1)*time.Minute))
		require.Equal(t, incident.Change{}, change)
	}
	require.Equal(t, []any{uint64(4), alerting.Seq(10), "VaR 0.06 > 0.03", alerting.SeverityWarning, start.Add(3 * time.Minute), 1},
		[]any{i.Count, i.LastEvent, i.Message, i.Severity, i.LastSeen, i.Notices})
	require.Equal(t, told.Add(repeat), i.UpdateDue, "it is due an interval after people were last told")
}

func TestEarlierEventDoesNotMoveClockBack(t *testing.T) {
	i, _ := opened(t)
	i.Add(event(t, 8, alerting.SeverityInfo, "late", -time.Minute), terms, start.Add(time.Minute))
	require.Equal(t, []any{start, start, "late", alerting.Seq(8)}, []any{i.FirstSeen, i.LastSeen, i.Message, i.LastEvent})
}

func TestGrowthMakesOneNoticeAnInterval(t *testing.T) {
	i, _ := opened(t)
	i.Add(event(t, 8, alerting.SeverityInfo, "again", time.Minute), terms, start.Add(time.Minute))
	due := i.UpdateDue
	require.Equal(t, incident.Change{}, i.Look(nil, terms, due.Add(-time.Microsecond)))
	last := event(t, 8, alerting.SeverityInfo, "again", time.Minute)
	change := i.Look(last, terms, due)
	const why = "still open: 1 event since 2026-03-02T09:30:01.000000Z, 2 in all"
	require.Equal(t, []incident.Entry{{At: due, Kind: incident.EntryUpdated, Reason: why, Event: 8}}, change.Entries)
	require.Equal(t, &incident.Notice{Number: 2, Reason: incident.Updated, At: due, Why: why, Since: 1, Event: 8, Incident: i}, change.Notice)
	require.Equal(t, incident.Change{}, i.Look(last, terms, due.Add(24*time.Hour)), "it has not grown since")

	// The first event after the interval makes a notice itself.
	now := due.Add(repeat)
	change = i.Add(event(t, 9, alerting.SeverityInfo, "again", 3*time.Hour), terms, now)
	require.Equal(t, incident.Updated, change.Notice.Reason)
	require.Equal(t, uint64(1), change.Notice.Since)
	require.True(t, i.UpdateDue.IsZero())
	for n := range alerting.Seq(5) {
		i.Add(event(t, 10+n, alerting.SeverityInfo, "again", 3*time.Hour), terms, now.Add(time.Second))
	}
	change = i.Look(nil, terms, now.Add(repeat))
	require.Contains(t, change.Notice.Why, "still open: 5 events since")
	require.Equal(t, alerting.Seq(14), change.Notice.Event, "also if the event is no longer kept")
	require.Empty(t, change.Notice.Context)
}

func TestRaisedSeverityMakesNoticeAtOnce(t *testing.T) {
	i, _ := opened(t)
	i.Add(event(t, 8, alerting.SeverityWarning, "again", 0), terms, start.Add(time.Minute))
	now := start.Add(2 * time.Minute)
	change := i.Add(event(t, 9, alerting.SeverityCritical, "worse", 0), terms, now)
	const why = "severity rose from warning to critical by event 9"
	require.Equal(t, []incident.Entry{{At: now, Kind: incident.EntrySeverityRaised, Reason: why, Event: 9}}, change.Entries)
	require.Equal(t, &incident.Notice{Number: 2, Reason: incident.SeverityRaised, At: now, Why: why, Since: 2, Event: 9, Incident: i}, change.Notice)
	require.Equal(t, []any{alerting.SeverityCritical, true, incident.Triggered}, []any{i.Severity, i.UpdateDue.IsZero(), i.Status})
	require.Nil(t, i.Add(event(t, 10, alerting.SeverityError, "less bad", 0), terms, now).Notice)
	require.Equal(t, alerting.SeverityCritical, i.Severity, "it stays the highest")
}

func TestRaisedSeverityEndsAcknowledgement(t *testing.T) {
	i, _ := opened(t)
	now := start.Add(time.Minute)
	_, err := i.Acknowledge(incident.Action{By: "ada"}, nil, now)
	require.NoError(t, err)
	change := i.Add(event(t, 8, alerting.SeverityWarning, "the same", 0), terms, now)
	require.Equal(t, incident.Change{}, change)
	require.Equal(t, incident.Acknowledged, i.Status)

	change = i.Add(event(t, 9, alerting.SeverityError, "worse", 0), terms, now)
	require.Equal(t, []any{incident.Triggered, time.Time{}, ""}, []any{i.Status, i.AcknowledgedAt, i.AcknowledgedBy})
	require.Len(t, change.Entries, 2)
	require.Equal(t, incident.EntrySeverityRaised, change.Entries[0].Kind)
	require.Equal(t, incident.Entry{
		At: now, Kind: incident.EntryReopened, Event: 9, Reason: "no longer acknowledged: ada acknowledged something less severe",
	}, change.Entries[1])
	require.Equal(t, i, change.Notice.Incident)
}

func TestAcknowledgementMakesOneNotice(t *testing.T) {
	i, _ := opened(t)
	i.Add(event(t, 8, alerting.SeverityWarning, "again", 0), terms, start.Add(time.Minute))
	now, a := start.Add(2*time.Minute), incident.Action{By: "ada", Note: "on it"}
	change, err := i.Acknowledge(a, event(t, 8, alerting.SeverityWarning, "again", 0), now)
	require.NoError(t, err)
	require.Equal(t, []any{incident.Acknowledged, now, "ada"}, []any{i.Status, i.AcknowledgedAt, i.AcknowledgedBy})
	require.Equal(t, []incident.Entry{{At: now, Kind: incident.EntryAcknowledged, Reason: "acknowledged by ada", By: "ada", Note: "on it"}}, change.Entries)
	require.Equal(t, &incident.Notice{
		Number: 2, Reason: incident.WasAcknowledged, At: now, Why: "acknowledged by ada", Since: 1, By: "ada", Note: "on it", Event: 8, Incident: i,
	}, change.Notice)
	before := i
	change, err = i.Acknowledge(incident.Action{By: "grace"}, nil, now.Add(time.Minute))
	require.NoError(t, err)
	require.Equal(t, incident.Change{}, change)
	require.Equal(t, before, i)
}

func TestResolutionMakesOneNoticeAndEndsIncident(t *testing.T) {
	for name, prepare := range map[string]func(i *incident.Incident){
		"from triggered": func(*incident.Incident) {},
		"from acknowledged": func(i *incident.Incident) {
			_, err := i.Acknowledge(incident.Action{By: "ada"}, nil, start)
			require.NoError(t, err)
		},
		"while it has grown": func(i *incident.Incident) {
			i.Add(event(t, 8, alerting.SeverityWarning, "again", 0), terms, start.Add(time.Minute))
		},
	} {
		t.Run(name, func(t *testing.T) {
			i, _ := opened(t)
			prepare(&i)
			now := start.Add(time.Hour)
			change := i.Resolve(incident.Action{By: "grace", Note: "limits raised"}, nil, now)
			require.Equal(t, []any{incident.Resolved, now, "grace", true}, []any{i.Status, i.ResolvedAt, i.ResolvedBy, i.UpdateDue.IsZero()})
			require.Equal(t, []incident.Entry{{At: now, Kind: incident.EntryResolved, Reason: "resolved by grace", By: "grace", Note: "limits raised"}}, change.Entries)
			require.Equal(t, []any{incident.WasResolved, "grace", "limits raised", i},
				[]any{change.Notice.Reason, change.Notice.By, change.Notice.Note, change.Notice.Incident})

			before := i
			require.Equal(t, incident.Change{}, i.Resolve(incident.Action{By: "ada"}, nil, now.Add(time.Hour)))
			require.Equal(t, incident.Change{}, i.Look(nil, terms, now.Add(time.Hour)))
			_, err := i.Acknowledge(incident.Action{By: "ada"}, nil, now.Add(time.Hour))
			var known *alerting.Error
			require.ErrorAs(t, err, &known)
			require.Equal(t, alerting.CodeConflict, known.Code)
			require.ErrorContains(t, err, "incident 12 was resolved by grace at 2026-03-02T10:30:00.000000Z and cannot be acknowledged")
			require.Equal(t, before, i)
		})
	}
}

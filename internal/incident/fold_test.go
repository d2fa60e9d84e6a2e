package incident_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/alerting"
	"alertd/internal/incident"
)

// fold is an incident with its history.
type fold struct {
	i        incident.Incident
	now      time.Time
	seq      alerting.Seq
	severity alerting.Severity // the highest
	notices  []incident.Notice
	entries  []incident.Entry
}

func (f *fold) took(t *rapid.T, change incident.Change) {
	f.entries = append(f.entries, change.Entries...)
	if change.Notice != nil {
		require.Equal(t, f.i, change.Notice.Incident, "a notice shows what the incident is like then")
		require.Equal(t, f.now, change.Notice.At)
		require.NotEmpty(t, change.Entries, "what is told has a reason in the timeline")
		f.notices = append(f.notices, *change.Notice)
	}
}

func (f *fold) event(t *rapid.T) *alerting.Event {
	f.seq++
	severity := rapid.SampledFrom(alerting.Severities()).Draw(t, "severity")
	f.severity = max(f.severity, severity)
	draft, err := alerting.NewDraft(alerting.Alert{Severity: severity, Category: alerting.CategoryRiskLimit, Source: "x", Message: "x"}, f.now)
	require.NoError(t, err)
	return draft.Finish(f.seq)
}

func (f *fold) check(t *rapid.T) {
	i := f.i
	require.EqualValues(t, f.seq, i.Count)
	require.Equal(t, f.seq, i.LastEvent)
	require.Equal(t, f.severity, i.Severity)
	require.False(t, i.LastSeen.Before(i.FirstSeen))
	require.Equal(t, i.Status == incident.Resolved, !i.ResolvedAt.IsZero())
	require.Equal(t, i.Count > i.ToldCount, !i.UpdateDue.IsZero(), "what nobody has heard of is due some day")
	require.Len(t, f.notices, i.Notices)
	told := uint64(0)
	for n, notice := range f.notices {
		require.Equal(t, n+1, notice.Number)
		told += notice.Since
		if n > 0 && notice.Reason == incident.Updated {
			require.GreaterOrEqual(t, notice.At.Sub(f.notices[n-1].At), repeat)
			require.Positive(t, notice.Since)
		}
		require.Equal(t, n == 0, notice.Reason == incident.Opened)
		require.True(t, notice.Reason != incident.WasResolved || n == len(f.notices)-1, "nothing is told after the end")
	}
	require.Equal(t, i.ToldCount, told, "every event is counted in one notice")
	for n := range f.entries[1:] {
		require.False(t, f.entries[n+1].At.Before(f.entries[n].At))
	}
}

func TestIncidentAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := &fold{now: start}
		var change incident.Change
		first := f.event(t)
		f.i, change = incident.Open(incident.NewID(), 1, incident.KeyOf(first, incident.GroupBy{}), first, incident.Terms{}, f.now)
		f.took(t, change)
		f.check(t)
		t.Repeat(map[string]func(*rapid.T){
			"time goes by": func(t *rapid.T) {
				f.now = f.now.Add(time.Duration(rapid.IntRange(1, int(2*repeat/time.Minute)).Draw(t, "minutes")) * time.Minute)
			},
			"an event": func(t *rapid.T) {
				if f.i.Status.Open() {
					f.took(t, f.i.Add(f.event(t), terms, f.now))
				}
			},
			"another event": func(t *rapid.T) {
				if f.i.Status.Open() {
					f.took(t, f.i.Add(f.event(t), terms, f.now))
				}
			},
			"a reminder": func(t *rapid.T) {
				due := f.i.UpdateDue
				change := f.i.Look(nil, terms, f.now)
				require.Equal(t, !due.IsZero() && !due.After(f.now), change.Notice != nil)
				f.took(t, change)
			},
			"somebody acknowledges": func(t *rapid.T) {
				before := f.i.Status
				change, err := f.i.Acknowledge(incident.Action{By: "ada"}, nil, f.now)
				require.Equal(t, before == incident.Resolved, err != nil)
				require.Equal(t, before == incident.Triggered, change.Notice != nil)
				f.took(t, change)
			},
			"somebody resolves": func(t *rapid.T) {
				if rapid.IntRange(0, 9).Draw(t, "at last") > 0 {
					return
				}
				open := f.i.Status.Open()
				change := f.i.Resolve(incident.Action{By: "grace"}, nil, f.now)
				require.Equal(t, open, change.Notice != nil)
				f.took(t, change)
			},
			"": f.check,
		})
	})
}

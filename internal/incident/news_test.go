package incident_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/incident"
)

// holding returns terms that hold everything back for an hour as long as *holder is not "".
func holding(holder, why *string) incident.Terms {
	held := terms
	held.Hold = func(*incident.Incident) *incident.Hold {
		if *holder == "" {
			return nil
		}
		return &incident.Hold{Holder: *holder, Why: *why, Until: start.Add(10 * time.Hour)}
	}
	return held
}

func TestWhatWasHeldBackIsToldAsItIsThen(t *testing.T) {
	i, _ := opened(t)
	holder, why := "silence 7", "silenced by ada"
	held := holding(&holder, &why)
	now := start.Add(2 * time.Hour)
	for n := range alerting.Seq(3) {
		require.Nil(t, i.Add(event(t, 8+n, alerting.SeverityWarning, "again", 0), held, now).Notice)
	}
	holder = ""
	require.Equal(t, "still open: 3 events since 2026-03-02T09:30:01.000000Z, 4 in all", i.Look(nil, held, now).Notice.Why)

	holder = "silence 7"
	i.Add(event(t, 11, alerting.SeverityError, "worse", 0), held, now)
	change := i.Add(event(t, 12, alerting.SeverityCritical, "worst", 0), held, now)
	require.True(t, change.HeldBack, "that it rose once more is held back, too")
	holder = ""
	require.Equal(t, "severity rose from error to critical by event 12", i.Look(nil, held, now).Notice.Why)
}

func TestWhatIsHeldBackByAnotherIsSaid(t *testing.T) {
	e := event(t, 7, alerting.SeverityWarning, "VaR 0.05 > 0.03", 0)
	holder, why := "silence 7", "silenced by ada"
	held := holding(&holder, &why)
	i, change := incident.Open(incident.NewID(), 12, incident.KeyOf(e, incident.GroupBy{}), e, held, start)
	require.True(t, change.HeldBack)
	holder, why = "inhibition halted", "held back by incident 1"
	change = i.Add(event(t, 8, alerting.SeverityCritical, "worst", 0), held, start)
	require.Equal(t, holder, i.Hold.Holder)
	require.True(t, change.HeldBack, "also if there is no other news than before")
}

func TestHoldSaysWhatHoldsBackNow(t *testing.T) {
	i, _ := opened(t)
	holder, why := "inhibition halted", "held back by incident 1"
	held := holding(&holder, &why)
	now := start.Add(2 * time.Hour)
	i.Add(event(t, 8, alerting.SeverityWarning, "again", 0), held, now)
	since := i.Hold.Since
	why = "held back by incident 2"
	require.Equal(t, incident.Change{}, i.Look(nil, held, now.Add(time.Minute)), "it is the same inhibition")
	require.Equal(t, []any{why, since}, []any{i.Hold.Why, i.Hold.Since})
}

func TestAcknowledgementDoesNotCountWhatIsHeldBack(t *testing.T) {
	i, _ := opened(t)
	holder, why := "silence 7", "silenced by ada"
	held := holding(&holder, &why)
	now := start.Add(2 * time.Hour)
	i.Add(event(t, 8, alerting.SeverityWarning, "again", 0), held, now)
	change, err := i.Acknowledge(incident.Action{By: "ada"}, nil, now)
	require.NoError(t, err)
	require.Zero(t, change.Notice.Since, "it is told with the news")
	holder = ""
	require.Equal(t, uint64(1), i.Look(nil, held, now).Notice.Since)
}

func TestQuietCountsFromTheLastEventOfAnEarlierAlertd(t *testing.T) {
	i, _ := opened(t)
	i.FoldedAt = time.Time{} // it did not note that
	quiet := terms
	quiet.ResolveAfter = time.Hour
	require.Equal(t, start.Add(time.Hour), i.NextLook(quiet))
	require.Equal(t, incident.Change{}, i.Look(nil, quiet, start.Add(59*time.Minute)))
	require.Equal(t, incident.WasResolved, i.Look(nil, quiet, start.Add(time.Hour)).Notice.Reason)
}

func TestHoldOfNothingIsNotWaitedFor(t *testing.T) {
	i, _ := opened(t)
	i.Hold = &incident.Hold{Holder: "of a newer alertd", Until: start}
	require.Zero(t, i.NextLook(terms))
}

func TestUpdateIsNoLaterForAClockThatWasSetBack(t *testing.T) {
	i, _ := opened(t)
	now := start.Add(-24 * time.Hour)
	i.Add(event(t, 8, alerting.SeverityWarning, "again", 0), terms, now)
	require.Equal(t, now.Add(repeat), i.UpdateDue)
}

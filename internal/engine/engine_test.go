package engine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
)

func TestIncidentIsToldFromOpeningToEnd(t *testing.T) {
	story(t, func(t *testing.T) {
		r := newReceiver("desk")
		d := start(t, r.channel())
		d.post(alerting.SeverityError, "VaR limit breached: 0.05 > 0.03")
		d.post(alerting.SeverityError, "VaR limit breached: 0.06 > 0.03")
		d.post(alerting.SeverityCritical, "VaR limit breached: 0.09 > 0.03")
		d.acknowledge(1, "ann")
		d.resolve("ann")
		d.post(alerting.SeverityError, "VaR limit breached: 0.04 > 0.03")
		require.Equal(t, []string{"1 opened", "1 severity_raised", "1 acknowledged", "1 resolved", "2 opened"}, r.told())
		require.Equal(t, uint64(3), d.incident(1).Count)
		require.Equal(t, alerting.SeverityCritical, d.incident(1).Severity)
		require.Equal(t, []string{
			"opened: opened by event 1: error from var_gate",
			"notified: told to desk",
			"delivered: opened delivered",
			"severity_raised: severity rose from error to critical by event 3",
			"notified: told to desk",
			"delivered: severity_raised delivered",
			"acknowledged: acknowledged by ann",
			"notified: told to desk",
			"delivered: acknowledged delivered",
			"resolved: resolved by ann",
			"notified: told to desk",
			"delivered: resolved delivered",
		}, d.timeline(1))
		for n, m := range r.messages()[:4] {
			require.Equal(t, "https://alertd.example.com/incidents/"+d.incident(1).ID.String(), m.n.URL)
			if n > 0 {
				require.Equal(t, "thread "+r.messages()[0].n.Key, m.n.Thread, "later messages know the first one")
			}
		}
		require.Equal(t, "done", r.messages()[3].n.Notice.Note)
	})
}

func TestGrowingIncidentIsToldOncePerInterval(t *testing.T) {
	story(t, func(t *testing.T) {
		r := newReceiver("desk")
		d := start(t, r.channel())
		d.settings.RepeatInterval = 2 * time.Minute
		d.reconfigure()
		d.post(alerting.SeverityError, "feed is stale")
		for range 30 {
			wait(10 * time.Second)
			d.post(alerting.SeverityWarning, "feed is stale")
		}
		require.Equal(t, []string{"1 opened", "1 updated", "1 updated"}, r.told())
		first, second := r.messages()[1], r.messages()[2]
		require.InDelta(t, 2*time.Minute, first.at.Sub(r.messages()[0].at), float64(2*time.Second))
		require.Equal(t, uint64(11), first.n.Notice.Since)
		require.InDelta(t, 2*time.Minute, second.at.Sub(first.at), float64(2*time.Second))
		require.Equal(t, uint64(12), second.n.Notice.Since)

		wait(10 * time.Minute) // the rest of it, and then nothing
		require.Len(t, r.told(), 4)
		d.post(alerting.SeverityWarning, "feed is stale")
		require.Len(t, r.told(), 5, "after a long silence it is told at once")
		d.resolve("ann")
		wait(10 * time.Minute)
		require.Len(t, r.told(), 6)
	})
}

func TestMissedReminderComesOnce(t *testing.T) {
	story(t, func(t *testing.T) {
		r := newReceiver("desk")
		d := start(t, r.channel())
		d.post(alerting.SeverityError, "feed is stale")
		d.post(alerting.SeverityError, "feed is stale")
		d.stop()
		wait(26 * time.Hour)
		d.start()
		wait(time.Minute)
		require.Equal(t, []string{"1 opened", "1 updated"}, r.told())
	})
}

func TestChannelSettingsChooseWhatIsTold(t *testing.T) {
	story(t, func(t *testing.T) {
		all, critical, other := newReceiver("all"), newReceiver("critical"), newReceiver("other")
		d := start(t, all.channel(),
			critical.channel(func(p *delivery.Policy) { p.MinSeverity, p.Resolved = alerting.SeverityCritical, false }),
			other.channel(func(p *delivery.Policy) { p.Sources = []string{"kill_switch"} }),
			newReceiver("off").channel(func(p *delivery.Policy) { p.Enabled = false }))
		d.post(alerting.SeverityError, "VaR limit breached")
		require.Equal(t, "notified: told to all; not to critical (severity error is below its min_severity critical), "+
			"off (it is off), other (the source is not among its sources)", d.timeline(1)[1])
		d.post(alerting.SeverityCritical, "VaR limit breached")
		d.resolve("ann")
		require.Equal(t, []string{"1 opened", "1 severity_raised", "1 resolved"}, all.told())
		require.Equal(t, []string{"1 severity_raised"}, critical.told())
		require.Empty(t, other.told())
	})
}

func TestEventsWhileOffAreNeverTold(t *testing.T) {
	story(t, func(t *testing.T) {
		r := newReceiver("desk")
		d := start(t, r.channel())
		d.enable(false)
		d.post(alerting.SeverityCritical, "not told")
		d.enable(true)
		wait(time.Minute)
		d.post(alerting.SeverityCritical, "told")
		wait(time.Minute)
		require.Equal(t, []string{"1 opened"}, r.told())
		require.Equal(t, "told", d.incident(1).Message)
		require.Equal(t, alerting.Seq(2), d.incident(1).FirstEvent)
		d.stop()
		d.start()
		wait(time.Minute)
		require.Len(t, r.told(), 1)
	})
}

func TestWaitingMessagesOutlastOff(t *testing.T) {
	story(t, func(t *testing.T) {
		r := newReceiver("desk")
		r.answers(down)
		d := start(t, r.channel())
		d.post(alerting.SeverityCritical, "VaR limit breached")
		d.enable(false)
		require.Equal(t, delivery.Disabled, d.channel().Health)
		r.answers(nil)
		wait(10 * time.Minute)
		require.Empty(t, r.told())
		d.enable(true)
		wait(2 * time.Second)
		require.Equal(t, []string{"1 opened"}, r.told())
	})
}

func TestReplacedChannelFinishesItsSends(t *testing.T) {
	story(t, func(t *testing.T) {
		before, after := newReceiver("desk"), newReceiver("desk")
		release := make(chan struct{})
		before.answers(func(_ ctx, n note) result { <-release; return result{Outcome: delivered, Thread: n.Key} })
		d := start(t, before.channel())
		d.post(alerting.SeverityError, "first")
		changed := after.channel(func(p *delivery.Policy) { p.Concurrency = 9 })
		d.settings.Channels = []engineChannel{changed}
		d.reconfigure()
		require.False(t, before.closed)
		d.post(alerting.SeverityError, "second")
		close(release)
		wait(time.Second)
		require.True(t, before.closed)
		require.Equal(t, []string{"1 opened"}, before.told())
		require.Equal(t, []string{"2 opened"}, after.told())
		d.reconfigure()
		require.False(t, after.closed, "a channel with the same settings goes on")
	})
}

func TestFailedReloadChangesNothing(t *testing.T) {
	story(t, func(t *testing.T) {
		r, fresh := newReceiver("desk"), newReceiver("fresh")
		d := start(t, r.channel())
		bad := newReceiver("bad").channel()
		bad.Open = func() (theChannel, error) { return nil, errBad }
		settings := d.settings
		settings.Channels = []engineChannel{fresh.channel(), bad}
		require.ErrorIs(t, d.Engine.Reconfigure(settings), errBad)
		require.True(t, fresh.closed)
		d.post(alerting.SeverityError, "VaR limit breached")
		require.Equal(t, []string{"1 opened"}, r.told())
	})
}

// TestLargeFoldIsSplit has a database that takes no more than
// some 300 events at once, as one that is far away does within its timeout.
func TestLargeFoldIsSplit(t *testing.T) {
	story(t, func(t *testing.T) {
		d := start(t, newReceiver("desk").channel())
		d.place.refuse(t, "INSERT", "folds", "length(NEW.events) > 600")
		alerts := make([]alerting.Alert, 1000)
		for n := range alerts {
			alerts[n] = alerting.Alert{Severity: alerting.SeverityError, Category: alerting.CategoryRiskLimit, Source: "var_gate", Message: fmt.Sprintf("VaR limit breached: %d", n)}
		}
		_, err := d.RegisterBatch(t.Context(), alerts)
		require.NoError(t, err)
		wait(10 * time.Second)
		require.Equal(t, uint64(1000), d.incident(1).Count)
		require.NoError(t, d.Engine.Ready())
	})
}

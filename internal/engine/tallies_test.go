package engine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
)

// requireTallied waits until the events of the log are counted, each once.
func (d *daemon) requireTallied() {
	d.t.Helper()
	now := time.Now()
	want := alerting.NewHistogram(now.Add(-48*time.Hour), now.Add(48*time.Hour), 500)
	page, err := d.QueryEvents(d.t.Context(), alerting.Query{Limit: 1000})
	require.NoError(d.t, err)
	require.NotEmpty(d.t, page.Events)
	for _, event := range page.Events {
		want.Add(event.Timestamp(), event.Severity(), 1)
	}
	got := alerting.Histogram{}
	d.place.comes(func() bool {
		got = *alerting.NewHistogram(now.Add(-48*time.Hour), now.Add(48*time.Hour), 500)
		require.NoError(d.t, d.Store.Tally(d.t.Context(), &got))
		return fmt.Sprint(got.Buckets) == fmt.Sprint(want.Buckets)
	})
	require.Equal(d.t, *want, got)
}

// Events are counted also while nobody is to be told of them, and over restarts.
func TestEventsAreCountedWhetherAlertingIsOnOrOff(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		d := p.start(t)
		for n, on := range []bool{true, false, true} {
			d.enable(on)
			for i, severity := range alerting.Severities() {
				_, err := d.Register(t.Context(), alerting.Alert{
					Severity: severity, Category: alerting.CategoryOther, Source: "gate", Message: "x", Timestamp: time.Now().Add(time.Duration(n-1) * 20 * time.Hour).Add(time.Duration(i) * time.Minute),
				})
				require.NoError(t, err)
			}
			d.requireTallied()
			d.stop()
			d.start()
		}
		d.requireTallied()
	})
}

// What an older alertd has folded is counted after the upgrade, whether an event comes or not.
func TestEventsOfAnOlderAlertdAreCounted(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		d := p.start(t)
		for range 20 {
			d.post(alerting.SeverityError, "VaR limit breached")
		}
		d.requireTallied()
		d.stop()
		for _, comes := range []int{0, 1} {
			p.Exec(t, `DELETE FROM event_tallies`)
			p.Exec(t, `UPDATE log_cursors SET seq = 0 WHERE name = 'tallies'`)
			d.start()
			for range comes {
				d.post(alerting.SeverityError, "VaR limit breached")
			}
			d.requireTallied()
			d.stop()
		}
	})
}

func TestActivityOfAChannelIsThatOfItsAttempts(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.start(t, r.channel())
		r.answers(refuses)
		d.post(alerting.SeverityError, "VaR limit breached")
		require.True(t, p.comes(func() bool { return d.delivery(0).Status == delivery.Failed }))
		r.answers(nil)
		_, err := d.Engine.TestChannel(t.Context(), "desk")
		require.NoError(t, err)
		var told delivery.Hour // an hour may have ended meanwhile
		require.True(t, p.comes(func() bool {
			told = delivery.Hour{}
			for _, hour := range d.channel().Activity {
				told.Successes, told.Failures = told.Successes+hour.Successes, told.Failures+hour.Failures
			}
			record := d.channel().Record
			return told.Failures == 1 && told.Successes == 1 && record.Successes == told.Successes && record.Failures == told.Failures
		}), "%+v", told)
	})
}

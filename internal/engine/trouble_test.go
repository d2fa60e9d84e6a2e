package engine_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/delivery"
	"alertd/internal/incident"
)

// retries are the retry settings of channels that are to try soon.
func retries(p *delivery.Policy) {
	p.Retry = delivery.Retry{Initial: 50 * time.Millisecond, Max: 200 * time.Millisecond, GiveUpAfter: time.Hour}
}

func TestHealthSeesClaimsThatFail(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		r.answers(down)
		d := p.start(t, r.channel(retries))
		require.NoError(t, d.Engine.DeliveriesReady())
		d.post(alerting.SeverityError, "VaR limit breached")
		require.True(t, p.comes(func() bool { return len(r.messages()) > 0 }))
		allow := p.refuse(t, "UPDATE", "deliveries", "NEW.status = 2")
		r.answers(nil)
		require.True(t, p.comes(func() bool { return d.Engine.DeliveriesReady() != nil }))
		requireCode(t, d.Engine.DeliveriesReady(), alerting.CodeUnavailable)
		require.ErrorContains(t, d.Engine.DeliveriesReady(), "messages of channel desk cannot be claimed")
		require.Equal(t, delivery.Failing, d.channel().Health)
		require.Contains(t, d.channel().Record.LastError, "cannot be claimed")
		require.NoError(t, d.Engine.Ready(), "events are folded")
		allow()
		d.untilTold(r, "1 opened")
		require.True(t, p.comes(func() bool { return d.Engine.DeliveriesReady() == nil }))
		require.NotEqual(t, delivery.Failing, d.channel().Health)
	})
}

func TestReadinessSeesOutcomesThatAreNotRecorded(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.start(t, r.channel())
		allow := p.refuse(t, "INSERT", "delivery_attempts", "NEW.number = 1")
		d.post(alerting.SeverityError, "VaR limit breached")
		require.True(t, p.comes(func() bool { return d.Engine.DeliveriesReady() != nil }))
		require.ErrorContains(t, d.Engine.DeliveriesReady(), "the outcomes of messages are not recorded")
		allow()
		d.untilTold(r, "1 opened")
		require.True(t, p.comes(func() bool { return d.Engine.DeliveriesReady() == nil }))
	})
}

func TestReadinessSeesFoldsThatFail(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.start(t, r.channel())
		p.Exec(t, `ALTER TABLE notices RENAME TO gone`)
		d.post(alerting.SeverityError, "VaR limit breached")
		d.post(alerting.SeverityError, "feed is stale")
		require.True(t, p.comes(func() bool { return d.Engine.Ready() != nil }))
		p.wait(6 * time.Second) // in which nothing is left out, as nothing can be folded
		require.Error(t, d.Engine.Ready())
		p.Exec(t, `ALTER TABLE gone RENAME TO notices`)
		d.untilTold(r, "1 opened", "2 opened")
		require.True(t, p.comes(func() bool { return d.Engine.Ready() == nil }))
	})
}

func TestReadinessSeesOverdueTimers(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.start(t, r.channel())
		for range 2 {
			d.post(alerting.SeverityError, "VaR limit breached")
			d.post(alerting.SeverityError, "feed is stale")
		}
		d.untilTold(r, "1 opened", "2 opened")
		require.NoError(t, d.Engine.TimersReady())
		p.Exec(t, `ALTER TABLE incident_entries RENAME TO gone`)
		p.pass(t, 10*time.Minute)
		require.True(t, p.comes(func() bool { return d.Engine.TimersReady() != nil }))
		p.Exec(t, `ALTER TABLE gone RENAME TO incident_entries`)
		p.pass(t, time.Minute)
		d.untilTold(r, "1 opened", "2 opened", "1 updated", "2 updated")
		require.True(t, p.comes(func() bool { return d.Engine.TimersReady() == nil }))
	})
}

func TestPoisonTimerIsPostponedAlone(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.start(t, r.channel())
		for range 2 {
			d.post(alerting.SeverityError, "VaR limit breached")
			d.post(alerting.SeverityError, "feed is stale")
			d.post(alerting.SeverityError, "queue is full")
		}
		d.untilTold(r, "1 opened", "2 opened", "3 opened")
		allow := p.refuse(t, "INSERT", "notices", "NEW.incident = 1")
		p.pass(t, 10*time.Minute)
		d.untilTold(r, "1 opened", "2 opened", "3 opened", "2 updated", "3 updated")
		require.NoError(t, d.Engine.TimersReady())
		allow()
		// It may be postponed only now, as the others were told before that.
		require.True(t, p.comes(func() bool { p.pass(t, 5*time.Second); return len(r.told()) > 5 }))
		d.untilTold(r, "1 opened", "2 opened", "3 opened", "2 updated", "3 updated", "1 updated")
	})
}

func TestPoisonEventIsPostponedAlone(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.start(t, r.channel())
		allow := p.refuse(t, "INSERT", "incidents", "NEW.source = 'poison'")
		for _, source := range []string{"before", "poison", "poison", "after"} {
			_, err := d.Register(t.Context(), alerting.Alert{
				Severity: alerting.SeverityError, Category: alerting.CategoryRiskLimit, Source: source, Message: "VaR limit breached",
			})
			require.NoError(t, err)
		}
		d.untilTold(r, "1 opened", "2 opened", "3 opened")
		require.Equal(t, "after", d.incident(2).Source)
		own := []string{"event 3 cannot be folded into an incident, and is tried again every minute: error from poison: VaR limit breached"}
		p.comes(func() bool { return slices.Equal(own, d.own()) }) // the alert about event 2 has opened it
		require.Equal(t, own, d.own())
		require.NoError(t, d.Engine.Ready())
		d.requireTallied()
		p.pass(t, time.Minute)
		p.wait(2 * time.Second)
		require.NoError(t, d.Engine.TimersReady())
		allow()
		p.pass(t, time.Minute)
		d.untilTold(r, "1 opened", "2 opened", "3 opened", "4 opened")
		require.True(t, p.comes(func() bool { return d.incident(4).Count == 2 }))
		events, err := d.Work.IncidentEvents(t.Context(), d.incident(4).ID, 10)
		require.NoError(t, err)
		require.Len(t, events, 2)
		of, err := d.Work.IncidentsOf(t.Context(), events)
		require.NoError(t, err)
		require.Len(t, of, 2)
	})
}

func TestOwnAlertsIgnoreMinSeverity(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		desk, backup := newReceiver("desk"), newReceiver("backup")
		desk.answers(refuses)
		critical := func(p *delivery.Policy) { p.MinSeverity = alerting.SeverityCritical }
		d := p.start(t, desk.channel(critical), backup.channel(critical, func(p *delivery.Policy) { p.Sources = []string{alerting.OwnSource} }))
		config := d.Config()
		config.MinSeverity = alerting.SeverityCritical
		require.NoError(t, d.Reconfigure(config))
		d.post(alerting.SeverityError, "not told")
		d.post(alerting.SeverityCritical, "VaR limit breached")
		d.untilTold(backup, "2 opened")
		require.Equal(t, []string{"channel desk: a message about incident 1 (opened) was not delivered: answered 400 Bad Request"}, d.own())
		require.Equal(t, alerting.SeverityError, d.incident(2).Severity)
	})
}

func TestFailuresOfOneChannelAreOneAlert(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		desk, backup := newReceiver("desk"), newReceiver("backup")
		desk.answers(refuses)
		d := p.start(t, desk.channel(), backup.channel(func(p *delivery.Policy) { p.Sources = []string{alerting.OwnSource} }))
		var alerts []alerting.Alert
		for n := range 10 {
			alerts = append(alerts, alerting.Alert{
				Severity: alerting.SeverityError, Category: alerting.CategoryRiskLimit, Source: "var_gate", Message: fmt.Sprintf("desk %c is over its limit", 'A'+n),
			})
		}
		_, err := d.RegisterBatch(t.Context(), alerts)
		require.NoError(t, err)
		d.untilTold(backup, "11 opened")
		p.wait(4 * time.Second)
		require.EqualValues(t, 1, d.raised.Load())
		require.Equal(t, []string{"channel desk: 10 messages were not delivered, the first about incident 1 (opened): answered 400 Bad Request"}, d.own())
		d.post(alerting.SeverityError, "VaR limit breached")
		require.True(t, p.comes(func() bool { return d.incident(11).Count == 2 }), "a later failure belongs to the same incident")
		require.Len(t, d.own(), 1)
	})
}

func TestAttemptMissedWhileDownIsMade(t *testing.T) {
	for name, away := range map[string]func(d *daemon){
		"alertd was down": func(d *daemon) {
			d.stop()
			d.place.pass(d.t, 2*time.Hour)
			d.start()
		},
		"alerting was off": func(d *daemon) {
			d.enable(false)
			d.place.pass(d.t, 2*time.Hour)
			d.enable(true)
		},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, p *place) {
				r := newReceiver("desk")
				r.answers(down)
				d := p.start(t, r.channel(func(p *delivery.Policy) {
					p.Retry = delivery.Retry{Initial: 40 * time.Minute, Max: 40 * time.Minute, GiveUpAfter: time.Hour}
				}))
				d.post(alerting.SeverityError, "VaR limit breached")
				require.True(t, p.comes(func() bool { return d.delivery(0).Attempts == 1 }))
				r.answers(nil)
				away(d)
				d.untilTold(r, "1 opened")
				require.Len(t, r.messages(), 2)
			})
		})
	}
}

func TestRetriedOpeningIsFollowedByTheResolution(t *testing.T) {
	for name, targets := range map[string][]string{"channel": nil, "target": {"ann", "ben"}} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, p *place) {
				r := newReceiver("desk")
				r.answers(refuses)
				d := p.start(t, r.channel(func(p *delivery.Policy) { p.Targets = targets }))
				d.post(alerting.SeverityError, "VaR limit breached")
				require.True(t, p.comes(func() bool { return d.delivery(0).Status == delivery.Failed }))
				d.resolve("ann")
				r.answers(nil)
				_, err := d.Engine.RetryDelivery(t.Context(), d.delivery(0).ID)
				require.NoError(t, err)
				d.untilTold(r, "1 opened", "1 resolved")
				for _, m := range r.messages()[max(1, len(targets)):] {
					require.Equal(t, d.delivery(0).Target, m.n.Target, "the other one was told nothing")
				}
			})
		})
	}
}

func TestReloadReschedulesWhatWaits(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		r.answers(down)
		d := p.start(t, r.channel(func(p *delivery.Policy) { p.Retry.Initial, p.Retry.Max = 20*time.Minute, 20*time.Minute }))
		d.post(alerting.SeverityError, "VaR limit breached")
		require.True(t, p.comes(func() bool { return d.delivery(0).Attempts == 1 }))
		r.answers(nil)
		d.settings.Channels = []engineChannel{r.channel(retries)}
		d.reconfigure()
		began := time.Now()
		d.untilTold(r, "1 opened")
		require.Less(t, time.Since(began), 20*time.Second)
	})
}

func TestMessagesOfARemovedChannelGoToItsFallback(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		desk, lonely, backup := newReceiver("desk"), newReceiver("lonely"), newReceiver("backup")
		desk.answers(down)
		lonely.answers(down)
		others := backup.channel(func(p *delivery.Policy) { p.Sources = []string{alerting.OwnSource} })
		d := p.start(t, desk.channel(func(p *delivery.Policy) { p.Fallback = "backup" }), lonely.channel(), others)
		d.post(alerting.SeverityError, "VaR limit breached")
		require.True(t, p.comes(func() bool { return len(desk.messages())*len(lonely.messages()) > 0 }))
		d.stop()
		d.settings.Channels = []engineChannel{others}
		d.start()
		if !p.inBubble() { // another replica may have the channels, until it was not heard of for a minute
			p.wait(2 * time.Second)
			require.Empty(t, backup.told())
			p.pass(t, time.Minute)
		}
		d.untilTold(backup, "1 opened", "2 opened", "3 opened")
		require.Equal(t, []string{"desk opened failed", "lonely opened failed"}, d.statuses()[:2])
		require.Contains(t, d.own()[0]+d.own()[1], "channel lonely is not configured any more")
	})
}

func TestNothingIsSentBeforeItsFallbackIsKnown(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		if p.inBubble() { // there, nothing can come between
			return
		}
		r := newReceiver("desk")
		d := p.start(t, r.channel())
		d.stop()
		tx, err := p.SQL.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		_, err = tx.ExecContext(t.Context(), `LOCK TABLE channel_records IN SHARE MODE`)
		require.NoError(t, err)
		d.settings.Channels = []engineChannel{r.channel(func(p *delivery.Policy) { p.Fallback = "backup" })}
		d.start()
		d.post(alerting.SeverityError, "VaR limit breached")
		p.wait(300 * time.Millisecond)
		require.Empty(t, r.told())
		require.NoError(t, tx.Rollback())
		d.untilTold(r, "1 opened")
	})
}

func TestAcknowledgementVoidsTheUntoldReminder(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		r.answers(refuses)
		d := p.start(t, r.channel(retries, func(p *delivery.Policy) { p.Retry.GiveUpAfter = 24 * time.Hour }))
		d.post(alerting.SeverityError, "VaR limit breached")
		d.post(alerting.SeverityError, "VaR limit breached")
		require.True(t, p.comes(func() bool { return d.delivery(0).Status == delivery.Failed && d.incident(1).Count == 2 }))
		r.answers(down)
		p.pass(t, 10*time.Minute)
		require.True(t, p.comes(func() bool { return d.delivery(1).Attempts > 0 }))
		d.acknowledge(1, "ann")
		r.answers(nil)
		require.True(t, p.comes(func() bool { return d.delivery(1).Status == delivery.Superseded }))
		require.Equal(t, "the incident was acknowledged since", d.delivery(1).Error)
		require.Empty(t, r.told())
		require.Equal(t, "desk acknowledged superseded", d.statuses()[2], "a channel that was told nothing is not told that")
	})
}

func TestAcknowledgementVoidsReminders(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.start(t, r.channel(retries, func(p *delivery.Policy) { p.Retry.GiveUpAfter = 24 * time.Hour }))
		d.post(alerting.SeverityError, "VaR limit breached")
		d.post(alerting.SeverityError, "VaR limit breached")
		d.untilTold(r, "1 opened")
		require.True(t, p.comes(func() bool { return d.incident(1).Count == 2 }))
		r.answers(down)
		p.pass(t, 10*time.Minute)
		require.True(t, p.comes(func() bool { return d.delivery(1).Attempts > 0 }))
		d.acknowledge(1, "ann")
		r.answers(nil)
		d.untilTold(r, "1 opened", "1 acknowledged")
		require.Equal(t, []string{"desk opened delivered", "desk updated superseded", "desk acknowledged delivered"}, d.statuses())
	})
}

func TestHangingChannelIsFailing(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r, backup := newReceiver("desk"), newReceiver("backup")
		release := make(chan struct{})
		r.answers(func(ctx, note) result { <-release; return result{Outcome: delivered} })
		d := p.start(t, r.channel(func(p *delivery.Policy) {
			p.Concurrency, p.Timeout, p.Fallback = 1, time.Second, "backup"
			p.Retry.GiveUpAfter = 2 * time.Minute
		}),
			backup.channel(func(p *delivery.Policy) { p.Sources = []string{"none"} }))
		for n := range 3 {
			d.post(alerting.SeverityError, fmt.Sprintf("desk %c is over its limit", 'A'+n))
		}
		require.True(t, p.comes(func() bool { return d.channel().Health == delivery.Failing }))
		require.True(t, p.comes(func() bool { return d.channel().Record.LastError != "" }))
		require.Contains(t, d.channel().Record.LastError, "it hangs")
		p.pass(t, 3*time.Minute)
		d.untilTold(backup, "1 opened", "2 opened", "3 opened")
		close(release)
		r.answers(nil)
		before := len(r.messages())
		d.post(alerting.SeverityError, "VaR limit breached")
		require.True(t, p.comes(func() bool { return len(r.messages()) > before+1 }))
	})
}

func TestHangingChannelDelaysNoEnd(t *testing.T) {
	for name, c := range map[string]struct{ timeout, patience time.Duration }{
		"timeout":  {500 * time.Millisecond, time.Hour},
		"patience": {time.Hour, 500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, p *place) {
				r := newReceiver("desk")
				release := make(chan struct{})
				began := make(chan struct{}, 1)
				r.answers(func(ctx, note) result { began <- struct{}{}; <-release; return result{Outcome: delivered} })
				d := p.start(t, r.channel(func(p *delivery.Policy) { p.Timeout = c.timeout }))
				d.settings.Patience = c.patience
				d.reconfigure()
				d.post(alerting.SeverityError, "VaR limit breached")
				<-began
				ends := time.Now()
				d.stop()
				require.Less(t, time.Since(ends), 5*time.Second)
				close(release)
			})
		})
	}
}

func TestTargetsGoTheirOwnWay(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r, backup := newReceiver("mail"), newReceiver("backup")
		r.answers(func(c ctx, n note) result {
			switch n.Target {
			case "refused":
				return refuses(c, n)
			case "later":
				return down(c, n)
			}
			return result{Outcome: delivered, Thread: "thread of " + n.Target}
		})
		d := p.start(t, r.channel(retries, func(p *delivery.Policy) { p.Targets, p.Fallback = []string{"ann", "later", "refused"}, "backup" }),
			backup.channel(func(p *delivery.Policy) { p.Sources = []string{"none"} }))
		d.post(alerting.SeverityError, "VaR limit breached")
		d.untilTold(backup, "1 opened")
		d.untilTold(r, "1 opened")
		r.answers(nil)
		d.untilTold(r, "1 opened", "1 opened")
		require.True(t, p.comes(func() bool { return d.delivery(1).Status == delivery.Delivered }))
		for _, x := range d.deliveries() {
			switch {
			case x.Target == "refused":
				require.Equal(t, delivery.Failed, x.Status)
				require.Equal(t, 1, x.Attempts)
			case x.Target == "later":
				require.Greater(t, x.Attempts, 1)
			case x.Channel == "mail":
				require.Equal(t, 1, x.Attempts)
			}
		}
		d.resolve("ann")
		d.untilTold(r, "1 opened", "1 opened", "1 resolved", "1 resolved")
		require.True(t, p.comes(func() bool { return len(backup.told()) == 2 }))
		for _, m := range r.messages() {
			if m.n.Notice.Reason == incident.WasResolved {
				require.NotEqual(t, "refused", m.n.Target)
				require.NotEmpty(t, m.n.Thread)
			}
			require.NotEqual(t, channel.Outcome(0), m.outcome)
		}
	})
}

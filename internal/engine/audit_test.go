package engine_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/access"
	"alertd/internal/alerting"
	"alertd/internal/audit"
	"alertd/internal/channel"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/routing"
)

// asDesk is a context of a request by a token.
func asDesk(t *testing.T) context.Context {
	t.Helper()
	return access.NewContext(t.Context(), &access.Caller{
		Identity: &access.Identity{Kind: access.Token, Name: "desk-bot", Role: access.RoleOperator}, Address: netip.MustParseAddr("192.0.2.7"),
	})
}

// audited returns the audit log, oldest first, and makes sure that it is whole.
func (d *daemon) audited() []audit.Entry {
	d.t.Helper()
	page, err := d.Store.AuditLog(d.t.Context(), audit.Query{Ascending: true, Limit: 1000})
	require.NoError(d.t, err)
	_, err = d.place.VerifyAudit(d.t)
	require.NoError(d.t, err)
	entries := make([]audit.Entry, len(page.Records))
	for i, r := range page.Records {
		entries[i] = r.Entry
	}
	return entries
}

func byDesk(does audit.Action, object, before, after string) audit.Entry {
	e := audit.Entry{Actor: "desk-bot", Kind: access.Token, Address: "192.0.2.7", Action: does, Object: object, After: []byte(after)}
	if before != "" {
		e.Before = []byte(before)
	}
	return e
}

func TestWhatPeopleDoIsInTheAuditLog(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.start(t, r.channel())
		d.post(alerting.SeverityError, "VaR limit breached")
		d.untilTold(r, "1 opened")
		id := d.incident(1).ID.String()
		for range 2 { // the second one changes nothing
			_, err := d.Engine.Acknowledge(asDesk(t), d.incident(1).ID, incident.Action{By: "desk-bot for ada", Note: "on it"})
			require.NoError(t, err)
		}
		d.resolve("grace")
		d.resolve("somebody else")
		_, err := d.Engine.Acknowledge(asDesk(t), d.incident(1).ID, incident.Action{By: "desk-bot"})
		requireCode(t, err, alerting.CodeConflict)
		_, err = d.Engine.Acknowledge(asDesk(t), incident.NewID(), incident.Action{By: "desk-bot"})
		requireCode(t, err, alerting.CodeNotFound)

		acknowledged := byDesk(audit.Acknowledge, id, `{"status":"triggered"}`, `{"by":"desk-bot for ada","status":"acknowledged"}`)
		acknowledged.For = "ada"
		require.Equal(t, []audit.Entry{acknowledged, {
			Actor: "alertd", Kind: access.Own, Action: audit.Resolve, Object: id,
			Before: []byte(`{"by":"desk-bot for ada","status":"acknowledged"}`), After: []byte(`{"by":"grace","status":"resolved"}`),
		}}, d.audited())
	})
}

func TestRetriesAndTestsAreInTheAuditLog(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		r.answers(always(channel.Result{Outcome: channel.Permanent, Code: 404, Error: "answered 404 Not Found"}))
		d := p.start(t, r.channel())
		d.post(alerting.SeverityError, "VaR limit breached")
		require.True(t, p.comes(func() bool { return len(d.deliveries()) > 0 && d.delivery(0).Status == delivery.Failed }))
		r.answers(nil)
		failed := d.delivery(0).ID
		_, err := d.Engine.RetryDelivery(asDesk(t), failed)
		require.NoError(t, err)
		require.True(t, p.comes(func() bool { return d.delivery(0).Status == delivery.Delivered }))
		_, err = d.Engine.RetryDelivery(asDesk(t), failed)
		requireCode(t, err, alerting.CodeConflict)

		result, err := d.Engine.TestChannel(asDesk(t), "desk")
		require.NoError(t, err)
		_, err = d.Engine.TestChannel(asDesk(t), "nobody")
		requireCode(t, err, alerting.CodeNotFound)
		require.Equal(t, []audit.Entry{
			byDesk(audit.RetryDelivery, failed.String(), `{"attempts":1,"status":"failed"}`, `{"attempts":1,"status":"waiting"}`),
			byDesk(audit.TestChannel, "desk", "", `{"delivery_id":"`+result.Delivery.String()+`","outcome":"delivered"}`),
		}, d.audited())
	})
}

// TestNothingHappensThatCannotBeRecorded has a database that takes everything but the
// record.
func TestNothingHappensThatCannotBeRecorded(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.start(t, r.channel())
		d.post(alerting.SeverityError, "VaR limit breached")
		d.untilTold(r, "1 opened")
		before, timeline := d.incident(1), d.timeline(1)
		allow := p.refuse(t, "INSERT", "audit", "NEW.number > 0")
		_, err := d.Engine.Acknowledge(asDesk(t), before.ID, incident.Action{By: "desk-bot"})
		require.Error(t, err)
		_, err = d.Engine.Resolve(asDesk(t), before.ID, incident.Action{By: "desk-bot"})
		require.Error(t, err)
		require.Equal(t, before, d.incident(1))
		require.Equal(t, timeline, d.timeline(1))
		require.Len(t, d.deliveries(), 1)
		_, err = d.Engine.TestChannel(asDesk(t), "desk")
		require.NoError(t, err, "the message is out")
		require.Empty(t, d.audited())

		d.post(alerting.SeverityError, "VaR limit breached again: alerts are taken and told all the same")
		d.untilTold(r, "1 opened", "0 test", "2 opened")
		allow()
		_, err = d.Engine.Acknowledge(asDesk(t), before.ID, incident.Action{By: "desk-bot"})
		require.NoError(t, err)
		require.Len(t, d.audited(), 1)
	})
}

// TestNoRecordIsKeptOfWhatDidNotHappen is the reverse: the record is written, and the
// transaction fails after that.
func TestNoRecordIsKeptOfWhatDidNotHappen(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.start(t, r.channel())
		d.post(alerting.SeverityError, "VaR limit breached")
		d.untilTold(r, "1 opened")
		allow := p.refuse(t, "UPDATE", "audit_head", "NEW.number > 0")
		_, err := d.Engine.Acknowledge(asDesk(t), d.incident(1).ID, incident.Action{By: "desk-bot"})
		require.Error(t, err)
		require.Empty(t, d.audited())
		require.Equal(t, incident.Triggered, d.incident(1).Status)
		allow()
	})
}

func TestSilencesAreInTheAuditLog(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		d := p.start(t)
		wanted := routing.Silence{Condition: from("feed"), Lasts: time.Hour, By: "desk-bot for ada", Comment: "we know"}
		_, err := d.Engine.Silence(asDesk(t), routing.Silence{By: "desk-bot"})
		require.Error(t, err, "it silences nothing for no time")
		s, err := d.Engine.Silence(asDesk(t), wanted)
		require.NoError(t, err)
		_, _, err = d.Engine.PreviewSilence(asDesk(t), wanted, 10)
		require.NoError(t, err)
		for range 2 { // the second one changes nothing
			_, err = d.Engine.ExpireSilence(asDesk(t), s.ID, "desk-bot for grace")
			require.NoError(t, err)
		}
		var texts []string
		for _, e := range d.audited() {
			require.Equal(t, []string{"desk-bot", s.ID}, []string{e.Actor, e.Object})
			require.Contains(t, string(e.After), `"comment":"we know"`)
			texts = append(texts, string(e.Action)+" for "+e.For)
		}
		require.Equal(t, []string{"silence.add for ada", "silence.expire for grace"}, texts)
	})
}

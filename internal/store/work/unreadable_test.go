package work_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/incident"
	"alertd/internal/store/storetest"
	"alertd/internal/store/work"
)

// damages cuts a column of a row.
func (b *bench) damages(table, column, which string) {
	b.tb.Helper()
	b.db.Exec(b.tb, fmt.Sprintf(`UPDATE %s SET %s = substr(%s, 1, 20) WHERE %s`, table, column, column, which))
}

// unreadable returns how many rows of a table were set aside.
func (b *bench) unreadable(table string) int { return b.log.Counts().Unreadable[table] }

func TestUnreadableIncidentLeavesItsFingerprint(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		broken, sound := b.opens("alert a"), b.opens("alert b")
		b.plans(&broken, incident.Opened, "chat")
		b.plans(&sound, incident.Opened, "chat")
		b.damages("incidents", "state", "number = 1")
		b.inTurn(func(ctx context.Context, tx *work.Tx) {
			open, err := tx.OpenIncidents(ctx, []incident.Fingerprint{broken.Fingerprint, sound.Fingerprint})
			require.NoError(t, err)
			require.Equal(t, map[incident.Fingerprint]*incident.Incident{sound.Fingerprint: &sound}, open)
			found, err := tx.Incidents(ctx, []incident.Number{1, 2})
			require.NoError(t, err)
			require.Equal(t, []incident.Incident{sound}, found)
		})
		require.Equal(t, incident.Number(3), b.opens("alert a").Number, "a like event opens a new one")
		require.Equal(t, 1, b.unreadable("incidents"))
		require.Len(t, b.claims("chat", 10), 2, "what was planned is told")
		_, err := b.Incident(t.Context(), broken.ID)
		require.ErrorContains(t, err, "incident 1 cannot be read")
		requireCode(t, alerting.CodeInternal, b.InTurn(t.Context(), func(ctx context.Context, tx *work.Tx) error {
			_, err := tx.Incident(ctx, broken.ID)
			return err
		}))
		require.Equal(t, 1, b.unreadable("incidents"), "it is counted once")
		backlog, err := b.Backlog(t.Context())
		require.NoError(t, err)
		require.Equal(t, map[incident.Status]int{incident.Triggered: 2}, backlog.Incidents)
	})
}

// TestListsCountWhatIsUnreadable goes through pages of every size: each incident that is
// left out is counted on one page, however it was found.
func TestListsCountWhatIsUnreadable(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		const incidents = 10
		for n := range incidents {
			b.opens(fmt.Sprintf("alert %d", n))
		}
		b.damages("incidents", "state", "number IN (1, 4, 5, 8, 10)")
		b.inTurn(func(ctx context.Context, tx *work.Tx) { // some are set aside
			_, err := tx.Incidents(ctx, []incident.Number{4, 5})
			require.NoError(t, err)
		})
		for _, filter := range []incident.Query{{}, {Statuses: []incident.Status{incident.Triggered}}, {Text: "ALERT"}} {
			for limit := 1; limit <= incidents; limit++ {
				unreadable, q := 0, filter
				var numbers []incident.Number
				for page := (incident.Page{More: true}); page.More; {
					var err error
					q.Limit = limit
					page, err = b.Incidents(t.Context(), q)
					require.NoError(t, err)
					unreadable += page.Unreadable
					for _, i := range page.Incidents {
						numbers, q.Before = append(numbers, i.Number), i.Number
					}
				}
				require.Equal(t, []incident.Number{9, 7, 6, 3, 2}, numbers)
				require.Equal(t, 5, unreadable, "%d a page", limit)
			}
		}
		require.Equal(t, 5, b.unreadable("incidents"))
	})
}

func TestUnreadableNoticeStopsNoClaim(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		broken, sound, lost := b.opens("alert a"), b.opens("alert b"), b.opens("alert c")
		for _, i := range []*incident.Incident{&broken, &sound, &lost} {
			b.plans(i, incident.Opened, "chat")
			b.plans(i, incident.Opened, "mail")
		}
		b.damages("notices", "notice", "incident IN (1, 3)")
		b.damages("incidents", "state", "number = 3")
		for range 2 {
			b.transact(func(ctx context.Context, tx *work.Tx) {
				for _, name := range []string{"chat", "mail"} {
					ready, err := tx.Ready(ctx, name, 10)
					require.NoError(t, err)
					require.Len(t, ready, 3)
					require.NoError(t, ready[0].Err)
					require.Equal(t, broken.ID, ready[0].Notice.Incident.ID, "it is made of what the incident is now")
					require.Contains(t, ready[0].Notice.Why, "cannot be read")
					require.NoError(t, ready[1].Err)
					require.Equal(t, sound.ID, ready[1].Notice.Incident.ID)
					require.Error(t, ready[2].Err, "neither can be read")
				}
			})
			require.Equal(t, []int{2, 1}, []int{b.unreadable("notices"), b.unreadable("incidents")}, "each row once")
		}
	})
}

func TestUnreadableEntryIsLeftOut(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		i := b.opens("alert")
		for n := range 3 {
			b.save(work.Changes{Entries: []work.Entry{{Incident: 1, Entry: incident.Entry{At: at, Kind: incident.EntryUpdated, Reason: fmt.Sprint(n)}}}})
		}
		b.damages("incident_entries", "entry", "id IN (2, 3)")
		for range 2 {
			entries, err := b.Timeline(t.Context(), i.ID)
			require.NoError(t, err)
			require.Len(t, entries, 3)
			require.Equal(t, []string{"opened", "2"}, []string{string(entries[0].Kind), entries[1].Reason})
			require.Equal(t, incident.Entry{At: at, Kind: incident.EntryUnreadable, Reason: "2 entries cannot be read and are left out"}, entries[2])
		}
		require.Equal(t, 2, b.unreadable("incident_entries"))
	})
}

func TestUnreadableFoldHidesItsEventsOnly(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		var events []*alerting.Event
		for _, appended := range b.log.Add(t, storetest.Alerts(4)...) {
			events = append(events, appended.Event)
		}
		i := b.opens("alert")
		b.save(work.Changes{Folded: []work.Membership{{Event: 1, Incident: 1}, {Event: 2, Incident: 1}}})
		b.save(work.Changes{Folded: []work.Membership{{Event: 3, Incident: 1}, {Event: 4, Incident: 1}}})
		b.db.Exec(t, `UPDATE folds SET events = substr(events, 1, 3) WHERE through = 2`)
		for range 2 {
			of, err := b.IncidentsOf(t.Context(), events)
			require.NoError(t, err)
			require.Equal(t, map[alerting.Seq]incident.ID{1: i.ID, 3: i.ID, 4: i.ID}, of)
			found, err := b.IncidentEvents(t.Context(), i.ID, 10)
			require.NoError(t, err)
			require.Len(t, found, 3)
		}
		require.Equal(t, 1, b.unreadable("folds"))
	})
}

func TestUnreadableEventIsLeftOut(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.log.Add(t, storetest.Alerts(2)...)
		i := b.opens("alert")
		b.save(work.Changes{Folded: []work.Membership{{Event: 1, Incident: 1}, {Event: 2, Incident: 1}}})
		b.db.Exec(t, `UPDATE events SET json = '{' WHERE seq = 2`)
		b.inTurn(func(ctx context.Context, tx *work.Tx) {
			event, err := tx.Event(ctx, 2)
			require.NoError(t, err, "it does not keep its incident from being told of")
			require.Nil(t, event)
		})
		found, err := b.IncidentEvents(t.Context(), i.ID, 10)
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.Equal(t, 1, b.unreadable("events"))
	})
}

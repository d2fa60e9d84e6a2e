package work

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"strings"
	"time"

	"alertd/internal/incident"
)

// Hold says that messages about an incident are or were held back.
type Hold struct {
	// Holder is what holds them back, such as a silence.
	Holder   string
	Incident incident.Number
	Since    time.Time
	// Notices is how many are held back in addition to those before, and Events how many
	// events they are about.
	Notices int
	Events  uint64
	// Held says that they still are.
	Held bool
}

var holdsTable = table{name: "holds", key: "holder, incident", columns: []column{
	{"holder", texts, kept},
	{"incident", numbers, kept},
	{"since", numbers, kept},
	{"notices", numbers, summed},
	{"events", numbers, summed},
	{"held", numbers, replaced},
}}

func holdRows(holds []Hold) [][]any {
	rows := make([][]any, len(holds))
	for i, h := range holds {
		rows[i] = []any{h.Holder, int64(h.Incident), instant(h.Since), int64(h.Notices), int64(h.Events), flag(h.Held)} //nolint:gosec // they are counted one by one
	}
	return rows
}

// HeldBy returns what a holder holds now, the first held first, at most limit.
func (t *Tx) HeldBy(ctx context.Context, holder string, limit int) (holds []Hold, err error) {
	err = t.each(ctx, func(rows *sql.Rows) error {
		h := Hold{Holder: holder, Held: true}
		var since int64
		err := rows.Scan(&h.Incident, &since, &h.Notices, &h.Events)
		h.Since = time.UnixMicro(since).UTC()
		holds = append(holds, h)
		return err
	}, `SELECT incident, since, notices, events FROM holds WHERE holder = ? AND held = 1 ORDER BY since, incident LIMIT ?`, holder, limit)
	return holds, wrap("look for what is held back", err)
}

// LetGo notes that a holder does not hold incidents any more.
func (t *Tx) LetGo(ctx context.Context, holder string, incidents []incident.Number) error {
	d := t.work.dialect()
	_, err := t.exec(ctx, `UPDATE holds SET held = 0, notices = 0, events = 0 WHERE holder = ? AND incident `+d.AnyOf, holder, d.List(asInts(incidents)))
	return wrap("note what is not held back any more", err)
}

// release has the incidents looked at now that holders hold.
func (t *Tx) release(ctx context.Context, holders []string) error {
	if len(holders) == 0 {
		return nil
	}
	d := t.work.dialect()
	_, err := t.exec(ctx, `INSERT INTO timers (kind, subject, due) SELECT DISTINCT CAST(? AS bigint), incident, CAST(? AS bigint) FROM holds WHERE held = 1 AND holder `+d.AnyText+`
		ON CONFLICT (kind, subject) DO UPDATE SET due = excluded.due`, int64(reminderTimer), instant(t.now), d.Texts(holders))
	return wrap("release what is held back", err)
}

// Holders returns the holders of some kinds that hold something now.
func (t *Tx) Holders(ctx context.Context, kinds ...string) (holders []string, err error) {
	err = t.each(ctx, func(rows *sql.Rows) error {
		var holder string
		err := rows.Scan(&holder)
		if kind, _, _ := strings.Cut(holder, " "); slices.Contains(kinds, kind) {
			holders = append(holders, holder)
		}
		return err
	}, `SELECT DISTINCT holder FROM holds WHERE held = 1`)
	return holders, wrap("look for what holds back", err)
}

// HeldBack is what a holder holds or has held back.
type HeldBack struct {
	// Notices is how many messages, and Incidents are the latest incidents.
	Notices   int
	Incidents []incident.HeldBack
}

// HeldBackBy returns what holders hold or have held back, with at most limit incidents of
// each. A holder that has held back nothing is missing.
func (w *Work) HeldBackBy(ctx context.Context, holders []string, limit int) (map[string]HeldBack, error) {
	d := w.dialect()
	held := map[string]HeldBack{}
	err := w.each(ctx, func(rows *sql.Rows) error {
		var holder string
		var h HeldBack
		err := rows.Scan(&holder, &h.Notices)
		held[holder] = h
		return err
	}, `SELECT holder, sum(notices) FROM holds WHERE holder `+d.AnyText+` GROUP BY holder`, d.Texts(holders))
	if err != nil {
		return nil, wrap("count what was held back", err)
	}
	err = w.each(ctx, func(rows *sql.Rows) error {
		var holder string
		var i incident.HeldBack
		var key uuidValue
		var since, open int64
		var state string
		err := rows.Scan(&holder, &i.Incident.Number, &key, &since, &i.Notices, &open, &state)
		if now := new(incident.Incident); decode(state, now) == nil { // else it is set aside where it is needed
			now.Number, i.Now = i.Incident.Number, now
		}
		i.Incident.ID, i.Since, i.Held = incident.ID(key), time.UnixMicro(since).UTC(), open != 0
		h := held[holder]
		h.Incidents = append(h.Incidents, i)
		held[holder] = h
		return err
	}, `SELECT h.holder, h.incident, i.incident_id, h.since, h.notices, h.held, i.state FROM
		(SELECT holder, incident, since, notices, held, row_number() OVER (PARTITION BY holder ORDER BY incident DESC) AS place FROM holds WHERE holder `+d.AnyText+`) h
		JOIN incidents i ON i.number = h.incident WHERE h.place <= ? ORDER BY h.incident DESC`, d.Texts(holders), limit)
	return held, wrap("look for what was held back", err)
}

// HoldsOf returns what holds or has held back messages about an incident, the latest first.
func (t *Tx) HoldsOf(ctx context.Context, number incident.Number) (holds []Hold, err error) {
	err = t.each(ctx, func(rows *sql.Rows) error {
		h := Hold{Incident: number}
		var since, held int64
		err := rows.Scan(&h.Holder, &since, &h.Notices, &h.Events, &held)
		h.Since, h.Held = time.UnixMicro(since).UTC(), held != 0
		holds = append(holds, h)
		return err
	}, `SELECT holder, since, notices, events, held FROM holds WHERE incident = ? ORDER BY since DESC, holder`, int64(number))
	return holds, wrap("look for what holds back", err)
}

var countsTable = table{name: "counts", key: "name", columns: []column{
	{"name", texts, kept},
	{"count", numbers, summed},
}}

// Counts returns what was counted since the database was made, by name.
func (w *Work) Counts(ctx context.Context) (map[string]int64, error) {
	counts := map[string]int64{}
	err := w.each(ctx, func(rows *sql.Rows) error {
		var name string
		var n int64
		err := rows.Scan(&name, &n)
		counts[name] = n
		return err
	}, `SELECT name, count FROM counts`)
	return counts, wrap("read counts", err)
}

func countRows(counts map[string]int64) [][]any {
	rows := make([][]any, 0, len(counts))
	for _, name := range slices.Sorted(maps.Keys(counts)) { // all replicas in one order
		rows = append(rows, []any{name, counts[name]})
	}
	return rows
}

package work

import (
	"context"
	"database/sql"
	"time"

	"alertd/internal/incident"
)

// Hold says that messages about an incident are or were held back.
type Hold struct {
	// Holder is what holds them back, such as a silence.
	Holder   string
	Incident incident.Number
	Since    time.Time
	// Notices is how many are held back in addition to those before.
	Notices int
	// Held says that they still are.
	Held bool
}

var holdsTable = table{name: "holds", key: "holder, incident", columns: []column{
	{"holder", texts, kept},
	{"incident", numbers, kept},
	{"since", numbers, kept},
	{"notices", numbers, summed},
	{"held", numbers, replaced},
}}

func holdRows(holds []Hold) [][]any {
	rows := make([][]any, len(holds))
	for i, h := range holds {
		rows[i] = []any{h.Holder, int64(h.Incident), instant(h.Since), int64(h.Notices), flag(h.Held)}
	}
	return rows
}

// HeldBy returns the incidents that a holder holds now, the first held first, at most limit.
func (t *Tx) HeldBy(ctx context.Context, holder string, limit int) (numbers []incident.Number, err error) {
	err = t.each(ctx, func(rows *sql.Rows) error {
		var number incident.Number
		err := rows.Scan(&number)
		numbers = append(numbers, number)
		return err
	}, `SELECT incident FROM holds WHERE holder = ? AND held = 1 ORDER BY since, incident LIMIT ?`, holder, limit)
	return numbers, wrap("look for what is held back", err)
}

// Release has the incidents looked at now that holders hold, so that they are told, or
// held by something else.
func (t *Tx) Release(ctx context.Context, holders []string) error {
	d := t.work.dialect()
	_, err := t.exec(ctx, `INSERT INTO timers (kind, subject, due) SELECT DISTINCT CAST(? AS bigint), incident, CAST(? AS bigint) FROM holds WHERE held = 1 AND holder `+d.AnyText+`
		ON CONFLICT (kind, subject) DO UPDATE SET due = excluded.due`, int64(reminderTimer), instant(t.now), d.Texts(holders))
	return wrap("release what is held back", err)
}

// HeldBack is an incident that was held back, for people.
type HeldBack struct {
	Incident incident.Ref
	Since    time.Time
	Notices  int
	Held     bool
}

// HeldBackBy returns what a holder holds or has held back, the latest incident first, at
// most limit, and how many messages that are in all.
func (w *Work) HeldBackBy(ctx context.Context, holder string, limit int) (held []HeldBack, notices int, err error) {
	err = w.each(ctx, func(rows *sql.Rows) error { return rows.Scan(&notices) }, `SELECT coalesce(sum(notices), 0) FROM holds WHERE holder = ?`, holder)
	if err != nil {
		return nil, 0, wrap("count what was held back", err)
	}
	err = w.each(ctx, func(rows *sql.Rows) error {
		var h HeldBack
		var key uuidValue
		var since, open int64
		err := rows.Scan(&h.Incident.Number, &key, &since, &h.Notices, &open)
		h.Incident.ID, h.Since, h.Held = incident.ID(key), time.UnixMicro(since).UTC(), open != 0
		held = append(held, h)
		return err
	}, `SELECT h.incident, i.incident_id, h.since, h.notices, h.held FROM holds h JOIN incidents i ON i.number = h.incident
		WHERE h.holder = ? ORDER BY h.incident DESC LIMIT ?`, holder, limit)
	return held, notices, wrap("look for what was held back", err)
}

// HoldersOf returns what holds back messages about an incident now, as the names of holders.
func (t *Tx) HoldersOf(ctx context.Context, number incident.Number) (holders []string, err error) {
	err = t.each(ctx, func(rows *sql.Rows) error {
		var holder string
		err := rows.Scan(&holder)
		holders = append(holders, holder)
		return err
	}, `SELECT holder FROM holds WHERE incident = ? AND held = 1 ORDER BY holder`, int64(number))
	return holders, wrap("look for what holds back", err)
}

package work

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/incident"
)

// A fold is what one transaction has folded: a part of the log, and which incidents
// its events belong to. It is one row, and one more for each incident in it: with a row
// for each event, and its place in an index, most of the time of a storm would be spent
// on them.

// packFold writes events' numbers, in ascending order, and their incidents' side by side.
func packFold(members []Membership) []byte {
	packed := make([]byte, 0, 4*len(members))
	last := alerting.Seq(0)
	for _, m := range members {
		packed = binary.AppendUvarint(packed, uint64(m.Event-last)) //nolint:gosec // they ascend
		packed = binary.AppendUvarint(packed, uint64(m.Incident))   //nolint:gosec // numbers are not negative
		last = m.Event
	}
	return packed
}

var errFoldDamaged = errors.New("the record of a fold is damaged")

// unpackFold calls each with what packFold wrote.
func unpackFold(packed []byte, each func(m Membership)) error {
	for last := alerting.Seq(0); len(packed) > 0; {
		ahead, n := binary.Uvarint(packed)
		if n <= 0 {
			return errFoldDamaged
		}
		number, m := binary.Uvarint(packed[n:])
		if m <= 0 {
			return errFoldDamaged
		}
		packed = packed[n+m:]
		last += alerting.Seq(ahead)                     //nolint:gosec // as it was written
		each(Membership{last, incident.Number(number)}) //nolint:gosec // as it was written
	}
	return nil
}

var foldsTable = table{name: "folds", columns: []column{{"through", numbers, kept}, {"events", binaries, kept}}}

var incidentFoldsTable = table{name: "incident_folds", columns: []column{{"incident", numbers, kept}, {"through", numbers, kept}}}

// addFold notes which incidents events belong to. The events' numbers ascend, and come
// after those of earlier calls, unless it is one event alone that was skipped.
func (t *Tx) addFold(ctx context.Context, members []Membership) error {
	if len(members) == 0 {
		return nil
	}
	through := int64(members[len(members)-1].Event)
	if err := t.write(ctx, foldsTable, [][]any{{through, packFold(members)}}); err != nil {
		return err
	}
	seen := make(map[incident.Number]bool, len(members))
	var rows [][]any
	for _, m := range members {
		if !seen[m.Incident] {
			seen[m.Incident] = true
			rows = append(rows, []any{int64(m.Incident), through})
		}
	}
	return t.write(ctx, incidentFoldsTable, rows)
}

// forgetFolds deletes some of the folds whose events are not kept any more, and returns
// how many.
func (t *Tx) forgetFolds(ctx context.Context, limit int) (deleted int64, err error) {
	d := t.work.dialect()
	through, err := t.numbers(ctx, `SELECT through FROM folds WHERE through < (SELECT coalesce(min(seq), 0) FROM events) ORDER BY through LIMIT ?`, limit)
	if err != nil || len(through) == 0 {
		return 0, wrap("look for old folds", err)
	}
	var incidents [][2]int64
	err = t.each(ctx, func(rows *sql.Rows) error {
		var through int64
		var packed []byte
		if err := rows.Scan(&through, &packed); err != nil {
			return err
		}
		// Of one that is damaged a part is found; the rest goes with its incidents.
		_ = unpackFold(packed, func(m Membership) { incidents = append(incidents, [2]int64{int64(m.Incident), through}) })
		return nil
	}, `SELECT through, events FROM folds WHERE through `+d.AnyOf, d.List(through))
	if err != nil {
		return 0, fmt.Errorf("look for old folds: %w", err)
	}
	if len(incidents) > 0 {
		numbers, throughs := make([]int64, len(incidents)), make([]int64, len(incidents))
		for i, pair := range incidents {
			numbers[i], throughs[i] = pair[0], pair[1]
		}
		pairs, args := d.Pairs(numbers, throughs)
		if _, err := t.exec(ctx, `DELETE FROM incident_folds WHERE (incident, through) IN (`+pairs+`)`, args...); err != nil {
			return 0, fmt.Errorf("forget the events of incidents: %w", err)
		}
	}
	deleted, err = t.exec(ctx, `DELETE FROM folds WHERE through `+d.AnyOf, d.List(through))
	return deleted, wrap("forget the incidents of events", err)
}

// IncidentEvents returns the latest events of an incident that are still kept,
// newest first, at most limit.
func (w *Work) IncidentEvents(ctx context.Context, id incident.ID, limit int) ([]*alerting.Event, error) {
	var seqs []alerting.Seq
	err := w.each(ctx, func(rows *sql.Rows) error {
		var number incident.Number
		var through int64
		var packed []byte
		if err := rows.Scan(&number, &through, &packed); err != nil {
			return err
		}
		var part []alerting.Seq
		err := unpackFold(packed, func(m Membership) {
			if m.Incident == number {
				part = append(part, m.Event)
			}
		})
		if err != nil {
			w.setAside("folds", err, through)
		}
		slices.Reverse(part)
		seqs = append(seqs, part...)
		return nil
		// Each fold has one event at least.
	}, `SELECT i.number, m.through, f.events FROM incidents i JOIN incident_folds m ON m.incident = i.number JOIN folds f ON f.through = m.through
		WHERE i.incident_id = ? ORDER BY m.through DESC LIMIT ?`, w.incidentKey(id), limit)
	if err != nil {
		return nil, fmt.Errorf("look for the events of an incident: %w", err)
	}
	events, err := w.store.Events(ctx, seqs[:min(len(seqs), limit)])
	slices.SortFunc(events, func(a, b *alerting.Event) int { return int(b.Seq() - a.Seq()) })
	return events, wrap("read the events of an incident", err)
}

// waitWhileDown is how long [Work.IncidentsOf] waits while the database does not work:
// events in memory are shown without their incidents then.
const waitWhileDown = 250 * time.Millisecond

// IncidentsOf returns which incidents events belong to, by the events' numbers. Those
// that belong to none, or not yet, are missing.
func (w *Work) IncidentsOf(ctx context.Context, events []*alerting.Event) (map[alerting.Seq]incident.ID, error) {
	if len(events) == 0 {
		return nil, nil
	}
	if w.store.Ready() != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, waitWhileDown)
		defer cancel()
	}
	of := make(map[alerting.Seq]incident.Number, len(events))
	seqs := make([]int64, len(events))
	for i, event := range events {
		seqs[i] = int64(event.Seq())
		of[event.Seq()] = 0
	}
	d := w.dialect()
	err := w.each(ctx, func(rows *sql.Rows) error {
		var through int64
		var packed []byte
		if err := rows.Scan(&through, &packed); err != nil {
			return err
		}
		err := unpackFold(packed, func(m Membership) {
			if _, wanted := of[m.Event]; wanted {
				of[m.Event] = m.Incident
			}
		})
		if err != nil {
			w.setAside("folds", err, through)
		}
		return nil
	}, `SELECT f.through, f.events FROM folds f
		WHERE f.through IN (SELECT (SELECT min(n.through) FROM folds n WHERE n.through >= v.value) FROM `+d.Values+`)`, d.List(seqs))
	if err != nil {
		return nil, fmt.Errorf("look for the incidents of events: %w", err)
	}
	numbers := make([]int64, 0, len(of))
	for _, number := range of {
		numbers = append(numbers, int64(number))
	}
	slices.Sort(numbers)
	known := make(map[incident.Number]incident.ID, len(numbers))
	err = w.each(ctx, func(rows *sql.Rows) error {
		var number incident.Number
		var key uuidValue
		err := rows.Scan(&number, &key)
		known[number] = incident.ID(key)
		return err
	}, `SELECT i.number, i.incident_id FROM incidents i WHERE i.number `+d.AnyOf, d.List(slices.Compact(numbers)))
	found := make(map[alerting.Seq]incident.ID, len(events))
	for seq, number := range of {
		if key, ok := known[number]; ok {
			found[seq] = key
		}
	}
	return found, wrap("look for the incidents of events", err)
}

package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"alertd/internal/alerting"
	"alertd/internal/incident"
)

// A fold is what one transaction has folded: a part of the log, and which incidents
// its events belong to. It is one row, and one more for each incident in it: with a row
// for each event, and its place in an index, most of the time of a storm would be spent
// on them.

// packFold writes events' numbers, in ascending order, and their incidents' side by side.
func packFold(seqs, incidents []int64) []byte {
	packed := make([]byte, 0, 4*len(seqs))
	last := int64(0)
	for n, seq := range seqs {
		packed = binary.AppendUvarint(packed, uint64(seq-last))     //nolint:gosec // they ascend
		packed = binary.AppendUvarint(packed, uint64(incidents[n])) //nolint:gosec // numbers are not negative
		last = seq
	}
	return packed
}

var errFoldDamaged = errors.New("the record of which incidents events belong to is damaged")

// unpackFold calls each with what packFold wrote.
func unpackFold(packed []byte, each func(seq, incident int64)) error {
	for last := int64(0); len(packed) > 0; {
		ahead, n := binary.Uvarint(packed)
		if n <= 0 {
			return errFoldDamaged
		}
		number, m := binary.Uvarint(packed[n:])
		if m <= 0 {
			return errFoldDamaged
		}
		packed = packed[n+m:]
		last += int64(ahead)      //nolint:gosec // as it was written
		each(last, int64(number)) //nolint:gosec // as it was written
	}
	return nil
}

// AddEvents notes which incidents events belong to: the numbers of both, side by side.
// The events' ascend, and come after those of earlier calls.
func (t *Tx) AddEvents(ctx context.Context, seqs, incidents []int64) error {
	if len(seqs) == 0 {
		return nil
	}
	through := seqs[len(seqs)-1]
	if _, err := t.exec(ctx, `INSERT INTO folds (through, events) VALUES (?, ?)`, through, packFold(seqs, incidents)); err != nil {
		return fmt.Errorf("note the incidents of events: %w", err)
	}
	distinct := slices.Clone(incidents)
	slices.Sort(distinct)
	distinct = slices.Compact(distinct)
	rows, args := t.store.db.dialect().Pairs(distinct, slices.Repeat([]int64{through}, len(distinct)))
	_, err := t.exec(ctx, `INSERT INTO incident_folds (incident, through) `+rows, args...)
	return wrap("note the events of incidents", err)
}

// forgetFolds deletes the folds that have no event with this number or a later one.
func (t *Tx) forgetFolds(ctx context.Context, keep int64) error {
	var incidents, throughs []int64
	err := t.each(ctx, func(rows *sql.Rows) error {
		var through int64
		var packed []byte
		if err := rows.Scan(&through, &packed); err != nil {
			return err
		}
		// Of one that is damaged a part is found; the rest goes with its incidents.
		_ = unpackFold(packed, func(_, number int64) {
			incidents, throughs = append(incidents, number), append(throughs, through)
		})
		return nil
	}, `SELECT through, events FROM folds WHERE through < ?`, keep)
	if err != nil {
		return fmt.Errorf("look for old folds: %w", err)
	}
	if len(incidents) > 0 {
		pairs, args := t.store.db.dialect().Pairs(incidents, throughs)
		if _, err := t.exec(ctx, `DELETE FROM incident_folds WHERE (incident, through) IN (`+pairs+`)`, args...); err != nil {
			return fmt.Errorf("forget the events of incidents: %w", err)
		}
	}
	_, err = t.exec(ctx, `DELETE FROM folds WHERE through < ?`, keep)
	return wrap("forget the incidents of events", err)
}

// IncidentEvents returns the latest events of an incident that are still kept,
// newest first, at most limit.
func (s *Store) IncidentEvents(ctx context.Context, id incident.ID, limit int) ([]*alerting.Event, error) {
	var seqs []int64
	err := s.EachRow(ctx, func(rows *sql.Rows) error {
		var number int64
		var packed []byte
		if err := rows.Scan(&number, &packed); err != nil {
			return err
		}
		var part []int64
		err := unpackFold(packed, func(seq, of int64) {
			if of == number {
				part = append(part, seq)
			}
		})
		slices.Reverse(part)
		seqs = append(seqs, part...)
		return err
		// Each fold has one event at least.
	}, `SELECT i.number, f.events FROM incidents i JOIN incident_folds m ON m.incident = i.number JOIN folds f ON f.through = m.through
		WHERE i.incident_id = ? ORDER BY m.through DESC LIMIT ?`, s.incidentKey(id), limit)
	if err != nil {
		return nil, fmt.Errorf("look for the events of an incident: %w", err)
	}
	d := s.db.dialect()
	return s.loadEvents(ctx, s.db.read(), s.sql(`SELECT e.seq, e.json FROM events e WHERE e.seq `+d.AnyOf+` ORDER BY e.seq DESC`),
		d.List(seqs[:min(len(seqs), limit)]))
}

// IncidentsOf returns which incidents events belong to, by the events' numbers. Those
// that belong to none, or not yet, are missing.
func (s *Store) IncidentsOf(ctx context.Context, events []*alerting.Event) (map[alerting.Seq]incident.ID, error) {
	if len(events) == 0 {
		return nil, nil
	}
	of := make(map[int64]int64, len(events))
	seqs := make([]int64, len(events))
	for i, event := range events {
		seqs[i] = int64(event.Seq())
		of[seqs[i]] = 0
	}
	d := s.db.dialect()
	err := s.EachRow(ctx, func(rows *sql.Rows) error {
		var packed []byte
		if err := rows.Scan(&packed); err != nil {
			return err
		}
		return unpackFold(packed, func(seq, number int64) {
			if _, wanted := of[seq]; wanted {
				of[seq] = number
			}
		})
	}, `SELECT f.events FROM folds f WHERE f.through IN (SELECT (SELECT min(n.through) FROM folds n WHERE n.through >= v.value) FROM `+d.Values+`)`, d.List(seqs))
	if err != nil {
		return nil, fmt.Errorf("look for the incidents of events: %w", err)
	}
	numbers := make([]int64, 0, len(of))
	for _, number := range of {
		numbers = append(numbers, number)
	}
	slices.Sort(numbers)
	known := make(map[int64]incident.ID, len(numbers))
	err = s.EachRow(ctx, func(rows *sql.Rows) error {
		var number int64
		var id uuidValue
		err := rows.Scan(&number, &id)
		known[number] = incident.ID(id)
		return err
	}, `SELECT i.number, i.incident_id FROM incidents i WHERE i.number `+d.AnyOf, d.List(slices.Compact(numbers)))
	ids := make(map[alerting.Seq]incident.ID, len(events))
	for seq, number := range of {
		if id, found := known[number]; found {
			ids[alerting.Seq(seq)] = id
		}
	}
	return ids, wrap("look for the incidents of events", err)
}

package work

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"
	"slices"
	"time"
)

// StateKind says what a [State] is about. Kinds are kept in the database.
type StateKind string

// StateKey names a state.
type StateKey struct {
	Kind StateKind
	Name string
}

// number is what the database and its timers know a state by: half of a SHA-256 sum, so
// that a state can be written without being read before.
func (k StateKey) number() int64 {
	sum := sha256.Sum256([]byte(string(k.Kind) + "\x00" + k.Name))
	return int64(binary.BigEndian.Uint64(sum[:8]) >> 1)
}

// State is something that the engine remembers beside incidents and deliveries, such as a
// silence. What it holds is the business of the package that reads it.
type State struct {
	StateKey
	// Value is encoded as JSON when the state is saved; nil: the state is forgotten.
	Value any
	// DueAt is when its timer runs out; zero: it has none.
	DueAt time.Time
	// Standing says that each decision depends on the state: see [Tx.Standing].
	Standing bool

	text string
}

// Decode reads what was saved. A state of a newer alertd, or a damaged one, is an error.
func (s State) Decode(into any) error { return decode(s.text, into) }

// Without returns states without the one of a name.
func Without(states []State, key StateKey) []State {
	return slices.DeleteFunc(states, func(s State) bool { return s.StateKey == key })
}

var statesTable = table{name: "states", key: "number", columns: []column{
	{"number", numbers, kept},
	{"kind", texts, kept},
	{"name", texts, kept},
	{"state", texts, replaced},
}}

// Standing returns a number that goes up whenever a state is saved that each decision
// depends on. It needs a transaction of [Work.InTurn].
func (t *Tx) Standing() int64 { return t.standing }

// States returns the states of these names, as far as there are any.
func (t *Tx) States(ctx context.Context, keys ...StateKey) (map[StateKey]State, error) {
	wanted := make([]int64, len(keys))
	for i, key := range keys {
		wanted[i] = key.number()
	}
	states := make(map[StateKey]State, len(keys))
	d := t.work.dialect()
	err := t.each(ctx, func(rows *sql.Rows) error {
		s, err := scanState(rows)
		states[s.StateKey] = s
		return err
	}, `SELECT kind, name, state FROM states WHERE number `+d.AnyOf, d.List(wanted))
	return states, wrap("read states", err)
}

const statesOfQuery = `SELECT kind, name, state FROM states WHERE kind = ? ORDER BY name`

// StatesOf returns all states of a kind, by name.
func (t *Tx) StatesOf(ctx context.Context, kind StateKind) (states []State, err error) {
	err = t.each(ctx, gather(&states), statesOfQuery, string(kind))
	return states, wrap("read states", err)
}

// StatesOf is [Tx.StatesOf] outside of a transaction.
func (w *Work) StatesOf(ctx context.Context, kind StateKind) (states []State, err error) {
	err = w.each(ctx, gather(&states), statesOfQuery, string(kind))
	return states, wrap("read states", err)
}

func gather(states *[]State) func(rows *sql.Rows) error {
	return func(rows *sql.Rows) error {
		s, err := scanState(rows)
		*states = append(*states, s)
		return err
	}
}

func scanState(row scanner) (s State, err error) {
	err = row.Scan(&s.Kind, &s.Name, &s.text)
	return s, err
}

// SetAside notes that a state cannot be read, and why.
func (w *Work) SetAside(s State, err error) {
	w.store.SetAside("states", fmt.Sprintf("%s %s", s.Kind, s.Name), err)
}

// saveStates writes states with their timers.
func (t *Tx) saveStates(ctx context.Context, states []State, timers *timerChanges) error {
	var rows [][]any
	var gone []int64
	standing := false
	for _, s := range states {
		number := s.number()
		standing = standing || s.Standing
		if s.Value == nil {
			gone = append(gone, number)
			timers.set(stateTimer, number, time.Time{})
			continue
		}
		text, err := encode(s.Value)
		if err != nil {
			return err
		}
		rows = append(rows, []any{number, string(s.Kind), s.Name, text})
		timers.set(stateTimer, number, s.DueAt)
	}
	if standing {
		if _, err := t.exec(ctx, `UPDATE engine SET standing = standing + 1 WHERE id = 1`); err != nil {
			return fmt.Errorf("note that a state has changed: %w", err)
		}
	}
	if err := t.write(ctx, statesTable, rows); err != nil || len(gone) == 0 {
		return err
	}
	d := t.work.dialect()
	_, err := t.exec(ctx, `DELETE FROM states WHERE number `+d.AnyOf, d.List(gone))
	return wrap("forget states", err)
}

// statesNumbered returns the states with these numbers, as far as there are any.
func (t *Tx) statesNumbered(ctx context.Context, numbers []int64) (states []State, err error) {
	d := t.work.dialect()
	err = t.each(ctx, gather(&states), `SELECT kind, name, state FROM states WHERE number `+d.AnyOf, d.List(numbers))
	return states, wrap("read states", err)
}

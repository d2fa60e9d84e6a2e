package work

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// column is one that [Tx.write] fills.
type column struct {
	name string
	kind columnKind
	onto conflict
}

// conflict says what becomes of the value of a row that is there already.
type conflict int

const (
	replaced conflict = iota
	kept
	// summed: the new value is added to it.
	summed
	// lowered: the smaller one is kept.
	lowered
)

type columnKind string

const (
	numbers  columnKind = "bigint"
	texts    columnKind = "text"
	ids      columnKind = "uuid"
	binaries columnKind = "bytea"
)

// table is what [Tx.write] needs to know of a table.
type table struct {
	name    string
	columns []column
	// key are the columns of the key that a row may be there under already; "": none.
	key string
}

// write inserts rows, or changes those that are there already, with one statement on
// PostgreSQL and as few as fit on SQLite. Values are int64, string, []byte or nil.
func (t *Tx) write(ctx context.Context, to table, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	names := make([]string, len(to.columns))
	kinds := make([]string, len(to.columns))
	var sets []string
	for i, c := range to.columns {
		names[i], kinds[i] = c.name, string(c.kind)
		switch c.onto {
		case replaced:
			sets = append(sets, c.name+" = excluded."+c.name)
		case summed:
			sets = append(sets, c.name+" = "+to.name+"."+c.name+" + excluded."+c.name)
		case lowered:
			sets = append(sets, c.name+" = CASE WHEN excluded."+c.name+" < "+to.name+"."+c.name+" THEN excluded."+c.name+" ELSE "+to.name+"."+c.name+" END")
		case kept:
		}
	}
	conflict := ""
	switch {
	case to.key == "":
	case len(sets) == 0:
		conflict = ` ON CONFLICT (` + to.key + `) DO NOTHING`
	default:
		conflict = ` ON CONFLICT (` + to.key + `) DO UPDATE SET ` + strings.Join(sets, ", ")
	}
	err := t.work.store.InsertRows(ctx, t.tx, `INSERT INTO `+to.name+` (`+strings.Join(names, ", ")+`) `, kinds, rows, conflict)
	if err != nil {
		return fmt.Errorf("write %s: %w", to.name, err)
	}
	return nil
}

// flag is a condition as the database keeps it.
func flag(condition bool) int64 {
	if condition {
		return 1
	}
	return 0
}

// instant is a time that is always there.
func instant(t time.Time) int64 { return t.UnixMicro() }

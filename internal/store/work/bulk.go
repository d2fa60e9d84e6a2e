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
	// kept says that a row that is there keeps its value.
	kept bool
}

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
		if !c.kept {
			sets = append(sets, c.name+" = excluded."+c.name)
		}
	}
	conflict := ""
	if to.key != "" {
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

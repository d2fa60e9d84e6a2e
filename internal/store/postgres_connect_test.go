package store_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/store"
	"alertd/internal/store/storetest"
)

func TestTheServerCompilesNoStatementOfTheEngine(t *testing.T) {
	t.Parallel()
	db := storetest.PostgreSQL(t)
	log := db.Open(t)
	for _, turn := range []bool{false, true} {
		t.Run(fmt.Sprintf("turn %t", turn), func(t *testing.T) {
			require.NoError(t, log.Transact(t.Context(), turn, func(ctx context.Context, tx store.Transaction, _ time.Time) error {
				rows, err := tx.QueryContext(ctx, `EXPLAIN SELECT 1 FROM deliveries WHERE error <> '' ORDER BY error`) // has no index
				if err != nil {
					return err
				}
				defer func() { require.NoError(t, rows.Close()) }()
				var plan strings.Builder
				for rows.Next() {
					var line string
					require.NoError(t, rows.Scan(&line))
					plan.WriteString(line + "\n")
				}
				require.Contains(t, plan.String(), "Seq Scan on deliveries")
				require.NotContains(t, plan.String(), "JIT")
				return rows.Err()
			}))
		})
	}
}

package store_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/store"
	"alertd/internal/store/storetest"
)

func TestTheFileShrinksAsEventsAreDeletedWhileItIsInUse(t *testing.T) {
	t.Parallel()
	db := storetest.SQLite(t)
	context, err := alerting.ParseContext(fmt.Appendf(nil, `{"trace":%q}`, strings.Repeat("x", 20_000)))
	require.NoError(t, err)
	alert := storetest.Alert("large")
	alert.Context = context
	log := db.Start(t, func(c *store.Config) { c.RetentionEvents = 100 })
	for range 10 {
		log.Add(t, repeat(alert, 200)...)
	}
	size := func() int64 {
		info, err := os.Stat(db.Config.Path)
		require.NoError(t, err)
		return info.Size()
	}
	large := size()
	require.Greater(t, large, int64(30<<20))
	_, err = log.Retain(t.Context())
	require.NoError(t, err)
	require.Zero(t, db.Number(t, `PRAGMA freelist_count`))
	require.Less(t, size(), large/3, "of the rest a part may still be in the write-ahead log")
	log.Stop()
	require.Less(t, size(), int64(5<<20))
}

func repeat(alert alerting.Alert, n int) []alerting.Alert {
	alerts := make([]alerting.Alert, n)
	for i := range alerts {
		alerts[i] = alert
	}
	return alerts
}

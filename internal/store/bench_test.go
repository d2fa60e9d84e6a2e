package store_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/store/storetest"
)

// BenchmarkRegister is what an alert of its own request costs where 64 wait at a time,
// without HTTP.
func BenchmarkRegister(b *testing.B) {
	log := storetest.SQLite(b).Open(b)
	manager, err := alerting.OpenManager(b.Context(), alerting.Config{Enabled: true, MinSeverity: alerting.SeverityDebug, BufferSize: 1000}, nil, log)
	require.NoError(b, err)
	log.Run()
	alert, err := alerting.DecodeAlert([]byte(`{"severity":"error","category":"risk_limit","source":"var_gate",` +
		`"message":"VaR limit breached: 0.0500 > 0.0300","context":{"position":"BTC-EUR","current_var":0.05,"limit":0.03}}`))
	require.NoError(b, err)
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := manager.Register(context.Background(), alert); err != nil { //nolint:usetesting // a benchmark's own context costs a lock
				b.Error(err)
				return
			}
		}
	})
}

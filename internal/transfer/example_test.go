package transfer_test

import (
	"context"
	"fmt"
	"os"
	"strings"

	"alertd/internal/alerting"
	"alertd/internal/transfer"
)

// An export is valid input for an import.
func Example() {
	const events = `{"event_id":"019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55","timestamp":"2025-12-27T10:30:00.123456Z","severity":"error","category":"risk_limit","source":"var_gate","message":"VaR limit breached","context":{"limit":0.030},"seq":7,"received_at":"2025-12-27T10:30:00.2Z"}`

	log := alerting.NewMemoryLog(1000)
	_ = log.Attach(context.Background(), nobody{}, 0) // a log in memory does not fail
	for range 2 {
		imported, err := transfer.Import(context.Background(), log, strings.NewReader(events), transfer.ImportOptions{MaxLine: 8 << 20})
		fmt.Println(imported.Events, "new,", imported.Duplicates, "known,", err)
	}
	_, _ = transfer.Export(context.Background(), log, alerting.Filter{}, transfer.NDJSON, os.Stdout) // nor does printing here
	// Output:
	// 1 new, 0 known, <nil>
	// 0 new, 1 known, <nil>
	// {"event_id":"019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55","timestamp":"2025-12-27T10:30:00.123456Z","severity":"error","category":"risk_limit","source":"var_gate","message":"VaR limit breached","context":{"limit":0.030},"seq":1,"received_at":"2025-12-27T10:30:00.200000Z"}
}

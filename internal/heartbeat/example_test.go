package heartbeat_test

import (
	"fmt"
	"time"

	"alertd/internal/heartbeat"
)

func ExampleState() {
	spec, now := heartbeat.NewSpec("var-engine", time.Minute), time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	state, _ := heartbeat.State{}.Ping(spec, heartbeat.Ping{}, now)
	fmt.Println(state.Status, "until", state.DueAt.Format(time.TimeOnly))

	state, alerts := state.Check(spec, state.DueAt)
	fmt.Println(state.Status, "-", alerts[0].Message)

	state, alerts = state.Ping(spec, heartbeat.Ping{}, now.Add(10*time.Minute))
	fmt.Println(state.Status, "-", alerts[0].Message, "-", alerts[0].Resolves)
	// Output:
	// alive until 09:31:30
	// missed - heartbeat var-engine is missed: last seen at 2026-03-02T09:30:00Z, due every 1m with a grace of 30s
	// alive - heartbeat var-engine is back, 8m30s after it was due - true
}

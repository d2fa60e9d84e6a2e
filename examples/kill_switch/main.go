// Command kill_switch is a kill switch that tells alertd when it halts all trading.
//
//	go run ./examples/kill_switch REASON
//
// The alert must arrive exactly once. It is sent until alertd answers, each time
// with the same event_id, so that it is registered once even if an answer is lost.
// Exit status 1: it did not get through.
package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/google/uuid"
)

// send reports whether another attempt is worthwhile.
func send(alert []byte) (again bool, err error) {
	client := &http.Client{Timeout: 3 * time.Second}
	url := cmp.Or(os.Getenv("ALERTD_URL"), "http://127.0.0.1:8080") + "/alerts"
	answer, err := client.Post(url, "application/json", bytes.NewReader(alert))
	if err != nil {
		return true, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode >= 300 {
		return answer.StatusCode >= 500 || answer.StatusCode == http.StatusTooManyRequests, fmt.Errorf("alertd answers %s", answer.Status)
	}
	return false, nil
}

func main() {
	// Halt all trading here first.
	reason, id := os.Args[1], uuid.NewString()
	alert, err := json.Marshal(map[string]any{
		"event_id": id, "severity": "critical", "category": "system_health", "source": "kill_switch",
		"message": "Kill switch activated: " + reason,
		"context": map[string]any{"reason": reason, "action": "all_trading_halted"},
	})
	for attempt, again := 0, err == nil; again && attempt < 4; attempt++ {
		if attempt > 0 {
			<-time.After(50 * time.Millisecond << attempt)
		}
		again, err = send(alert)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "kill_switch: trading is halted, but the alert is not registered:", err)
		os.Exit(1)
	}
	fmt.Println("registered", id)
}

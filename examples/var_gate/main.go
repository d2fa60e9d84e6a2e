// Command var_gate is a risk gate that reports a breach of its limit to alertd.
//
//	go run ./examples/var_gate CURRENT_VAR LIMIT
//
// Exit status 0: trade on; 1: blocked. The gate decides by itself: an alert that
// cannot be registered is reported on standard error, and never opens the gate.
package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"time"
)

func registerAlert(alert map[string]any) error {
	body, err := json.Marshal(alert)
	if err != nil {
		return err
	}
	client := &http.Client{Timeout: 3 * time.Second}
	url := cmp.Or(os.Getenv("ALERTD_URL"), "http://127.0.0.1:8080") + "/alerts"
	answer, err := client.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode >= 300 {
		return fmt.Errorf("alertd answers %s", answer.Status)
	}
	return nil
}

// check reports whether trading may go on.
func check(current, limit float64) bool {
	if current <= limit {
		return true
	}
	err := registerAlert(map[string]any{
		"severity": "error", "category": "risk_limit", "source": "var_gate",
		"message": fmt.Sprintf("VaR limit breached: %.4f > %.4f", current, limit),
		"context": map[string]any{"current_var": current, "limit": limit, "breach_pct": (current - limit) / limit * 100},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "var_gate: alert not registered:", err)
	}
	return false
}

func main() {
	var current, limit float64
	if _, err := fmt.Sscan(os.Args[1]+" "+os.Args[2], &current, &limit); err != nil || !check(current, limit) {
		fmt.Println("blocked")
		os.Exit(1)
	}
	fmt.Println("trade on")
}

// Command dashboard prints what a monitoring dashboard shows, as JSON: the
// statistics and the five newest events that are errors or worse.
//
//	go run ./examples/dashboard
package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"
)

func get(path string, into any) error {
	client := &http.Client{Timeout: 3 * time.Second}
	answer, err := client.Get(cmp.Or(os.Getenv("ALERTD_URL"), "http://127.0.0.1:8080") + path)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("alertd answers %s", answer.Status)
	}
	return json.NewDecoder(answer.Body).Decode(into)
}

func main() {
	var stats map[string]any
	var page struct {
		Events []json.RawMessage `json:"events"`
	}
	err := errors.Join(get("/stats", &stats), get("/events?limit=5&min_severity=error", &page))
	if err == nil {
		out := json.NewEncoder(os.Stdout)
		out.SetIndent("", "  ")
		err = out.Encode(map[string]any{
			"stats":            stats,
			"recent_critical":  page.Events,
			"alerting_enabled": stats["alerting_enabled"],
		})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "dashboard:", err)
		os.Exit(1)
	}
}

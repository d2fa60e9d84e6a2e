package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// bareAlert has the fields that alertd accepts.
type bareAlert struct {
	Severity  string          `json:"severity"`
	Category  string          `json:"category"`
	Source    string          `json:"source"`
	Message   string          `json:"message"`
	Context   json.RawMessage `json:"context"`
	Timestamp string          `json:"timestamp"`
	EventID   string          `json:"event_id"`
	DedupKey  string          `json:"dedup_key"`
}

// bareEvent has the fields that alertd answers with.
type bareEvent struct {
	EventID    string          `json:"event_id"`
	Timestamp  string          `json:"timestamp"`
	Severity   string          `json:"severity"`
	Category   string          `json:"category"`
	Source     string          `json:"source"`
	Message    string          `json:"message"`
	Context    json.RawMessage `json:"context"`
	Seq        uint64          `json:"seq"`
	ReceivedAt string          `json:"received_at"`
	DedupKey   string          `json:"dedup_key,omitempty"`
}

// bare is the yardstick.
func bare(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var alert bareAlert
	if err := json.Unmarshal(body, &alert); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer, err := json.Marshal(bareEvent{
		EventID: "019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55", Timestamp: "2025-12-27T10:30:00.000000Z",
		Severity: alert.Severity, Category: alert.Category, Source: alert.Source, Message: alert.Message,
		Context: alert.Context, Seq: 123_456, ReceivedAt: "2025-12-27T10:30:00.000812Z", DedupKey: alert.DedupKey,
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(answer)
}

// serveBare serves the bare handler on a free port until ctx ends, with the
// timeouts that alertd has by default.
func serveBare(ctx context.Context) error {
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /alerts", bare)
	server := &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

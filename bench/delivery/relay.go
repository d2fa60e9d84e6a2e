package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

// relayFlag, followed by the receiver's URL and the name of a file, makes this program the
// bare relay.
const relayFlag = "-relay"

// relay is the yardstick: it writes each alert to a file and syncs it before it answers. Then
// it posts alerts with a new dedup_key to the receiver. It validates nothing, folds nothing,
// and makes one attempt. Safe for concurrent use.
type relay struct {
	url    string
	file   *os.File // for appending
	client *http.Client

	posting sync.WaitGroup
	mu      sync.Mutex
	seen    map[string]bool // by dedup_key
}

func newRelay(url string, file *os.File) *relay {
	return &relay{
		url: url, file: file, seen: make(map[string]bool),
		client: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: senders}},
	}
}

// close waits until all posts have ended.
func (r *relay) close() {
	r.posting.Wait()
	r.client.CloseIdleConnections()
}

func (r *relay) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	var alert struct {
		Source   string `json:"source"`
		DedupKey string `json:"dedup_key"`
	}
	if err == nil {
		err = json.Unmarshal(body, &alert)
	}
	if err == nil {
		_, err = r.file.Write(append(body, '\n'))
	}
	if err == nil {
		err = r.file.Sync()
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(body)
	_ = http.NewResponseController(w).Flush() // a client that does not read the answer ends the run
	if !r.isNew(alert.DedupKey) {
		return
	}
	ctx := context.WithoutCancel(request.Context())
	r.posting.Go(func() {
		if err := r.post(ctx, alert.Source, alert.DedupKey); err != nil {
			fmt.Fprintln(os.Stderr, "bare relay:", err)
		}
	})
}

// isNew reports whether a dedup_key has not been seen before.
func (r *relay) isNew(key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.seen[key]
	r.seen[key] = true
	return !known
}

func (r *relay) post(ctx context.Context, source, key string) (err error) {
	m := message{Type: "incident.opened"}
	m.Data.Incident.ID, m.Data.Incident.Source, m.Data.Incident.Pattern = key, source, key
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := r.client.Do(request)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

// serveRelay serves the bare relay on a free port until ctx ends.
func serveRelay(ctx context.Context, url, path string) (err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600) //nolint:gosec // our own
	if err != nil {
		return fmt.Errorf("open the relay's file: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	r := newRelay(url, file)
	defer r.close()
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("POST /alerts", r)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

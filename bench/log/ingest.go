package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver that alertd uses

	"alertd/internal/alerting"
)

const (
	batchSize   = 1000
	connections = 4 // that post batches at once
)

// bareTables are the yardstick's table, the same as alertd's, and variants of it with further
// indexes.
var bareTables = []struct{ name, indexes string }{
	{"the table events", ""},
	{"... with an index on the kind", `CREATE INDEX a ON events (kind)`},
	{"... with indexes on kind and source", `CREATE INDEX a ON events (kind); CREATE INDEX b ON events (source)`},
	{"... with indexes on kind, source and time", `CREATE INDEX a ON events (kind); CREATE INDEX b ON events (source); CREATE INDEX c ON events (received)`},
}

// measureIngest lets alertd and the bare loops take turns.
func measureIngest(ctx context.Context, out io.Writer, o options, directory string) error {
	if err := os.MkdirAll(directory, 0o750); err != nil {
		return err
	}
	server, err := startServer(ctx, o.alertd, filepath.Join(directory, "alertd.db"))
	if err != nil {
		return fmt.Errorf("start alertd: %w", err)
	}
	defer server.stop()
	bodies, events := batches(o.batches)
	var rates []float64
	bare := make([][]float64, len(bareTables))
	for round := range o.rounds {
		rate, err := server.post(ctx, bodies)
		if err != nil {
			return fmt.Errorf("post batches: %w", err)
		}
		rates = append(rates, rate)
		for i, table := range bareTables {
			path := filepath.Join(directory, fmt.Sprintf("bare-%d-%d.db", round, i))
			rate, err := insertBare(ctx, path, table.indexes, events)
			if err != nil {
				return fmt.Errorf("insert into %s: %w", table.name, err)
			}
			bare[i] = append(bare[i], rate)
		}
	}
	_, _ = fmt.Fprintf(out, "ingest in batches of %d, %d rounds of %d batches\n\n", batchSize, o.rounds, o.batches)
	_, _ = fmt.Fprintf(out, "%-45s %8.0f alerts/s\n", fmt.Sprintf("alertd over HTTP, %d connections", connections), median(rates))
	for i, table := range bareTables {
		_, _ = fmt.Fprintf(out, "%-45s %8.0f rows/s   %.2f µs a row\n", "bare loop: "+table.name, median(bare[i]), 1e6/median(bare[i]))
	}
	ratios := make([]float64, len(rates))
	for i := range rates {
		ratios[i] = rates[i] / bare[0][i]
	}
	_, err = fmt.Fprintf(out, "alertd / bare loop: %.2f (%.2f to %.2f)\n", median(ratios), slices.Min(ratios), slices.Max(ratios))
	return err
}

func median(values []float64) float64 { return slices.Sorted(slices.Values(values))[len(values)/2] }

// batches returns the bodies of batches and their events.
func batches(n int) ([][]byte, []*alerting.Event) {
	random := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // the same each time
	bodies := make([][]byte, 0, n)
	events := make([]*alerting.Event, 0, n*batchSize)
	for range n {
		var body bytes.Buffer
		for range batchSize {
			alert := alertOf(random, len(events), n*batchSize)
			draft, err := alerting.NewDraft(alert, time.Now())
			if err != nil {
				panic(err) // the alerts of alertOf are valid
			}
			events = append(events, draft.Finish(alerting.Seq(len(events)+1)))
			line, _ := json.Marshal(map[string]any{ //nolint:errchkjson // it encodes
				"severity": alert.Severity, "category": alert.Category, "source": alert.Source,
				"message": alert.Message, "context": alert.Context, "timestamp": alert.Timestamp,
			})
			body.Write(append(line, '\n'))
		}
		bodies = append(bodies, body.Bytes())
	}
	return bodies, events
}

// post sends all batches over some connections and returns alerts/s.
func (s *server) post(ctx context.Context, bodies [][]byte) (float64, error) {
	todo := make(chan []byte)
	failed := make([]error, connections)
	var posting sync.WaitGroup
	began := time.Now()
	for i := range connections {
		posting.Go(func() {
			for body := range todo {
				if failed[i] == nil {
					failed[i] = s.postOne(ctx, body)
				}
			}
		})
	}
	for _, body := range bodies {
		todo <- body
	}
	close(todo)
	posting.Wait()
	return float64(len(bodies)*batchSize) / time.Since(began).Seconds(), errors.Join(failed...)
}

func (s *server) postOne(ctx context.Context, body []byte) (err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.addr+"/alerts", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	answer, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	text, err := io.ReadAll(answer.Body)
	if err == nil && !bytes.HasPrefix(text, fmt.Appendf(nil, `{"registered":%d,`, batchSize)) {
		err = fmt.Errorf("%s: %.300s", answer.Status, text)
	}
	return err
}

// insertBare inserts rows in transactions of batchSize, one by one with a
// prepared statement, and returns rows/s. The file is gone afterwards.
func insertBare(ctx context.Context, path, indexes string, events []*alerting.Event) (rate float64, err error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=auto_vacuum(incremental)&_pragma=journal_mode(wal)&_pragma=synchronous(full)&_txlock=immediate")
	if err != nil {
		return 0, err
	}
	db.SetMaxOpenConns(1)
	defer func() { err = errors.Join(err, db.Close(), os.Remove(path)) }()
	columns, values := "seq INTEGER PRIMARY KEY, event_id BLOB NOT NULL UNIQUE, received INTEGER NOT NULL, json TEXT NOT NULL", "?, ?, ?, ?"
	if indexes != "" {
		columns, values = columns+", kind INTEGER NOT NULL, source TEXT NOT NULL", values+", ?, ?"
	}
	if _, err := db.ExecContext(ctx, "CREATE TABLE events ("+columns+") STRICT; "+indexes); err != nil {
		return 0, err
	}
	began := time.Now()
	for batch := range slices.Chunk(events, batchSize) {
		if err := insertBatch(ctx, db, values, batch, indexes != ""); err != nil {
			return 0, err
		}
	}
	return float64(len(events)) / time.Since(began).Seconds(), nil
}

func insertBatch(ctx context.Context, db *sql.DB, values string, batch []*alerting.Event, wide bool) (err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = tx.Rollback() // the first error matters
		}
	}()
	insert, err := tx.PrepareContext(ctx, "INSERT INTO events VALUES ("+values+")") //nolint:gosec // our own placeholders
	if err != nil {
		return err
	}
	defer func() { _ = insert.Close() }() // it ends with the transaction
	for _, event := range batch {
		id := event.ID()
		args := []any{event.Seq(), id[:], event.ReceivedAt().UnixMicro(), event.JSON()}
		if wide {
			args = append(args, int(event.Severity())*8+int(event.Category()), event.Source())
		}
		if _, err := insert.ExecContext(context.WithoutCancel(ctx), args...); err != nil {
			return err
		}
	}
	return tx.Commit()
}

package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/google/uuid"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	"github.com/pelletier/go-toml/v2"
)

// envMiniature makes this test binary a miniature of alertd: the part of the API that the
// campaign uses, on the same databases, implemented in the simplest way. Its value is the
// nature of the miniature: honest, or one that breaks a promise.
const envMiniature = "CRASH_TEST_MINIATURE"

const (
	honest = "honest"
	// volatile keeps events in memory only.
	volatile = "volatile"
	// forgetful does not recognise known alerts.
	forgetful = "forgetful"
	// sloppy answers with wrong data.
	sloppy = "sloppy"
	// grudging ends with an error.
	grudging = "grudging"
	// helpless does not recover after an outage of its database.
	helpless = "helpless"
)

var errGrudging = errors.New("not like this")

type miniature struct {
	nature   string
	broken   atomic.Bool
	hurried  atomic.Int32
	driver   string
	database *sql.DB
	channels map[string]miniatureChannel
	client   *http.Client
}

// runMiniature serves until SIGTERM, on the command line of alertd serve.
func runMiniature(nature string, args []string) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	config := flags.String("config", "", "")
	listen := flags.String("listen", "", "")
	flags.String("log-format", "", "")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	m, err := openMiniature(ctx, nature, *config)
	if err != nil {
		return err
	}
	defer func() { _ = m.database.Close() }()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", *listen)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /alerts", m.post)
	mux.HandleFunc("GET /events", m.page)
	mux.HandleFunc("GET /events/{id}", m.one)
	mux.HandleFunc("GET /events/stream", m.stream)
	mux.HandleFunc("GET /readyz", m.ready)
	mux.HandleFunc("GET /incidents", m.list)
	mux.HandleFunc("GET /deliveries", m.list)
	mux.HandleFunc("GET /channels", m.showChannels)
	mux.HandleFunc("GET /metrics", m.metrics)
	mux.HandleFunc("POST /incidents/{id}/{what}", m.act)
	defer m.deliverAll(ctx)()
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	fmt.Fprintf(os.Stderr, "{\"msg\":\"listening\",\"addr\":%q}\n", listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	if nature == grudging {
		return errGrudging
	}
	return nil
}

func openMiniature(ctx context.Context, nature, config string) (*miniature, error) {
	text, err := os.ReadFile(config)
	if err != nil {
		return nil, err
	}
	var file struct {
		Storage  struct{ Driver, Path, DSN string }
		Alerting struct {
			Channels map[string]miniatureChannel
		}
	}
	if err := toml.Unmarshal(text, &file); err != nil {
		return nil, err
	}
	m := &miniature{nature: nature, driver: file.Storage.Driver, channels: file.Alerting.Channels, client: &http.Client{Transport: &http.Transport{}}}
	if nature == volatile {
		file.Storage.Path = ":memory:"
	}
	if m.driver == "sqlite" {
		m.database, err = sql.Open("sqlite", "file:"+file.Storage.Path+"?_pragma=journal_mode(wal)&_pragma=synchronous(full)")
	} else {
		m.database, err = sql.Open("pgx", file.Storage.DSN)
	}
	if err != nil {
		return nil, err
	}
	m.database.SetMaxOpenConns(8)
	if m.driver == "sqlite" {
		m.database.SetMaxOpenConns(1)
	}
	unique := "unique"
	if nature == forgetful {
		unique = ""
	}
	return m, m.write(ctx, func(tx *sql.Tx) error {
		for _, table := range append(miniatureTables(),
			"create table if not exists events (seq bigint primary key, event_id text "+unique+", key text "+unique+", json text, incident text)") {
			if _, err := tx.ExecContext(ctx, table); err != nil {
				return err
			}
		}
		return nil
	})
}

// write runs a transaction that no other write overlaps.
func (m *miniature) write(ctx context.Context, do func(*sql.Tx) error) error {
	if m.nature == helpless && m.broken.Load() {
		return errors.New("there was an error")
	}
	tx, err := m.database.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if m.driver == "postgres" {
		_, err = tx.ExecContext(ctx, "select pg_advisory_xact_lock(1)")
	}
	if err == nil {
		err = do(tx)
	}
	if err != nil {
		m.broken.Store(true)
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

type miniatureAlert struct {
	EventID  string          `json:"event_id"`
	Severity string          `json:"severity"`
	Category string          `json:"category"`
	Source   string          `json:"source"`
	Message  string          `json:"message"`
	Context  json.RawMessage `json:"context"`
	DedupKey string          `json:"dedup_key"`
}

type miniatureResult struct {
	Index   int    `json:"index"`
	Status  string `json:"status"`
	EventID string `json:"event_id,omitempty"`
	json    string
}

type miniatureAnswer struct {
	Results []miniatureResult `json:"results"`
}

func (m *miniature) post(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var alerts []miniatureAlert
	isSingle := false
	switch body = bytes.TrimSpace(body); {
	case r.Header.Get("Content-Type") == "application/x-ndjson":
		for line := range bytes.Lines(body) {
			var a miniatureAlert
			err = errors.Join(err, json.Unmarshal(line, &a))
			alerts = append(alerts, a)
		}
	case body[0] == '[':
		err = json.Unmarshal(body, &alerts)
	default:
		isSingle = true
		alerts = make([]miniatureAlert, 1)
		err = json.Unmarshal(body, &alerts[0])
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	results := make([]miniatureResult, len(alerts))
	ctx := context.WithoutCancel(r.Context())
	err = m.write(ctx, func(tx *sql.Tx) error {
		for i, a := range alerts {
			if results[i], err = m.register(ctx, tx, a, r.Header.Get("Idempotency-Key")); err != nil {
				return err
			}
			results[i].Index = i
		}
		return nil
	})
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	case !isSingle:
		text, err := json.Marshal(miniatureAnswer{results})
		if err != nil {
			panic(err)
		}
		_, _ = w.Write(text)
	case results[0].Status == "rejected":
		http.Error(w, "rejected", http.StatusUnprocessableEntity)
	default:
		if results[0].Status == "registered" {
			w.WriteHeader(http.StatusCreated)
		}
		_, _ = io.WriteString(w, results[0].json+"\n")
	}
}

func (m *miniature) register(ctx context.Context, tx *sql.Tx, a miniatureAlert, key string) (miniatureResult, error) {
	if !slices.Contains(severities(), a.Severity) {
		return miniatureResult{Status: "rejected"}, nil
	}
	if m.nature != forgetful && (a.EventID != "" || key != "") {
		known := miniatureResult{Status: "duplicate"}
		err := tx.QueryRowContext(ctx, "select event_id, json from events where event_id = $1 or key = $2", a.EventID, key).Scan(&known.EventID, &known.json)
		if err == nil || !errors.Is(err, sql.ErrNoRows) {
			return known, err
		}
	}
	if a.EventID == "" {
		a.EventID = uuid.NewString()
	}
	var seq uint64
	if err := tx.QueryRowContext(ctx, "select coalesce(max(seq), 0) + 1 from events").Scan(&seq); err != nil {
		return miniatureResult{}, err
	}
	if a.Context == nil {
		a.Context = json.RawMessage("{}")
	}
	text := fmt.Sprintf(`{"event_id":%s,"severity":%s,"category":%s,"source":%s,"message":%s,"context":%s,"seq":%d,"dedup_key":%s}`,
		quoted(a.EventID), quoted(a.Severity), quoted(a.Category), quoted(a.Source), quoted(a.Message), a.Context, seq, quoted(a.DedupKey))
	incidentID, err := m.fold(ctx, tx, a, seq)
	if err != nil {
		return miniatureResult{}, err
	}
	_, err = tx.ExecContext(ctx, "insert into events (seq, event_id, key, json, incident) values ($1, $2, $3, $4, $5)",
		seq, a.EventID, sql.NullString{String: key, Valid: key != ""}, text, incidentID)
	return miniatureResult{Status: "registered", EventID: a.EventID, json: text}, err
}

// withIncident is an event's JSON with its incident, in SQL.
const withIncident = `substr(json, 1, length(json) - 1) || ',"incident_id":"' || incident || '"}'`

// read returns the events' JSON that a query finds.
func (m *miniature) read(ctx context.Context, query string, args ...any) ([]string, error) {
	rows, err := m.database.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var found []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		found = append(found, text)
	}
	return found, rows.Err()
}

func (m *miniature) page(w http.ResponseWriter, r *http.Request) {
	limit, _ := strconv.Atoi(r.FormValue("limit"))
	before := int64(1) << 62
	if cursor := r.FormValue("cursor"); cursor != "" {
		before, _ = strconv.ParseInt(cursor, 10, 64)
	}
	found, err := m.read(r.Context(), "select "+withIncident+" from events where seq < $1 order by seq desc limit $2", before, limit+1)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	if m.nature == sloppy {
		found = slices.DeleteFunc(found, func(text string) bool { return strings.Contains(text, `"seq":3,`) })
	}
	next := "null"
	if len(found) > limit {
		found = found[:limit]
		last, _ := parseRecord([]byte(found[limit-1]))
		next = fmt.Sprintf(`"%d"`, last.seq)
	}
	_, _ = fmt.Fprintf(w, `{"events":[%s],"next_cursor":%s}`, strings.Join(found, ","), next)
}

func (m *miniature) one(w http.ResponseWriter, r *http.Request) {
	found, err := m.read(r.Context(), "select "+withIncident+" from events where event_id = $1", r.PathValue("id"))
	if err != nil || len(found) == 0 {
		http.Error(w, "not there", http.StatusNotFound)
		return
	}
	if m.nature == sloppy {
		found[0] = strings.Replace(found[0], ":", ": ", 1)
	}
	_, _ = io.WriteString(w, found[0]+"\n")
}

func (m *miniature) stream(w http.ResponseWriter, r *http.Request) {
	after, _ := strconv.ParseUint(r.Header.Get("Last-Event-ID"), 10, 64)
	_, _ = io.WriteString(w, "retry: 1\n\n")
	for r.Context().Err() == nil {
		found, err := m.read(r.Context(), "select json from events where seq > $1 order by seq limit 1000", int64(after))
		if err != nil {
			return
		}
		for _, text := range found {
			one, _ := parseRecord([]byte(text))
			after = one.seq
			_, _ = fmt.Fprintf(w, "id: %d\nevent: alert\ndata: %s\n\n", after, text)
		}
		_ = http.NewResponseController(w).Flush()
		if len(found) == 0 {
			pause(r.Context(), 10*time.Millisecond)
		}
	}
}

func (m *miniature) ready(w http.ResponseWriter, r *http.Request) {
	if err := m.database.PingContext(r.Context()); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	}
}

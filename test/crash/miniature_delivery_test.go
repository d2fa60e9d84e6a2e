package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const (
	// mute records refused messages as delivered.
	mute = "mute"
	// hasty sends messages about incidents that it then does not commit.
	hasty = "hasty"
	// stuttering sends accepted messages again.
	stuttering = "stuttering"
	// fickle changes the key of a message with each attempt.
	fickle = "fickle"
)

var errHasty = errors.New("told, and not committed")

type miniatureChannel struct {
	URL, Secret string
	Headers     map[string]string
	MinSeverity string `toml:"min_severity"`
}

func miniatureTables() []string {
	return []string{
		"create table if not exists incidents (number bigint primary key, id text, grouped_by text, pattern text, source text, category text, severity bigint, status text, count bigint)",
		"create table if not exists deliveries (number bigint primary key, id text, incident text, notice bigint, reason text, channel text, status text, lease bigint, body text)",
	}
}

// fold adds an event to its incident, and returns the incident's id.
func (m *miniature) fold(ctx context.Context, tx *sql.Tx, a miniatureAlert, seq uint64) (string, error) {
	groupedBy, pattern, source, category := "message", "", a.Source, a.Category
	where := "grouped_by = $1 and pattern = $2 and source = $3 and category = $4 and status <> 'resolved'"
	if a.DedupKey != "" {
		groupedBy, pattern = "dedup_key", a.DedupKey
		where = "grouped_by = $1 and pattern = $2 and ($3 = $3 or $4 = $4) and status <> 'resolved'"
	}
	severity := rank(a.Severity)
	var id string
	var worst int
	err := tx.QueryRowContext(ctx, "select id, severity from incidents where "+where, groupedBy, pattern, source, category).Scan(&id, &worst)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		id = uuid.NewString()
		_, err = tx.ExecContext(ctx, `insert into incidents select coalesce(max(number), 0) + 1, $1, $2, $3, $4, $5, $6, 'triggered', 1 from incidents`,
			id, groupedBy, pattern, source, category, severity)
		return id, errors.Join(err, m.tell(ctx, tx, id, "opened", seq, a.Context))
	case err != nil:
		return "", err
	}
	_, err = tx.ExecContext(ctx, "update incidents set count = count + 1, severity = $2 where id = $1", id, max(worst, severity))
	if err == nil && severity > worst {
		err = m.tell(ctx, tx, id, "severity_raised", seq, a.Context)
	}
	return id, err
}

// tell plans a message on each channel.
func (m *miniature) tell(ctx context.Context, tx *sql.Tx, incidentID, reason string, seq uint64, text json.RawMessage) error {
	var notice, severity, count int
	var pattern, source, category string
	if err := tx.QueryRowContext(ctx, "select coalesce(max(notice), 0) + 1 from deliveries where incident = $1", incidentID).Scan(&notice); err != nil {
		return err
	}
	err := tx.QueryRowContext(ctx, "select severity, count, pattern, source, category from incidents where id = $1", incidentID).
		Scan(&severity, &count, &pattern, &source, &category)
	if err != nil {
		return err
	}
	for _, w := range ways(false) {
		var told int
		if err := tx.QueryRowContext(ctx, "select count(*) from deliveries where incident = $1 and channel = $2", incidentID, w.name).Scan(&told); err != nil {
			return err
		}
		introduces := reason == "opened" || reason == "severity_raised"
		if told == 0 && (!introduces || severity < rank(w.minSeverity)) {
			continue
		}
		id := uuid.NewString()
		body := fmt.Sprintf(`{"type":"incident.%s","timestamp":"%d","data":{"delivery_id":%q,"reason":%q,"why":"","incident":`+
			`{"incident_id":%q,"severity":%q,"count":%d,"pattern":%s,"source":%s,"category":%q},"event":{"seq":%d,"context":%s}}}`,
			reason, notice, id, reason, incidentID, severities()[severity], count, quoted(pattern), quoted(source), category, seq, text)
		if m.nature == hasty && m.hurried.Add(1)%20 == 0 {
			m.send(ctx, w.name, id, body)
			return errHasty
		}
		_, err := tx.ExecContext(ctx, `insert into deliveries select coalesce(max(number), 0) + 1, $1, $2, $3, $4, $5, 'waiting', 0, $6 from deliveries`,
			id, incidentID, notice, reason, w.name, body)
		if err != nil {
			return err
		}
	}
	return nil
}

// deliver sends waiting messages until ctx ends.
func (m *miniature) deliver(ctx context.Context) {
	for ctx.Err() == nil {
		id, channel, body := m.claim(ctx)
		if id == "" { // PostgreSQL must be idle at times
			pause(ctx, 100*time.Millisecond)
			continue
		}
		ctx := context.WithoutCancel(ctx) // a begun delivery is finished
		key := id
		if m.nature == fickle {
			key = uuid.NewString()
			body = strings.ReplaceAll(body, id, key)
		}
		isDelivered := m.send(ctx, channel, key, body)
		if isDelivered && m.nature == stuttering {
			m.send(ctx, channel, key, body)
		}
		query := "update deliveries set lease = $2 where id = $1"
		if isDelivered || m.nature == mute {
			query = "update deliveries set status = 'delivered', lease = $2 where id = $1"
		}
		for range 100 {
			err := m.write(ctx, func(tx *sql.Tx) error {
				_, err := tx.ExecContext(ctx, query, id, time.Now().UnixMilli()+50)
				return err
			})
			if err == nil {
				break
			}
			pause(ctx, 50*time.Millisecond)
		}
	}
}

// claim takes the first waiting message; its id is "" if there is none.
func (m *miniature) claim(ctx context.Context) (id, channel, body string) {
	now := time.Now()
	var waiting int
	err := m.database.QueryRowContext(ctx, "select count(*) from deliveries where status = 'waiting' and lease < $1", now.UnixMilli()).Scan(&waiting)
	if err != nil || waiting == 0 {
		return "", "", ""
	}
	err = m.write(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `select id, channel, body from deliveries d where status = 'waiting' and lease < $1 and not exists
			(select 1 from deliveries e where e.incident = d.incident and e.channel = d.channel and e.notice < d.notice and e.status = 'waiting')
			order by number limit 1`, now.UnixMilli()).Scan(&id, &channel, &body)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "update deliveries set lease = $2 where id = $1", id, now.Add(sendTimeout+2*time.Second).UnixMilli())
		return err
	})
	if err != nil {
		return "", "", ""
	}
	return id, channel, body
}

// send sends a message and reports whether it was accepted.
func (m *miniature) send(ctx context.Context, channel, id, body string) bool {
	c := m.channels[channel]
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	signer, err := standardwebhooks.NewWebhook(c.Secret)
	if err != nil {
		panic(err)
	}
	now := time.Now()
	signature, err := signer.Sign(keyOf(id), now, []byte(body))
	if err != nil {
		panic(err)
	}
	request.Header.Set("webhook-id", keyOf(id))
	request.Header.Set("webhook-timestamp", strconv.FormatInt(now.Unix(), 10))
	request.Header.Set("webhook-signature", signature)
	for name, value := range c.Headers {
		request.Header.Set(name, value)
	}
	answer, err := m.client.Do(request)
	if err != nil {
		return false
	}
	_ = answer.Body.Close()
	return answer.StatusCode/100 == 2
}

// act acknowledges or resolves an incident.
func (m *miniature) act(w http.ResponseWriter, r *http.Request) {
	ctx, id := context.WithoutCancel(r.Context()), r.PathValue("id")
	what := map[string]string{"acknowledge": "acknowledged", "resolve": "resolved"}[r.PathValue("what")]
	status := http.StatusOK
	err := m.write(ctx, func(tx *sql.Tx) error {
		status = http.StatusOK
		var before, text string
		if err := tx.QueryRowContext(ctx, "select status from incidents where id = $1", id).Scan(&before); err != nil {
			return err
		}
		if before == what {
			return nil
		}
		if before == "resolved" {
			status = http.StatusConflict
			return nil
		}
		if _, err := tx.ExecContext(ctx, "update incidents set status = $2 where id = $1", id, what); err != nil {
			return err
		}
		if err := tx.QueryRowContext(ctx, "select json from events where incident = $1 order by seq desc limit 1", id).Scan(&text); err != nil {
			return err
		}
		var last event
		if err := json.Unmarshal([]byte(text), &last); err != nil {
			return err
		}
		return m.tell(ctx, tx, id, what, last.Seq, last.Context)
	})
	if err != nil {
		status = http.StatusServiceUnavailable
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "{}")
}

// list answers with a page of a table, the newest first.
func (m *miniature) list(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	columns := []string{"id", "incident", "reason", "channel", "status", "notice"}
	if name == "incidents" {
		columns = []string{"id", "grouped_by", "pattern", "source", "category", "status", "severity", "count"}
	}
	before, where := int64(1)<<62, ""
	if cursor := r.FormValue("cursor"); cursor != "" {
		before, _ = strconv.ParseInt(cursor, 10, 64)
	}
	if r.FormValue("status") != "" {
		where = " and status <> 'resolved'"
	}
	limit, _ := strconv.Atoi(r.FormValue("limit"))
	rows, err := m.database.QueryContext(r.Context(), "select number, "+strings.Join(columns, ", ")+" from "+name+
		" where number < $1"+where+" order by number desc limit $2", before, limit+1)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	defer func() { _ = rows.Close() }()
	var items []string
	next := "null"
	for last := int64(0); rows.Next(); {
		values := make([]any, len(columns)+1)
		into := make([]any, len(values))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		if len(items) == limit {
			next = fmt.Sprintf(`"%d"`, last)
			break
		}
		last, _ = values[0].(int64)
		items = append(items, miniatureItem(name, columns, values[1:]))
	}
	if err := rows.Err(); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	_, _ = fmt.Fprintf(w, `{%q:[%s],"next_cursor":%s}`, name, strings.Join(items, ","), next)
}

func miniatureItem(name string, columns []string, values []any) string {
	fields := make([]string, len(columns))
	for i, column := range columns {
		text := []byte(fmt.Sprint(values[i]))
		switch column {
		case "id":
			column = strings.TrimSuffix(name, "s") + "_id"
			if name == "deliveries" {
				column = "delivery_id"
			}
		case "incident":
			column = "incident_id"
		case "severity":
			at, _ := strconv.Atoi(string(text))
			text = []byte(severities()[at])
		}
		if !slices.Contains([]string{"notice", "count"}, column) {
			text = quoted(string(text))
		}
		fields[i] = fmt.Sprintf("%q:%s", column, text)
	}
	return "{" + strings.Join(fields, ",") + "}"
}

func (m *miniature) showChannels(w http.ResponseWriter, r *http.Request) {
	var items []string
	for _, way := range ways(false) {
		var n int
		err := m.database.QueryRowContext(r.Context(), "select count(*) from deliveries where channel = $1 and status = 'waiting'", way.name).Scan(&n)
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		items = append(items, fmt.Sprintf(`{"name":%q,"queue":%d,"breaker":"closed"}`, way.name, n))
	}
	_, _ = fmt.Fprintf(w, `{"channels":[%s]}`, strings.Join(items, ","))
}

func (m *miniature) metrics(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, lagMetric+" 0\n")
}

// deliverAll runs workers until ctx ends, and returns how to wait for them.
func (m *miniature) deliverAll(ctx context.Context) (wait func()) {
	var working sync.WaitGroup
	for range 8 {
		working.Go(func() { m.deliver(ctx) })
	}
	return working.Wait
}

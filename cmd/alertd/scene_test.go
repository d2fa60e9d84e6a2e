package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/channel"
	"alertd/internal/config"
	"alertd/internal/incident"
	"alertd/internal/store"
	"alertd/internal/store/storetest"
)

// scene is an alertd that a test talks to over HTTP, while time goes on as the test says. It
// has all that the program has, from the configuration to the database, but no sockets, and
// its channels lead to a postbox:
//
//	onBothStores(t, desk, func(t *testing.T, s *scene) {
//		s.post("feed", "error", "no prices")
//		s.hears("desk: opened 1")
//		s.passes(time.Hour)
//		...
//	})
//
// On SQLite it happens in a bubble of fake time, where an hour takes about a second. On
// PostgreSQL the database's clock is moved.
type scene struct {
	t       *testing.T
	db      storetest.Database
	toml    string
	postbox *postbox
	// alertd is the one that the scene is about; further ones come by replica.
	alertd *teller
	heard  int // how many messages of the postbox were told about
}

// teller is a running alertd of a scene.
type teller struct {
	*daemon
	scene *scene
	stop  func()
}

// desk is a configuration with one channel, which is told of everything.
const desk = `
[alerting]
enabled = true
min_severity = "info"
[alerting.channels.desk]
kind = "console"
enabled = true
min_severity = "info"
`

// onBothStores plays a scene on SQLite and on PostgreSQL. toml is the configuration, without
// the storage.
func onBothStores(t *testing.T, toml string, play func(t *testing.T, s *scene)) {
	t.Helper()
	t.Parallel()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) { play(t, newScene(t, storetest.SQLite(t), toml)) })
	})
	if storetest.Slow { // the engine's own tests have both databases under the race detector
		return
	}
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		play(t, newScene(t, storetest.PostgreSQL(t), toml))
	})
}

func newScene(t *testing.T, db storetest.Database, toml string) *scene {
	t.Helper()
	s := &scene{t: t, db: db, toml: toml, postbox: &postbox{}}
	s.alertd = s.replica()
	return s
}

// replica starts an alertd on the scene's database.
func (s *scene) replica() *teller {
	s.t.Helper()
	path := filepath.Join(s.t.TempDir(), "alertd.toml")
	require.NoError(s.t, os.WriteFile(path, []byte(s.toml), 0o600))
	loaded, err := config.Load(config.Options{Path: path})
	require.NoError(s.t, err)
	loaded.Storage.Driver, loaded.Storage.Path, loaded.Storage.DSN = s.db.Config.Driver, s.db.Config.Path, s.db.Config.DSN
	d, stop := runParts(s.t, loaded, s.postbox)
	s.idle()
	return &teller{d, s, stop}
}

// restart stops the scene's alertd and starts another one on what it left behind.
func (s *scene) restart() {
	s.t.Helper()
	s.alertd.stop()
	s.alertd = s.replica()
}

// runParts runs an alertd without sockets, whose channels lead to a postbox, until the test
// ends or stop is called.
func runParts(t *testing.T, loaded config.Config, box *postbox) (d *daemon, stop func()) {
	t.Helper()
	for n := range loaded.Channels {
		c := &loaded.Channels[n]
		_, err := c.Open(config.NewShared(io.Discard)) // its settings must do
		require.NoError(t, err)
		c.Open = func(config.Shared) (channel.Channel, error) { return phone{box, c.Policy.Name}, nil }
	}
	log, err := newDaemonLog(io.Discard, "error", "json")
	require.NoError(t, err)
	log.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	d, err = newDaemon(t.Context(), daemonConfig{loaded: loaded, log: log, shared: config.NewShared(io.Discard), ways: &ways{}})
	require.NoError(t, err)
	endLog, endEngine := background(t.Context(), d.store.Run), background(t.Context(), d.engine.Run)
	stop = sync.OnceFunc(func() {
		require.NoError(t, endEngine())
		require.NoError(t, d.engine.Close())
		require.NoError(t, endLog())
		require.NoError(t, d.store.Close())
		log.close()
	})
	t.Cleanup(stop)
	return d, stop
}

// inBubble reports whether the scene's time is fake.
func (s *scene) inBubble() bool { return s.db.Config.Driver == store.SQLite }

// idle waits in a bubble until all that can happen now has happened.
func (s *scene) idle() {
	if s.inBubble() {
		synctest.Wait()
	}
}

// passes lets time go on.
func (s *scene) passes(d time.Duration) {
	s.t.Helper()
	if s.inBubble() {
		time.Sleep(d) //nolint:forbidigo // in a bubble
		s.idle()
		return
	}
	s.db.Pass(s.t, d)
}

// comes waits until a condition holds: on SQLite for two minutes of fake time at most, on
// PostgreSQL for one of real time.
func (s *scene) comes(condition func() bool, message string, args ...any) {
	s.t.Helper()
	deadline, step := time.Now().Add(time.Minute), 20*time.Millisecond
	if s.inBubble() {
		deadline, step = time.Now().Add(2*time.Minute), 200*time.Millisecond
	}
	for !condition() {
		require.True(s.t, time.Now().Before(deadline), message, args)
		time.Sleep(step) //nolint:forbidigo // in a bubble, or in a loop
		s.idle()
	}
}

// do makes a request with a body, if it is not "", and returns the answer.
func (a *teller) do(method, path, body string) answer {
	a.scene.t.Helper()
	request := httptest.NewRequestWithContext(a.scene.t.Context(), method, path, strings.NewReader(body))
	recorder := httptest.NewRecorder()
	a.api.Handler().ServeHTTP(recorder, request)
	a.scene.idle()
	return answer{recorder.Code, recorder.Header(), recorder.Body.String()}
}

// ask makes a request that must succeed, and decodes the answer.
func (a *teller) ask(method, path, body string, into any) {
	a.scene.t.Helper()
	got := a.do(method, path, body)
	require.Contains(a.scene.t, []int{http.StatusOK, http.StatusCreated}, got.status, "%s %s: %s", method, path, got.body)
	got.into(a.scene.t, into)
}

// get is ask for reading.
func (a *teller) get(path string, into any) {
	a.scene.t.Helper()
	a.ask(http.MethodGet, path, "", into)
}

// post registers an alert, and waits until it is folded. more are further members of its
// JSON, such as "resolves":true.
func (a *teller) post(source, severity, message string, more ...string) {
	s := a.scene
	s.t.Helper()
	members := append([]string{fmt.Sprintf(`"severity":%q,"category":"risk_limit","source":%q,"message":%q`, severity, source, message)}, more...)
	var event struct {
		ID  string `json:"event_id"`
		Seq int64
	}
	a.ask(http.MethodPost, "/alerts", "{"+strings.Join(members, ",")+"}", &event)
	s.comes(func() bool {
		folded, err := a.engineAt()
		require.NoError(s.t, err)
		return folded >= event.Seq
	}, "event %d is not folded", event.Seq)
}

// engineAt returns the number of the last event that was folded.
func (a *teller) engineAt() (seq int64, err error) {
	err = a.scene.db.SQL.QueryRowContext(a.scene.t.Context(), `SELECT seq FROM log_cursors WHERE name = 'engine'`).Scan(&seq)
	return seq, err
}

// post registers an alert with the scene's alertd.
func (s *scene) post(source, severity, message string, more ...string) {
	s.t.Helper()
	s.alertd.post(source, severity, message, more...)
}

// hears waits until the channels have got these messages since it was asked last, in whatever
// order, and nothing else, and until nothing more waits to be sent. A message is named as
// "CHANNEL: REASON NUMBER", by the incident's number, or as "CHANNEL: digest of COUNT".
func (s *scene) hears(want ...string) {
	s.t.Helper()
	var got []string
	s.comes(func() bool {
		got = got[:0]
		for _, m := range s.messages() {
			got = append(got, m.String())
		}
		return len(got) >= len(want) && !s.sending()
	}, "not told in time: want %v", want)
	require.ElementsMatch(s.t, want, got)
	s.heard += len(got)
}

// messages returns the messages that were not told about yet.
func (s *scene) messages() []told {
	s.postbox.mu.Lock()
	defer s.postbox.mu.Unlock()
	return append([]told{}, s.postbox.got[s.heard:]...)
}

// sending reports whether something is to be sent now, or its outcome to be recorded.
func (s *scene) sending() bool {
	var page struct{ Deliveries []json.RawMessage }
	s.alertd.get("/deliveries?limit=1&status=waiting&status=sending", &page)
	return len(page.Deliveries) > 0
}

// String names a message for [scene.hears].
func (m told) String() string {
	if digest := m.n.Notice.Digest; digest != nil {
		return fmt.Sprintf("%s: digest of %d", m.channel, digest.Incidents)
	}
	return fmt.Sprintf("%s: %s %d", m.channel, m.n.Notice.Reason, m.n.Notice.Incident.Number)
}

// incident returns the id of the incident with a number.
func (s *scene) incident(number int) (id string) {
	s.t.Helper()
	var page struct {
		Incidents []struct {
			ID     string `json:"incident_id"`
			Number int
		}
	}
	s.alertd.get("/incidents?limit=1000", &page)
	for _, i := range page.Incidents {
		if i.Number == number {
			return i.ID
		}
	}
	require.Fail(s.t, "there is no such incident", "%d in %v", number, page)
	return ""
}

// tables returns all that the database holds, except when alertd looked at it last.
func (s *scene) tables() map[string][]string {
	s.t.Helper()
	names := `SELECT name FROM sqlite_master WHERE type = 'table'`
	if !s.inBubble() {
		names = `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'`
	}
	all := map[string][]string{}
	for _, table := range s.rows(names) {
		if table != "probe" && table != "channel_records" {
			all[table] = s.rows(`SELECT * FROM ` + table)
			slices.Sort(all[table])
		}
	}
	require.NotEmpty(s.t, all["events"])
	return all
}

// rows returns the rows that a query finds, each as a text.
func (s *scene) rows(query string) (texts []string) {
	s.t.Helper()
	found, err := s.db.SQL.QueryContext(s.t.Context(), query)
	require.NoError(s.t, err)
	defer func() { require.NoError(s.t, found.Close()) }()
	columns, err := found.Columns()
	require.NoError(s.t, err)
	for found.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		require.NoError(s.t, found.Scan(into...))
		texts = append(texts, strings.TrimSuffix(fmt.Sprintln(values...), "\n"))
	}
	require.NoError(s.t, found.Err())
	return texts
}

// next waits for one message, and returns its notice.
func (s *scene) next(want string) incident.Notice {
	s.t.Helper()
	return s.nextMessage(want).Notice
}

// nextMessage waits for one message.
func (s *scene) nextMessage(want string) channel.Notification {
	s.t.Helper()
	s.hears(want)
	s.postbox.mu.Lock()
	defer s.postbox.mu.Unlock()
	return s.postbox.got[s.heard-1].n
}

// now is the time that everything goes by.
func (s *scene) now() time.Time {
	if s.inBubble() {
		return time.Now()
	}
	var micros int64
	require.NoError(s.t, s.db.SQL.QueryRowContext(s.t.Context(), `SELECT alertd_now()`).Scan(&micros))
	return time.UnixMicro(micros)
}

// numbered returns the number of the latest incident of a source.
func (s *scene) numbered(source string) int {
	s.t.Helper()
	var page struct{ Incidents []struct{ Number int } }
	s.alertd.get("/incidents?limit=1&source="+source, &page)
	require.NotEmpty(s.t, page.Incidents)
	return page.Incidents[0].Number
}

package engine_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/delivery"
	"alertd/internal/engine"
	"alertd/internal/incident"
	"alertd/internal/pgtest"
	"alertd/internal/store"
	"alertd/internal/store/storetest"
	"alertd/internal/store/work"
)

// TestMain runs more tests at once than there are processors: on PostgreSQL they wait most
// of the time.
func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", "6"); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(pgtest.Main(m))
}

// meter counts what an engine does.
type meter struct {
	mu       sync.Mutex
	finished map[string]int // by channel and status
	attempts int
	unworded int // template failures
}

func (*meter) Configure([]string)      {}
func (*meter) Opened(int)              {}
func (*meter) Noticed(incident.Reason) {}
func (*meter) HeldBack(string)         {}

func (m *meter) TemplateFailed(string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.unworded++
}

func (m *meter) Attempted(string, channel.Outcome, time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.attempts++
}

func (m *meter) Finished(name string, status delivery.Status) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.finished[name+" "+status.String()]++
}

func (m *meter) count(what string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.finished[what]
}

// message is one that a receiver was sent.
type message struct {
	at       time.Time
	n        channel.Notification
	outcome  channel.Outcome
	finished time.Time
}

// receiver is a channel in memory, whose answers a test chooses.
type receiver struct {
	name string

	mu     sync.Mutex
	got    []message
	answer func(ctx context.Context, n channel.Notification) channel.Result
	closed bool
}

func newReceiver(name string) *receiver { return &receiver{name: name} }

func (r *receiver) Send(ctx context.Context, n channel.Notification) channel.Result {
	m := message{at: time.Now(), n: n}
	r.mu.Lock()
	answer := r.answer
	r.mu.Unlock()
	result := channel.Result{Outcome: channel.Delivered, Thread: "thread " + n.Key}
	if answer != nil {
		result = answer(ctx, n)
	}
	m.outcome, m.finished = result.Outcome, time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, m)
	return result
}

func (r *receiver) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	return nil
}

// answers chooses how the receiver answers from now on; nil: it takes everything.
func (r *receiver) answers(f func(ctx context.Context, n channel.Notification) channel.Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

// always is an answer that is the same for everything.
func always(result channel.Result) func(context.Context, channel.Notification) channel.Result {
	return func(context.Context, channel.Notification) channel.Result { return result }
}

var (
	down    = always(channel.Result{Outcome: channel.Transient, Code: 503, Error: "answered 503 Service Unavailable"})
	refuses = always(channel.Result{Outcome: channel.Permanent, Code: 400, Error: "answered 400 Bad Request"})
)

func (r *receiver) messages() []message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

// told returns what was delivered, as "number reason", in the order in which it came.
func (r *receiver) told() []string {
	var texts []string
	for _, m := range r.messages() {
		if m.outcome == channel.Delivered {
			texts = append(texts, fmt.Sprintf("%d %s", m.n.Notice.Incident.Number, m.n.Notice.Reason))
		}
	}
	return texts
}

// channel returns the settings of a channel that sends to the receiver.
func (r *receiver) channel(changes ...func(p *delivery.Policy)) engine.Channel {
	p := delivery.DefaultPolicy()
	p.Name, p.Kind, p.Enabled, p.Retry.Jitter = r.name, "test", true, false
	for _, change := range changes {
		change(&p)
	}
	return engine.Channel{Policy: p, Config: r.name, Open: func() (channel.Channel, error) { return r, nil }}
}

// place is a database of a test's own: an SQLite file, in a bubble of fake time, or one of
// PostgreSQL, in real time.
type place struct {
	storetest.Database
	running atomic.Int32 // alertds
}

// story runs a test on SQLite, in a bubble whose time goes on when nothing else does.
func story(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, f)
}

// onBoth runs a test on SQLite and on PostgreSQL.
func onBoth(t *testing.T, f func(t *testing.T, p *place)) {
	t.Helper()
	t.Parallel()
	t.Run("SQLite", func(t *testing.T) { story(t, func(t *testing.T) { f(t, &place{Database: storetest.SQLite(t)}) }) })
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		f(t, &place{Database: storetest.PostgreSQL(t)})
	})
}

// inBubble reports whether the place's time is fake.
func (p *place) inBubble() bool { return p.Config.Driver == store.SQLite }

// refuse has the database refuse rows that meet a condition, until the returned function
// is called. event is INSERT or UPDATE.
func (p *place) refuse(t *testing.T, event, table, condition string) (allow func()) {
	t.Helper()
	if p.inBubble() {
		p.Exec(t, `CREATE TRIGGER refused BEFORE `+event+` ON `+table+` WHEN `+condition+` BEGIN SELECT RAISE(ABORT, 'refused by the test'); END`)
		return func() { p.Exec(t, `DROP TRIGGER refused`) }
	}
	p.Exec(t, `CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused by the test'; END $$`)
	p.Exec(t, `CREATE TRIGGER refused BEFORE `+event+` ON `+table+` FOR EACH ROW WHEN (`+condition+`) EXECUTE FUNCTION refuse()`)
	return func() { p.Exec(t, `DROP TRIGGER refused ON `+table) }
}

// pass lets time go on. On PostgreSQL the database's clock is moved.
func (p *place) pass(t *testing.T, d time.Duration) {
	t.Helper()
	if p.inBubble() {
		wait(d)
		return
	}
	if p.running.Load() > 0 {
		p.Pass(t, d)
	} else {
		p.Advance(t, d)
	}
}

// comes reports whether a condition comes to hold: on SQLite within two minutes of fake
// time, on PostgreSQL within one of real time.
func (p *place) comes(condition func() bool) bool {
	deadline, step := time.Now().Add(time.Minute), 20*time.Millisecond
	if p.inBubble() {
		deadline, step = time.Now().Add(2*time.Minute), 200*time.Millisecond
	}
	for !condition() {
		if time.Now().After(deadline) {
			return false
		}
		p.wait(step)
	}
	return true
}

// wait waits for some time of the test's own clock.
func (p *place) wait(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // in a bubble, or in a loop
	p.idle()
}

// idle waits in a bubble until all that can happen now has happened.
func (p *place) idle() {
	if p.inBubble() {
		synctest.Wait()
	}
}

// daemon is an alertd without its HTTP side.
type daemon struct {
	*alerting.Manager
	Engine *engine.Engine
	Store  *store.Store
	Work   *work.Work
	Meter  *meter

	t        *testing.T
	place    *place
	settings engine.Settings
	stop     func()
	raised   atomic.Int64 // alerts of its own
}

// start starts an alertd on an SQLite file of its own.
func start(t *testing.T, channels ...engine.Channel) *daemon {
	t.Helper()
	return (&place{Database: storetest.SQLite(t)}).start(t, channels...)
}

// start starts an alertd on the place.
func (p *place) start(t *testing.T, channels ...engine.Channel) *daemon {
	t.Helper()
	d := &daemon{t: t, place: p}
	d.settings = engine.Settings{Enabled: true, RepeatInterval: 10 * time.Minute, PublicURL: "https://alertd.example.com", Channels: channels}
	d.start()
	return d
}

// start starts alertd on what it left behind.
func (d *daemon) start() {
	t := d.t
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
	config := d.place.Config
	config.Logger = log
	s, err := store.Open(t.Context(), config)
	require.NoError(t, err)
	d.Store, d.Work, d.Meter = s, work.New(s), &meter{finished: map[string]int{}}
	d.Engine, err = engine.New(engine.Config{
		Store: s, Work: d.Work, Meter: d.Meter, Logger: log,
		Raise: func(ctx context.Context, a alerting.Alert) error {
			d.raised.Add(1)
			_, err := d.Register(ctx, a)
			return err
		},
	}, d.settings)
	require.NoError(t, err)
	alertingConfig := alerting.DefaultConfig()
	alertingConfig.Enabled = d.settings.Enabled
	d.Manager, err = alerting.OpenManager(t.Context(), alertingConfig, d.Engine, s)
	require.NoError(t, err)
	endStore, endEngine := background(t, s.Run), background(t, d.Engine.Run)
	d.place.running.Add(1)
	d.stop = sync.OnceFunc(func() {
		d.place.running.Add(-1)
		require.NoError(t, endEngine())
		require.NoError(t, d.Engine.Close())
		require.NoError(t, endStore())
		require.NoError(t, s.Close())
	})
	t.Cleanup(d.stop)
	d.place.idle()
}

func background(t *testing.T, run func(context.Context) error) (end func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	return func() error {
		cancel()
		return <-ended
	}
}

// enable turns alerting on or off, as a reload does.
func (d *daemon) enable(on bool) {
	d.t.Helper()
	d.settings.Enabled = on
	d.reconfigure()
	config := d.Config()
	config.Enabled = on
	require.NoError(d.t, d.Reconfigure(config))
}

func (d *daemon) reconfigure() {
	d.t.Helper()
	require.NoError(d.t, d.Engine.Reconfigure(d.settings))
}

// post registers an alert of var_gate.
func (d *daemon) post(severity alerting.Severity, message string) {
	d.t.Helper()
	_, err := d.Register(d.t.Context(), alerting.Alert{
		Severity: severity, Category: alerting.CategoryRiskLimit, Source: "var_gate", Message: message,
	})
	require.NoError(d.t, err)
	if d.place.inBubble() {
		wait(time.Millisecond)
	}
}

// wait lets time go on, and everything happen that is due meanwhile.
func wait(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // in a bubble
	synctest.Wait()
}

// incident returns the incident with a number.
func (d *daemon) incident(number incident.Number) incident.Incident {
	d.t.Helper()
	page, err := d.Work.Incidents(d.t.Context(), incident.Query{Before: number + 1, Limit: 1})
	require.NoError(d.t, err)
	require.Len(d.t, page.Incidents, 1)
	require.Equal(d.t, number, page.Incidents[0].Number)
	return page.Incidents[0]
}

func (d *daemon) acknowledge(number incident.Number, by string) {
	d.t.Helper()
	_, err := d.Engine.Acknowledge(d.t.Context(), d.incident(number).ID, incident.Action{By: by})
	require.NoError(d.t, err)
	d.place.idle()
}

// resolve resolves the first incident.
func (d *daemon) resolve(by string) {
	d.t.Helper()
	_, err := d.Engine.Resolve(d.t.Context(), d.incident(1).ID, incident.Action{By: by, Note: "done"})
	require.NoError(d.t, err)
	d.place.idle()
}

// timeline returns an incident's entries as "kind: reason".
func (d *daemon) timeline(number incident.Number) []string {
	d.t.Helper()
	entries, err := d.Work.Timeline(d.t.Context(), d.incident(number).ID)
	require.NoError(d.t, err)
	var lines []string
	for _, e := range entries {
		lines = append(lines, string(e.Kind)+": "+e.Reason)
	}
	return lines
}

// deliveries returns all deliveries, the first planned first.
func (d *daemon) deliveries() []delivery.Delivery {
	d.t.Helper()
	page, err := d.Work.Deliveries(d.t.Context(), delivery.Query{Limit: 1000})
	require.NoError(d.t, err)
	slices.Reverse(page.Deliveries)
	return page.Deliveries
}

// delivery returns the delivery that was planned after n others, the zero value if there
// is none yet.
func (d *daemon) delivery(n int) delivery.Delivery {
	d.t.Helper()
	if all := d.deliveries(); n < len(all) {
		return all[n]
	}
	return delivery.Delivery{}
}

// statuses returns how far each delivery has come, as "channel reason status".
func (d *daemon) statuses() []string {
	d.t.Helper()
	var lines []string
	for _, x := range d.deliveries() {
		lines = append(lines, fmt.Sprintf("%s %s %s", x.Channel, x.Reason, x.Status))
	}
	return lines
}

// channel returns how the channel desk does.
func (d *daemon) channel() delivery.ChannelStatus {
	d.t.Helper()
	all, err := d.Engine.Channels(d.t.Context())
	require.NoError(d.t, err)
	i := slices.IndexFunc(all, func(c delivery.ChannelStatus) bool { return c.Name == "desk" })
	require.GreaterOrEqual(d.t, i, 0)
	return all[i]
}

// own returns the messages of the incidents about alertd itself, the first opened first.
func (d *daemon) own() []string {
	d.t.Helper()
	page, err := d.Work.Incidents(d.t.Context(), incident.Query{Sources: []string{alerting.OwnSource}, Limit: 100})
	require.NoError(d.t, err)
	var messages []string
	for _, i := range page.Incidents {
		messages = append(messages, i.Message)
	}
	slices.Reverse(messages)
	return messages
}

// untilTold waits until a receiver was told all this, in whatever order, and nothing else,
// and until that is recorded.
func (d *daemon) untilTold(r *receiver, want ...string) {
	d.t.Helper()
	d.place.comes(func() bool {
		return len(r.told()) >= len(want) &&
			!slices.ContainsFunc(d.deliveries(), func(x delivery.Delivery) bool { return x.Status == delivery.Sending })
	})
	require.ElementsMatch(d.t, want, r.told(), "%s; deliveries: %v", r.name, d.deliveries())
}

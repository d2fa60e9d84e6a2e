package watchdog_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/channel/outbound"
	"alertd/internal/watchdog"
)

// outside is the service that hears the watchdog. It runs outside of the test's time.
type outside struct {
	url    string
	status atomic.Int32 // what it answers; 0: 200

	mu     sync.Mutex
	bodies []string
}

func listen(tb testing.TB) *outside {
	tb.Helper()
	o := &outside{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		o.mu.Lock()
		o.bodies = append(o.bodies, r.Method+" "+r.Header.Get("Content-Type")+" "+string(body))
		o.mu.Unlock()
		if status := int(o.status.Load()); status != 0 {
			w.Header().Set("Location", "https://elsewhere.example.com/")
			w.WriteHeader(status)
		}
	}))
	server.Config.SetKeepAlivesEnabled(false) // an idle connection would keep the time from going on
	server.Start()
	tb.Cleanup(server.Close)
	o.url = server.URL + "/ping/s3cr3t-path"
	return o
}

// heard returns what has come since it was asked last.
func (o *outside) heard() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	heard := o.bodies
	o.bodies = nil
	return heard
}

// dog is a watchdog at work, in the test's time. It looks at whole seconds, and parts make
// progress between them.
type dog struct {
	*watchdog.Watchdog
	fold, timers atomic.Uint64
	stuck        atomic.Bool // the fold makes no progress
	log          logText
}

// logText is a log that a test can read while it is written.
type logText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// keep runs f beside a watchdog whose parts make progress every second.
func keep(t *testing.T, config watchdog.Config, f func(t *testing.T, d *dog)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := &dog{}
		d.Watchdog = watchdog.New([]watchdog.Proof{{Name: "fold", Progress: d.fold.Load}, {Name: "timers", Progress: d.timers.Load}},
			slog.New(slog.NewTextHandler(&d.log, nil)))
		d.use(t, config)
		ctx, cancel := context.WithCancel(t.Context())
		var parts sync.WaitGroup
		parts.Go(func() { require.NoError(t, d.Run(ctx)) })
		parts.Go(func() {
			for after(half); ctx.Err() == nil; after(time.Second) {
				d.timers.Add(1)
				if !d.stuck.Load() {
					d.fold.Add(1)
				}
			}
		})
		after(half / 2)
		f(t, d)
		cancel()
		parts.Wait()
	})
}

func (d *dog) use(tb testing.TB, config watchdog.Config) {
	tb.Helper()
	use, err := d.Prepare(config)
	require.NoError(tb, err)
	use()
}

// after lets time go by, which takes none.
func after(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // in a bubble
}

const half = 500 * time.Millisecond

func TestItSendsWhileEverythingMakesProgress(t *testing.T) {
	o := listen(t)
	keep(t, watchdog.Config{URL: o.url, Every: time.Minute}, func(t *testing.T, d *dog) {
		require.Zero(t, d.LastSent())
		after(2 * time.Second)
		require.Equal(t, []string{`POST application/json {"status":"ok","at":"2000-01-01T00:00:01.000000Z","missing_since_last":[]}`}, o.heard())
		require.NoError(t, d.Ready())
		after(time.Minute)
		require.Equal(t, []string{`POST application/json {"status":"ok","at":"2000-01-01T00:01:01.000000Z","last":"2000-01-01T00:00:01.000000Z","missing_since_last":[]}`}, o.heard())
		after(10 * time.Minute)
		require.Len(t, o.heard(), 10)
		require.Equal(t, time.Date(2000, 1, 1, 0, 11, 1, 0, time.UTC), d.LastSent().UTC())
	})
}

func TestAPartThatIsStuckWithholdsTheMessage(t *testing.T) {
	o := listen(t)
	keep(t, watchdog.Config{URL: o.url, Every: time.Minute}, func(t *testing.T, d *dog) {
		after(2 * time.Second)
		require.Len(t, o.heard(), 1)
		d.stuck.Store(true)
		after(time.Minute)
		require.Len(t, o.heard(), 1, "it had made progress since the one before")
		require.NoError(t, d.Ready())

		after(time.Hour)
		require.Empty(t, o.heard())
		require.EqualError(t, d.Ready(), "nothing is sent to the watchdog: no progress of fold")
		require.Equal(t, 1, bytes.Count([]byte(d.log.String()), []byte("withheld")), "it is logged once")

		d.stuck.Store(false)
		after(3 * time.Second)
		heard := o.heard()
		require.Len(t, heard, 1, "it comes as soon as nothing is missing")
		require.Contains(t, heard[0], `"last":"2000-01-01T00:01:01.000000Z","missing_since_last":["fold"]`)
		require.NoError(t, d.Ready())
		after(time.Minute)
		require.Contains(t, o.heard()[0], `"missing_since_last":[]`)
	})
}

func TestAStartIsNotLateYet(t *testing.T) {
	o := listen(t)
	keep(t, watchdog.Config{URL: o.url, Every: time.Minute}, func(t *testing.T, d *dog) {
		d.stuck.Store(true)
		after(59 * time.Second)
		require.NoError(t, d.Ready())
		after(2 * time.Second)
		require.Error(t, d.Ready())
		require.Empty(t, o.heard())
	})
}

func TestAServiceThatIsAwayIsTriedAgainSoon(t *testing.T) {
	o := listen(t)
	o.status.Store(http.StatusServiceUnavailable)
	keep(t, watchdog.Config{URL: o.url, Every: time.Minute}, func(t *testing.T, d *dog) {
		after(12 * time.Second)
		require.Len(t, o.heard(), 3)
		require.NoError(t, d.Ready(), "alertd works")
		require.Zero(t, d.LastSent())
		o.status.Store(0)
		after(5 * time.Second)
		require.Len(t, o.heard(), 1)
		after(30 * time.Second)
		require.Empty(t, o.heard())
		require.Equal(t, 1, bytes.Count([]byte(d.log.String()), []byte("not delivered")))
		require.Equal(t, 1, bytes.Count([]byte(d.log.String()), []byte("delivered again")))
		require.NotContains(t, d.log.String(), "s3cr3t")
	})
}

func TestARedirectIsNoArrivalAndIsNotFollowed(t *testing.T) {
	o := listen(t)
	o.status.Store(http.StatusFound)
	keep(t, watchdog.Config{URL: o.url, Every: time.Minute}, func(t *testing.T, d *dog) {
		after(2 * time.Second)
		require.Len(t, o.heard(), 1)
		require.Zero(t, d.LastSent())
		require.Contains(t, d.log.String(), "a redirect that is not followed")
		require.NotContains(t, d.log.String(), "s3cr3t")
	})
}

func TestAReloadChangesWhereAndHowOften(t *testing.T) {
	first, second := listen(t), listen(t)
	keep(t, watchdog.Config{}, func(t *testing.T, d *dog) {
		after(24 * time.Hour)
		require.NoError(t, d.Ready(), "it has nothing to send")
		d.use(t, watchdog.Config{URL: first.url, Every: time.Minute})
		after(2 * time.Second)
		require.Len(t, first.heard(), 1)
		d.use(t, watchdog.Config{URL: first.url, Every: time.Minute})
		after(2 * time.Second)
		require.Empty(t, first.heard(), "nothing has changed")
		d.use(t, watchdog.Config{URL: second.url, Every: time.Hour})
		after(time.Hour)
		require.Empty(t, first.heard())
		require.Len(t, second.heard(), 1)
		d.stuck.Store(true)
		after(3 * time.Hour)
		require.Error(t, d.Ready())
		d.use(t, watchdog.Config{})
		after(time.Hour)
		require.NoError(t, d.Ready())
	})
}

func TestAWrongConfigurationIsRefused(t *testing.T) {
	d := watchdog.New(nil, slog.New(slog.DiscardHandler))
	for name, test := range map[string]struct {
		config watchdog.Config
		want   string
	}{
		"no URL":   {watchdog.Config{URL: "s3cr3t", Every: time.Minute}, "url: the value (not shown) is not allowed, must be a URL with http or https and a host, such as https://example.com/path"},
		"no time":  {watchdog.Config{URL: "https://example.com"}, "every: must be more than 0"},
		"no proxy": {watchdog.Config{Outbound: outbound.Config{Proxy: "s3cr3t"}}, "proxy: must be the URL of a proxy such as http://proxy.example.com:3128, with http, https or socks5"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := d.Prepare(test.config)
			require.EqualError(t, err, test.want)
		})
	}
}

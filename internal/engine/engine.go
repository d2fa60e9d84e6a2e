package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/delivery"
	"alertd/internal/heartbeat"
	"alertd/internal/incident"
	"alertd/internal/routing"
	"alertd/internal/store"
	"alertd/internal/store/work"
	"alertd/internal/template"
)

const (
	// defaultPatience is how long attempts under way may take to finish when the engine
	// ends.
	defaultPatience = 15 * time.Second
	// impatience is how long an attempt may go on after it was told to end.
	impatience = time.Second
)

// Meter counts what the engine does. Its methods are called often and must not block.
type Meter interface {
	// Configure says which channels are on.
	Configure(channels []string)
	// Attempted counts an attempt by its outcome.
	Attempted(channel string, outcome channel.Outcome, took time.Duration)
	// Finished counts a delivery that has failed or was superseded.
	Finished(channel string, status delivery.Status)
	// Opened counts incidents that were opened.
	Opened(incidents int)
	// Noticed counts notices by their reason.
	Noticed(reason incident.Reason)
	// HeldBack counts what was held back, by the reason: see [routing.HeldReasons].
	HeldBack(reason string)
	// TemplateFailed counts an attempt with the built-in words, because a template has failed.
	TemplateFailed(channel string)
}

// Config is what an engine needs. All fields are required unless they say otherwise.
type Config struct {
	Store *store.Store
	Work  *work.Work
	// Retention is how long incidents are kept after they were resolved; 0: for good.
	Retention time.Duration
	// Raise registers an alert of alertd's own. An alert whose id is known is no error.
	Raise  func(ctx context.Context, alert alerting.Alert) error
	Meter  Meter
	Logger *slog.Logger
}

// Settings are what can be changed while the engine runs.
type Settings struct {
	// Enabled says whether anything is sent. If not, events are still folded, and messages
	// wait.
	Enabled bool
	// RepeatInterval is the time between two updates about an incident that grows.
	RepeatInterval time.Duration
	// IdentifyBy names members of a context that say what an event is about: see
	// [incident.GroupBy].
	IdentifyBy []string
	// Patience bounds how long attempts under way may take to finish when the engine
	// ends; 0 stands for 15 s.
	Patience time.Duration
	// PublicURL is where people reach alertd, without a slash at the end; may be empty.
	PublicURL string
	Channels  []Channel
	// RouteTemplates are how messages of a route are worded, by its name. They come before
	// those of the channel.
	RouteTemplates map[string]template.Spec
	// Routing says who is told of what, and when not.
	Routing routing.Settings
	// Heartbeats are the components that must be heard of.
	Heartbeats []heartbeat.Spec
}

// Channel is a configured channel.
type Channel struct {
	Policy delivery.Policy
	// Config holds the settings for Open. A channel whose Policy and Config have not changed
	// stays open.
	Config any
	// Open makes the channel. It is called only if the channel is on.
	Open func() (channel.Channel, error)
	// Template is how the messages are worded.
	Template template.Spec
}

// Engine folds and delivers. Safe for concurrent use.
type Engine struct {
	store *store.Store
	work  *work.Work
	raise func(ctx context.Context, alert alerting.Alert) error
	meter Meter
	log   *slog.Logger

	retention time.Duration

	changing sync.Mutex // held while the settings change
	current  atomic.Pointer[state]
	stands   atomic.Pointer[stood] // what stood when a turn looked last
	retired  sync.WaitGroup        // channels that are being closed

	folding   bell // there may be events to fold
	claiming  bell // there may be deliveries to claim
	timers    bell // a timer is set that runs out soon
	reporting bell // a delivery has failed
	sweeping  bell // the channels have changed
	hearing   bell // what is to be heard has changed
	outcomes  chan done
	sends     sync.WaitGroup

	stopping sync.Mutex    // held while a send begins
	stopped  bool          // none does any more
	ended    chan struct{} // closed when nothing is recorded any more

	// Of the fold's goroutine:
	cursor       alerting.Seq // the last event folded; 0: to be asked for
	batch        int          // how many events it folds at once
	tallied      bool         // all events up to there are counted by their time
	foldFailures int          // how often the next event alone could not be folded
	// Of the timers' goroutine:
	timerBatch int
	postponed  map[string]error // timers that could not be handled since one could be
	// Of the reports' goroutine:
	unreadable []store.Unreadable // rows about which no alert is raised yet
	// Of the channels' goroutine:
	noted *state    // whose channels are noted in the database
	swept time.Time // when it looked first for channels that are gone; the database's time

	folds, timing, recording check
	claims                   atomic.Uint64 // rounds of the channels that went well
	hears                    atomic.Bool   // it was noted since the start that alertd hears
	onTime                   atomic.Int64  // when all timers had been handled last, in nanoseconds since 1970

	retried struct { // channels whose retry settings have changed since what waits went by them
		sync.Mutex
		channels map[string]delivery.Retry
	}

	// sending ends what is being sent; it is set before anything is.
	sending context.Context //nolint:containedctx // it is the engine's own
	hurry   context.CancelFunc
}

// state holds the settings in force and the channels that are open. It does not change.
type state struct {
	settings Settings
	policies []delivery.Policy // by name
	rules    *routing.Rules
	wording  wording
	outlets  map[string]*outlet
}

// New opens the channels that are on and returns an engine that does not run yet.
// [Engine.Close] closes it, also if it never ran.
func New(config Config, settings Settings) (*Engine, error) {
	if config.Store == nil || config.Work == nil || config.Raise == nil || config.Meter == nil || config.Logger == nil {
		return nil, errors.New("engine: Store, Work, Raise, Meter and Logger are required")
	}
	e := &Engine{
		store: config.Store, work: config.Work, raise: config.Raise, meter: config.Meter, log: config.Logger, retention: config.Retention,
		batch: foldBatch, timerBatch: timerBatch, folding: newBell(), claiming: newBell(), timers: newBell(), reporting: newBell(), sweeping: newBell(), hearing: newBell(),
		outcomes: make(chan done, 256), ended: make(chan struct{}),
		folds:     check{log: config.Logger, task: "fold", failing: "events are not folded into incidents"},
		timing:    check{log: config.Logger, task: "timers", failing: "timers are not handled"},
		recording: check{log: config.Logger, task: "record", failing: "the outcomes of messages are not recorded"},
	}
	e.retried.channels = map[string]delivery.Retry{}
	e.postponed = map[string]error{}
	e.onTime.Store(time.Now().UnixNano())
	e.sending, e.hurry = context.WithCancel(context.Background())
	e.current.Store(&state{})
	if err := e.Reconfigure(settings); err != nil {
		return nil, err
	}
	return e, nil
}

// Reconfigure puts new settings into force. If a channel cannot be opened, the old ones
// stay. Attempts under way are not interrupted.
func (e *Engine) Reconfigure(settings Settings) error {
	e.changing.Lock()
	defer e.changing.Unlock()
	before := e.current.Load()
	next := &state{settings: settings, outlets: make(map[string]*outlet, len(settings.Channels))}
	for _, c := range settings.Channels {
		next.policies = append(next.policies, c.Policy)
	}
	slices.SortFunc(next.policies, func(a, b delivery.Policy) int { return strings.Compare(a.Name, b.Name) })
	var err error
	if next.rules, err = routing.Compile(settings.Routing, next.policies, settings.RepeatInterval, settings.IdentifyBy); err != nil {
		return err
	}
	if next.wording, err = newWording(settings); err != nil {
		return err
	}
	var opened []*outlet
	for _, c := range settings.Channels {
		if same := before.outlets[c.Policy.Name]; same != nil && same.isLike(c) {
			next.outlets[c.Policy.Name] = same
			continue
		}
		if !c.Policy.Enabled {
			continue
		}
		fresh, err := e.open(c)
		if err != nil {
			for _, o := range opened {
				err = errors.Join(err, o.sender.Close())
			}
			return fmt.Errorf("open channel %s: %w", c.Policy.Name, err)
		}
		opened = append(opened, fresh)
		next.outlets[c.Policy.Name] = fresh
	}
	e.current.Store(next)
	e.noteRetries(before, next)
	e.meter.Configure(slices.Sorted(maps.Keys(next.outlets)))
	for name, o := range before.outlets {
		if next.outlets[name] != o {
			e.retire(o)
		}
	}
	e.claiming.ring()
	e.timers.ring()
	e.sweeping.ring()
	e.hearing.ring()
	return nil
}

// retire closes a channel once its attempts have ended.
func (e *Engine) retire(o *outlet) {
	e.retired.Go(func() {
		o.close()
		if err := o.sender.Close(); err != nil {
			e.log.Warn("channel not closed properly", "channel", o.policy.Name, "error", err)
		}
	})
}

// Dispatch implements alerting.Dispatcher: there is an event to fold.
func (e *Engine) Dispatch(*alerting.Event) { e.folding.ring() }

// Reopen makes channels reopen their files, as after a rotation by another program.
func (e *Engine) Reopen() error {
	var errs []error
	for name, o := range e.current.Load().outlets {
		if r, ok := o.sender.(channel.Reopener); ok {
			if err := r.Reopen(); err != nil {
				errs = append(errs, fmt.Errorf("channel %s: %w", name, err))
			}
		}
	}
	return errors.Join(errs...)
}

// Run works until ctx ends. It then lets attempts under way finish for a moment, records
// their outcomes, and returns. It is called once.
func (e *Engine) Run(ctx context.Context) error {
	if err := e.work.ForgetClaims(ctx); err != nil {
		e.log.Warn("claims of an earlier process not taken back, they end by themselves", "error", withCause(err))
	}
	// Before anything is sent, if the database can: this alertd may end soon, and the next one may
	// not have the channel.
	if err := e.saveChannels(ctx, e.current.Load()); err != nil {
		e.log.Warn("channels not saved, trying again", "error", withCause(err))
	}
	e.onTime.Store(time.Now().UnixNano())
	recorded, sent, drained := make(chan struct{}), make(chan struct{}), context.WithoutCancel(ctx)
	go func() {
		defer close(recorded)
		e.recordLoop(drained, sent)
	}()
	group, ctx := errgroup.WithContext(ctx)
	for _, loop := range []func(context.Context){e.foldLoop, e.claimLoop, e.timerLoop, e.channelLoop, e.hearLoop, e.reportLoop, e.retentionLoop} {
		group.Go(func() error {
			loop(ctx)
			return nil
		})
	}
	err := group.Wait()
	e.finishSends()
	close(sent)
	<-recorded
	close(e.ended)
	return err
}

// finishSends stops new attempts and waits for those under way.
func (e *Engine) finishSends() {
	e.stopping.Lock()
	e.stopped = true
	e.stopping.Unlock()
	patience := e.current.Load().settings.Patience
	if patience <= 0 {
		patience = defaultPatience
	}
	finished := make(chan struct{})
	go func() { // it ends soon after the attempts' timeouts, even if some hang
		defer close(finished)
		e.sends.Wait()
	}()
	for _, wait := range []time.Duration{patience, 2 * impatience} {
		timer := time.NewTimer(wait)
		select {
		case <-finished:
			timer.Stop()
			// What cannot be recorded within that time is not recorded.
			time.AfterFunc(impatience, e.hurry)
			return
		case <-timer.C:
			e.hurry()
		}
	}
}

// Close closes the channels. [Engine.Run], if it was called, must have returned. Close does
// not wait for a channel that hangs.
func (e *Engine) Close() error {
	e.hurry()
	e.changing.Lock()
	defer e.changing.Unlock()
	last := e.current.Swap(&state{})
	for _, o := range last.outlets {
		e.retire(o)
	}
	retired := make(chan struct{})
	go func() { // a channel may hang in a write until the process ends
		defer close(retired)
		e.retired.Wait()
	}()
	timer := time.NewTimer(impatience)
	defer timer.Stop()
	select {
	case <-retired:
	case <-timer.C:
		e.log.Error("channel hangs and is left open")
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"alertd/internal/pgtest"
)

// sampleSize is the size of a sample.
const sampleSize = 50

// scenario is a deployment of alertd.
type scenario struct {
	name     string
	replicas int // how many alertds share the database
	open     func(ctx context.Context, directory string) (storage, error)
}

func scenarios() []scenario {
	onPostgres := func(ctx context.Context, _ string) (storage, error) { return startPostgres(ctx) }
	return []scenario{
		{"sqlite", 1, func(_ context.Context, directory string) (storage, error) {
			return sqliteFile{filepath.Join(directory, "alertd.db")}, nil
		}},
		{"postgres", 1, onPostgres},
		{"replicas", 2, onPostgres},
	}
}

// disaster is a failure while clients post.
type disaster struct {
	name   string
	strike func(context.Context) error
	// total: no alertd is left, so clients wait for the next round.
	total bool
}

// result is the result of a campaign.
type result struct {
	name         string
	rounds       int
	alertdKills  int
	databaseEnds int
	acknowledged int
	figures
	findings []finding
}

// campaign is the rounds of one scenario.
type campaign struct {
	scenario scenario
	options  options
	random   *rand.Rand
	storage  storage
	ledger   *ledger
	api      api
	fleet    *fleet
	clients  []*client
	follower *follower
	operator *operator
	receiver *receiver
	progress io.Writer

	deck   []disaster // the next disasters, so that a few rounds have several kinds
	calm   bool       // nothing is killed any more
	noise  noise
	tally  *tally // as of the end of the last alertd; nil if unknown
	result result
}

// newCampaign makes a campaign. run closes it.
func newCampaign(ctx context.Context, s scenario, o options, directory string, progress io.Writer) (*campaign, error) {
	database, err := s.open(ctx, directory)
	if err != nil {
		return nil, err
	}
	stream := func(n uint64) *rand.Rand { return rand.New(rand.NewPCG(o.seed, n)) }
	c := &campaign{
		scenario: s, options: o, random: stream(0), storage: database, ledger: newLedger(), api: newAPI(),
		progress: progress, result: result{name: s.name},
	}
	if c.receiver, err = newReceiver(ctx, c.ledger, stream(1<<32)); err != nil {
		return nil, errors.Join(err, database.close())
	}
	c.fleet = newFleet(o, directory, database.config(), s.replicas, c.api, c.receiver)
	c.operator = &operator{api: c.api, ledger: c.ledger, fleet: c.fleet, random: stream(1<<32 + 1), resolved: make(map[string]bool)}
	c.follower = &follower{api: c.api, ledger: c.ledger, fleet: c.fleet, patience: o.patience}
	for i := range o.clients {
		w := &writer{name: fmt.Sprintf("c%d", i+1), random: stream(uint64(i + 1)), maxSize: o.maxBatch, noise: o.noise}
		c.clients = append(c.clients, &client{api: c.api, ledger: c.ledger, fleet: c.fleet, writer: w})
	}
	return c, nil
}

// run plays the rounds. The error says why the campaign could not continue; faults of alertd
// are in the result.
func (c *campaign) run(ctx context.Context) (err error) {
	following, stopFollowing := context.WithCancel(ctx)
	var follower sync.WaitGroup
	follower.Go(func() { c.follower.run(following) })
	defer func() {
		c.fleet.close()
		stopFollowing()
		follower.Wait()
		c.api.close()
		err = errors.Join(err, c.receiver.close(), c.storage.close())
		c.result.acknowledged, c.result.findings = c.ledger.acknowledged(), c.ledger.found()
	}()
	for c.result.rounds < c.options.rounds {
		c.result.rounds++
		if err := c.playRound(ctx, c.nextDisaster()); err != nil {
			return fmt.Errorf("%s, round %d: %w", c.scenario.name, c.result.rounds, err)
		}
	}
	if err := c.finish(ctx); err != nil {
		return fmt.Errorf("%s, after the last round: %w", c.scenario.name, err)
	}
	return nil
}

// playRound starts the alertds that do not run, inspects them, and lets clients post until a
// disaster strikes. Every few rounds it first waits until all messages are delivered.
func (c *campaign) playRound(ctx context.Context, d disaster) error {
	if err := c.startAndInspect(ctx); err != nil {
		return err
	}
	if c.calm || c.result.rounds > 1 && (c.result.rounds-1)%c.options.tellEvery == 0 {
		if err := c.letAllBeTold(ctx); err != nil {
			return err
		}
	}
	c.sendKnownAgain(ctx)
	working, giveUp := context.WithCancel(ctx)
	defer giveUp()
	var stop atomic.Bool
	done := c.letClientsWork(working, &stop)
	after := c.upTo(500 * time.Millisecond)
	pause(ctx, after)
	err := d.strike(ctx)
	if d.total || err != nil {
		giveUp()
		<-done
	} else {
		pause(ctx, c.upTo(300*time.Millisecond))
		c.letClientsFinish(done, &stop, giveUp)
	}
	if err != nil {
		return err
	}
	if err := c.settle(ctx); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(c.progress, "%s: round %d of %d: %s after %d ms; %d events acknowledged so far\n",
		c.scenario.name, c.result.rounds, c.options.rounds+1, d.name, after.Milliseconds(), c.ledger.acknowledged())
	return ctx.Err()
}

// letClientsWork starts the clients and the operator. It closes the channel when all have
// ended.
func (c *campaign) letClientsWork(ctx context.Context, stop *atomic.Bool) <-chan struct{} {
	var working sync.WaitGroup
	for _, client := range c.clients {
		working.Go(func() { client.work(ctx, stop) })
	}
	working.Go(func() { c.operator.work(ctx, stop) })
	done := make(chan struct{})
	go func() {
		working.Wait()
		close(done)
	}()
	return done
}

// letClientsFinish waits until the clients have an answer to every post, which alertd must
// give within the patience.
func (c *campaign) letClientsFinish(done <-chan struct{}, stop *atomic.Bool, giveUp func()) {
	stop.Store(true)
	timer := time.AfterFunc(c.options.patience, giveUp)
	defer timer.Stop()
	<-done
	for _, client := range c.clients {
		if client.unanswered != nil {
			c.ledger.report(wrong, "alertd does not recover by itself: %s has not been accepted within %s", client.unanswered.alerts[0].token, c.options.patience)
		}
	}
}

// settle waits until nothing is under way. Then it queries databases that can be queried only
// while no alertd runs.
func (c *campaign) settle(ctx context.Context) error {
	ctx, cancel := withPatience(ctx, c.options.patience)
	defer cancel()
	if err := c.storage.settle(ctx); err != nil {
		return fmt.Errorf("wait for the database to settle: %w", err)
	}
	if c.storage.offline() && len(c.fleet.addresses()) == 0 {
		c.ask(ctx)
	}
	return nil
}

// ask queries the database directly.
func (c *campaign) ask(ctx context.Context) {
	c.tally = nil
	t, err := c.storage.tally(ctx)
	if err == nil {
		c.tally = &t
	} else if ctx.Err() == nil {
		c.ledger.report(wrong, "%s", err)
	}
}

// finish plays a round without a kill, waits until the clients have their answers, stops
// alertd in an orderly way, and inspects it before and after.
func (c *campaign) finish(ctx context.Context) error {
	c.calm = true
	c.result.rounds++
	nobody := disaster{"nobody is killed", func(context.Context) error { return nil }, false}
	if err := c.playRound(ctx, nobody); err != nil {
		return err
	}
	working, giveUp := context.WithCancel(ctx)
	defer giveUp()
	var stop atomic.Bool
	stop.Store(true)
	c.letClientsFinish(c.letClientsWork(working, &stop), &stop, giveUp)
	for range 2 {
		if err := c.fleet.stop(ctx); err != nil {
			c.ledger.report(wrong, "%s", err)
		}
		if err := c.settle(ctx); err != nil {
			return err
		}
		if err := c.startAndInspect(ctx); err != nil {
			return err
		}
	}
	if err := c.endSilence(ctx); err != nil {
		return err
	}
	return c.letAllBeTold(ctx)
}

// startAndInspect starts the alertds that do not run, and inspects each one.
func (c *campaign) startAndInspect(ctx context.Context) error {
	for place, running := range c.fleet.servers {
		if running != nil {
			continue
		}
		if !c.calm && c.random.IntN(4) == 0 { // it is killed before it is ready
			s, err := c.fleet.launch(place, c.bufferSize())
			if err != nil {
				return err
			}
			pause(ctx, c.upTo(150*time.Millisecond))
			c.fleet.end(s)
			c.result.alertdKills++
		}
		if err := c.fleet.start(ctx, place, c.bufferSize()); err != nil {
			return err
		}
	}
	if err := c.settle(ctx); err != nil {
		return err
	}
	if err := c.silence(ctx); err != nil {
		return err
	}
	for _, address := range c.fleet.addresses() {
		c.inspect(ctx, address, false)
	}
	return ctx.Err()
}

// bufferSize returns a size that is sometimes so small that most reads come from the
// database, and sometimes so large that none do.
func (c *campaign) bufferSize() int { return oneOf(c.random, []int{1, 100, 1000, 100_000}) }

// upTo returns a random duration.
func (c *campaign) upTo(most time.Duration) time.Duration {
	return time.Duration(c.random.Int64N(int64(most)))
}

// sendKnownAgain repeats some acknowledged posts: alertd must recognise them.
func (c *campaign) sendKnownAgain(ctx context.Context) {
	known, addresses := c.ledger.repeatable(), c.fleet.addresses()
	for range min(sampleSize, len(known)) {
		p := oneOf(c.random, known)
		if !c.clients[0].sendOnce(ctx, oneOf(c.random, addresses), p) && ctx.Err() == nil {
			c.ledger.report(wrong, "%s: sent once more, it is not answered", p.alerts[0].token)
		}
	}
}

// nextDisaster draws from the deck of disasters.
func (c *campaign) nextDisaster() disaster {
	if len(c.deck) == 0 {
		c.deck = c.disasters()
		c.random.Shuffle(len(c.deck), func(i, j int) { c.deck[i], c.deck[j] = c.deck[j], c.deck[i] })
	}
	next := c.deck[0]
	c.deck = c.deck[1:]
	return next
}

// disasters returns all disasters, likelier ones more often.
func (c *campaign) disasters() []disaster {
	every := disaster{"every alertd is killed", c.killEvery, true}
	one := disaster{"one of the alertds is killed", c.killOne, false}
	all := []disaster{every, every, every}
	if c.scenario.replicas > 1 {
		all = []disaster{every, one, one, one}
	}
	if server, ok := c.storage.(*postgresServer); ok {
		cluster := server.cluster
		end := func(how string, end func(context.Context) error) disaster {
			return disaster{"PostgreSQL is " + how, func(ctx context.Context) error { return c.endDatabase(ctx, cluster, end) }, false}
		}
		all = append(all,
			end("killed", cluster.Kill),
			end("stopped at once", func(ctx context.Context) error { return cluster.Stop(ctx, pgtest.Immediate) }),
			end("restarted", func(ctx context.Context) error { return cluster.Stop(ctx, pgtest.Fast) }))
	}
	return all
}

func (c *campaign) killEvery(context.Context) error {
	for place := range c.fleet.servers {
		c.fleet.kill(place)
		c.result.alertdKills++
	}
	return nil
}

func (c *campaign) killOne(context.Context) error {
	c.fleet.kill(c.random.IntN(len(c.fleet.servers)))
	c.result.alertdKills++
	return nil
}

// endDatabase ends the database, and starts it again after a while.
func (c *campaign) endDatabase(ctx context.Context, cluster *pgtest.Cluster, end func(context.Context) error) error {
	c.result.databaseEnds++
	if err := end(ctx); err != nil {
		return err
	}
	pause(ctx, c.upTo(time.Second))
	return cluster.Start(ctx)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// inspect compares all that one alertd shows with the clients' records, with the receiver's,
// and with the database. settled: no message waits.
func (c *campaign) inspect(ctx context.Context, address string, settled bool) {
	if err := c.compare(ctx, address, settled); err != nil && ctx.Err() == nil {
		c.ledger.report(wrong, "%s", err)
	}
}

func (c *campaign) compare(ctx context.Context, address string, settled bool) error {
	if !c.storage.offline() {
		c.ask(ctx)
	}
	if c.tally != nil {
		if err := c.waitFor(ctx, address, c.tally.lastSeq); err != nil {
			return err
		}
	}
	t := telling{settled: settled, resolved: c.operator.hasResolved(), noisy: c.options.noise, noise: c.noise}
	t.arrivals, t.killed = c.receiver.story()
	log, err := c.api.readLog(ctx, address)
	if err != nil {
		return err
	}
	t.log = log
	c.ledger.verifyLog(log)
	if c.tally != nil {
		c.take(verifyTally(*c.tally, log))
	}
	c.follower.verify(ctx, log)
	if len(log) > 0 {
		err = errors.Join(c.compareSample(ctx, address, log), c.compareStream(ctx, address, log))
	}
	return errors.Join(err, c.compareTelling(ctx, address, &t))
}

// take adds findings.
func (c *campaign) take(findings []finding) {
	for _, f := range findings {
		c.ledger.report(f.fault, "%s", f.detail)
	}
}

// waitFor waits until an alertd shows the event with the last number: events that another one
// has registered appear with a delay.
func (c *campaign) waitFor(ctx context.Context, address string, last uint64) error {
	ctx, cancel := withPatience(ctx, c.options.patience)
	defer cancel()
	var newest uint64
	err := waitUntil(ctx, func() (bool, error) {
		log, err := c.api.readPage(ctx, address, "/events?limit=1")
		newest = lastSeq(log.records)
		return newest >= last, err
	})
	if err != nil {
		return fmt.Errorf("GET /events comes to seq %d, the database to %d: %w", newest, last, err)
	}
	return nil
}

// compareSample reads some events by id, until one is wrong.
func (c *campaign) compareSample(ctx context.Context, address string, log []record) error {
	for range min(sampleSize, len(log)) {
		r := oneOf(c.random, log)
		body, err := c.api.get(ctx, address, "/events/"+r.id)
		if err != nil {
			return err
		}
		got, err := parseRecord(body)
		if err != nil {
			return err
		}
		if got.json != r.json {
			return fmt.Errorf("GET /events/%s is not what GET /events has%s", r.id, parting(got.json, r.json))
		}
		if r.incident != "" && got.incident != r.incident {
			return fmt.Errorf("GET /events/%s has the incident %q, GET /events %q", r.id, got.incident, r.incident)
		}
	}
	return nil
}

// compareStream reads the stream from the beginning to the end of the log.
func (c *campaign) compareStream(ctx context.Context, address string, log []record) error {
	ctx, cancel := withPatience(ctx, c.options.patience)
	defer cancel()
	var seen []record
	err := c.api.readStream(ctx, address, 0, func(r record) bool {
		seen = append(seen, r)
		return r.seq < log[0].seq
	})
	if err != nil {
		return fmt.Errorf("GET /events/stream comes to seq %d, GET /events to %d: %w", lastSeq(seen), log[0].seq, err)
	}
	c.take(verifyStream(seen, log))
	return nil
}

// compareTelling compares the messages at the receiver with the data of one alertd.
func (c *campaign) compareTelling(ctx context.Context, address string, t *telling) error {
	var err error
	if t.deliveries, err = readList[delivery](ctx, c.api, address, "deliveries"); err != nil {
		return err
	}
	if t.incidents, err = readList[incident](ctx, c.api, address, "incidents"); err != nil {
		return err
	}
	for _, f := range t.verify() {
		c.ledger.reportOnce(f.fault, "%s", f.detail)
	}
	c.result.figures = t.figures()
	return nil
}

// letAllBeTold waits until no message waits, and checks that all messages have arrived.
func (c *campaign) letAllBeTold(ctx context.Context) error {
	began := time.Now()
	addresses := c.fleet.addresses()
	if c.options.noise {
		c.letDigestsBeTold(ctx, addresses[0])
	}
	left, err := c.waitUntilTold(ctx, addresses[0])
	if err != nil {
		c.ledger.report(wrong, "alertd does not come to an end: %s: %s", err, left)
	}
	for _, address := range addresses {
		c.inspect(ctx, address, true)
	}
	_, _ = fmt.Fprintf(c.progress, "%s: after %d ms all is told: %d incidents, %d messages, %d repeats\n",
		c.scenario.name, time.Since(began).Milliseconds(), c.result.incidents, c.result.told, c.result.repeats)
	return ctx.Err()
}

// waitUntilTold waits until alertd is finished, and returns what it last saw unfinished.
func (c *campaign) waitUntilTold(ctx context.Context, address string) (left string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.options.tellPatience, fmt.Errorf("not within %s", c.options.tellPatience))
	defer cancel()
	err = waitUntil(ctx, func() (bool, error) {
		unfinished, err := c.api.unfinished(ctx, address, len(ways(c.options.noise)))
		switch {
		case err == nil:
			left = unfinished
		case ctx.Err() == nil:
			left = err.Error()
		}
		if err == nil && left == "" {
			return true, nil
		}
		pause(ctx, 100*time.Millisecond) // or polling would be a load itself
		return false, nil
	})
	return left, err
}

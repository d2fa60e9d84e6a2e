package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
	"alertd/internal/store"
)

const (
	// expireEvery is how often deliveries are looked for that have waited too long.
	expireEvery = 5 * time.Second
	// expireBatch is how many of them one transaction ends, at most.
	expireBatch = 100
)

// expireLoop gives up deliveries that have waited too long, as when a channel's breaker
// is open all the time or the channel is off.
func (e *Engine) expireLoop(ctx context.Context) {
	e.every(ctx, newBell(), "give up deliveries that have waited too long", e.expire)
}

// every calls f now, whenever the bell rings, and now and then.
func (e *Engine) every(ctx context.Context, b bell, task string, f func(ctx context.Context) error) {
	for failing := false; ; {
		err := f(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failing { // once is enough
			e.log.Error("something is not done at the moment", "task", task, "error", err)
		}
		failing = err != nil
		if !b.wait(ctx, expireEvery) {
			return
		}
	}
}

func (e *Engine) expire(ctx context.Context) error {
	if !e.current.Load().settings.Enabled {
		return nil // what waits is kept
	}
	known, working := e.current.Load().expirable()
	for n := expireBatch; n == expireBatch && ctx.Err() == nil; {
		var after []func()
		err := e.store.Work(ctx, func(ctx context.Context, tx *store.Tx) error {
			after = nil
			expired, err := tx.Expired(ctx, known, working, expireBatch)
			if err != nil {
				return err
			}
			n = len(expired)
			for _, d := range expired {
				more, err := e.expireOne(ctx, tx, d)
				if err != nil {
					return err
				}
				after = append(after, more...)
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, f := range after {
			f()
		}
	}
	return nil
}

// expirable returns the channels that there are, and those among them that take
// messages: an attempt that was to be made there is made however late it is.
func (s *state) expirable() (known, working []string) {
	for _, p := range s.policies {
		known = append(known, p.Name)
		if o := s.outlets[p.Name]; o != nil && o.works() {
			working = append(working, p.Name)
		}
	}
	return known, working
}

func (e *Engine) expireOne(ctx context.Context, tx *store.Tx, d delivery.Delivery) ([]func(), error) {
	why := fmt.Sprintf("given up after %s", d.GiveUpAt.Sub(d.CreatedAt).Round(time.Millisecond))
	if d.Error != "" {
		why = d.Error + "; " + why
	}
	ended, err := tx.End(ctx, d, delivery.Failed, why)
	if err != nil || !ended {
		return nil, err
	}
	after, err := e.giveUp(ctx, tx, d, why)
	return append(after, func() {
		e.log.Error("a message is given up", "channel", d.Channel, "incident", d.Incident, "delivery_id", d.ID, "error", why)
	}), err
}

// reportLoop raises an alert about each delivery that has failed. Its id is made of the
// delivery's, so that it is one alert, whoever raises it and however often.
func (e *Engine) reportLoop(ctx context.Context) {
	e.every(ctx, e.reporting, "raise alerts about deliveries that have failed", e.report)
}

func (e *Engine) report(ctx context.Context) error {
	for n := expireBatch; n == expireBatch && ctx.Err() == nil; {
		failed, err := e.store.Unreported(ctx, expireBatch)
		if err != nil {
			return err
		}
		n = len(failed)
		for _, f := range failed {
			if err := e.reportOne(ctx, f); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *Engine) reportOne(ctx context.Context, f store.Unreported) error {
	if alert, raise := delivery.GivenUp(f.Delivery, f.Incident, f.Delivery.Error); raise {
		alert.EventID = reportID(f.Delivery)
		if err := e.raise(ctx, alert); err != nil {
			return fmt.Errorf("raise an alert about a delivery: %w", err)
		}
	}
	return e.store.Work(ctx, func(ctx context.Context, tx *store.Tx) error { return tx.Reported(ctx, f.Delivery) })
}

// reportID is the id of the alert about a delivery that has failed, another one each
// time that it was tried again by hand: a UUID of version 5 (RFC 9562).
func reportID(d delivery.Delivery) alerting.EventID {
	return alerting.EventID(uuid.NewSHA1(uuid.UUID(d.ID), []byte("failed, to be given up at "+alerting.FormatTime(d.GiveUpAt))))
}

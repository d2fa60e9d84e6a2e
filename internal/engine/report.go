package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
	"alertd/internal/store"
	"alertd/internal/store/work"
)

const (
	// reportBatch is how many failed deliveries are looked at at once.
	reportBatch = 1000
	// reportAfter is how long further failures are waited for, so that many of a channel are
	// one alert.
	reportAfter = 2 * time.Second
)

// reportLoop raises alerts about deliveries that have failed, one for all that have failed
// on a channel since it looked last, and about rows that cannot be read.
func (e *Engine) reportLoop(ctx context.Context) {
	e.every(ctx, e.reporting, "raise alerts of alertd's own", func(ctx context.Context) error {
		if err := e.reportFailures(ctx); err != nil {
			return err
		}
		return e.reportUnreadable(ctx)
	})
}

func (e *Engine) reportFailures(ctx context.Context) error {
	if some, err := e.work.Failures(ctx, 1); err != nil || len(some) == 0 {
		return err
	}
	pause(ctx, reportAfter)
	for n := reportBatch; n == reportBatch && ctx.Err() == nil; {
		failures, err := e.work.Failures(ctx, reportBatch)
		if err != nil {
			return err
		}
		n = len(failures)
		for _, of := range byChannel(failures) {
			if err := e.reportChannel(ctx, of); err != nil {
				return err
			}
		}
	}
	return nil
}

// byChannel returns the failures of each channel, in the order of the first.
func byChannel(failures []delivery.Failure) [][]delivery.Failure {
	var groups [][]delivery.Failure
	at := map[string]int{}
	for _, f := range failures {
		i, seen := at[f.Delivery.Channel]
		if !seen {
			i = len(groups)
			at[f.Delivery.Channel] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], f)
	}
	return groups
}

func (e *Engine) reportChannel(ctx context.Context, failures []delivery.Failure) error {
	if alert, raise := delivery.GivenUp(failures); raise {
		first, last := failures[0].Delivery, failures[len(failures)-1].Delivery
		// The id depends on the failures alone, so that the alert exists once however often it is raised.
		alert.EventID = ownID(fmt.Sprintf("deliveries %s to %s failed, to be given up at %s", first.ID, last.ID, alerting.FormatTime(first.GiveUpAt)))
		if err := e.raise(ctx, alert); err != nil {
			return fmt.Errorf("raise an alert about deliveries: %w", err)
		}
	}
	return e.work.Transact(ctx, func(ctx context.Context, tx *work.Tx) error { return tx.Reported(ctx, failures) })
}

// reportUnreadable raises an alert about each table that has rows which cannot be read.
func (e *Engine) reportUnreadable(ctx context.Context) error {
	e.unreadable = append(e.unreadable, e.store.TakeUnreadable()...)
	for len(e.unreadable) > 0 {
		first := e.unreadable[0]
		rest := slices.DeleteFunc(slices.Clone(e.unreadable), func(u store.Unreadable) bool { return u.Table == first.Table })
		message := fmt.Sprintf("row %s of table %s cannot be read and is left out: %s", first.Key, first.Table, first.Error)
		if n := len(e.unreadable) - len(rest); n > 1 {
			message = fmt.Sprintf("%d rows of table %s cannot be read and are left out; the first is row %s: %s", n, first.Table, first.Key, first.Error)
		}
		err := e.raise(ctx, alerting.Alert{
			Severity: alerting.SeverityError, Category: alerting.CategorySystemHealth, Source: alerting.OwnSource, Message: message,
			DedupKey: "alertd.unreadable." + first.Table, EventID: ownID(fmt.Sprintf("unreadable %s %s", first.Table, first.Key)),
		})
		if err != nil {
			return fmt.Errorf("raise an alert about rows that cannot be read: %w", err)
		}
		e.unreadable = rest
	}
	return nil
}

// ownID is the id of an alert of alertd's own: a UUID of version 5 (RFC 9562).
func ownID(about string) alerting.EventID {
	return alerting.EventID(uuid.NewSHA1(uuid.NameSpaceOID, []byte("alertd: "+about)))
}

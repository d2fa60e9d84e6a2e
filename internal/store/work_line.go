package store

import (
	"context"
	"time"

	"alertd/internal/delivery"
)

// The deliveries of one incident on one channel stand in a line, in the order of their
// notices; only the first one that waits can be claimed.
//
// [Tx.Claim] goes through what is due, and those further back are in its way: behind
// 25,000 that have to wait for their next attempt they cost 200 ms a claim. So none is due
// before one that it stands behind. Where two transactions at once leave it otherwise, that
// costs time and nothing else: whether a delivery is the first is looked up when it is
// claimed.

// isFirst is the condition that delivery d is the first in its line.
const isFirst = `d.notice = (SELECT min(e.notice) FROM deliveries e WHERE e.incident = d.incident AND e.channel = d.channel AND e.status = 1)`

// dueInLine is when a delivery is due that joins a line: its arguments are the time,
// and the incident, the channel and the notice.
const dueInLine = `(SELECT max(due) FROM (SELECT CAST(? AS bigint) AS due UNION ALL
	SELECT e.due FROM deliveries e WHERE e.incident = ? AND e.channel = ? AND e.notice < ? AND e.status = 1) AS line)`

// holdUp has those wait that stand behind a delivery which is tried again later.
func (t *Tx) holdUp(ctx context.Context, d delivery.Delivery, until time.Time) error {
	_, err := t.exec(ctx, `UPDATE deliveries SET due = ? WHERE number IN (SELECT d.number FROM deliveries d
		WHERE d.incident = ? AND d.channel = ? AND d.notice > ? AND d.status = 1 AND d.due < ?`+t.store.db.dialect().SkipLocked+`)`,
		until.UnixMicro(), d.Incident, d.Channel, d.Notice, until.UnixMicro())
	return wrap("hold up what comes after a delivery", err)
}

// moveUp makes due what is the first in a line now, unless it was tried before and waits
// for its own sake.
func (t *Tx) moveUp(ctx context.Context, d delivery.Delivery) error {
	_, err := t.exec(ctx, `UPDATE deliveries SET due = ? WHERE number IN (SELECT d.number FROM deliveries d
		WHERE d.incident = ? AND d.channel = ? AND d.status = 1 AND d.attempts = 0 AND d.due > ? AND `+isFirst+t.store.db.dialect().SkipLocked+`)`,
		t.now.UnixMicro(), d.Incident, d.Channel, t.now.UnixMicro())
	return wrap("move up what comes after a delivery", err)
}

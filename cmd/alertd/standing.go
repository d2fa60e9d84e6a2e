package main

import (
	"context"
	"time"

	"alertd/internal/engine"
	"alertd/internal/heartbeat"
	"alertd/internal/metrics"
	"alertd/internal/store/work"
)

// standing reads the state of incidents and deliveries for a scrape.
type standing struct {
	work   *work.Work
	engine *engine.Engine
}

// scrapePatience bounds the wait for the database in a scrape.
const scrapePatience = 2 * time.Second

// DeliverySnapshot implements metrics.DeliverySource. What cannot be read from the
// database is left out.
func (s *standing) DeliverySnapshot() metrics.DeliverySnapshot {
	ctx, cancel := context.WithTimeout(context.Background(), scrapePatience)
	defer cancel()
	snapshot := metrics.DeliverySnapshot{Lag: -1}
	channels, err := s.engine.Channels(ctx)
	if err != nil {
		return snapshot
	}
	for _, c := range channels {
		shown := metrics.ChannelSnapshot{Name: c.Name, Queue: c.Waiting, Health: c.Health}
		if !c.OldestWaiting.IsZero() {
			shown.OldestWaiting = max(0, time.Since(c.OldestWaiting))
		}
		snapshot.Channels = append(snapshot.Channels, shown)
	}
	backlog, err := s.work.Backlog(ctx)
	if err != nil {
		return snapshot
	}
	snapshot.Lag, snapshot.Incidents = backlog.Lag(), backlog.Incidents
	return snapshot
}

// heartbeats returns how heartbeats do, nil if the database does not say it in time.
func (s *standing) heartbeats() []heartbeat.Heartbeat {
	ctx, cancel := context.WithTimeout(context.Background(), scrapePatience)
	defer cancel()
	all, err := s.engine.Heartbeats(ctx)
	if err != nil {
		return nil
	}
	return all
}

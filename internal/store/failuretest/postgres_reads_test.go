package failuretest_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/pgtest"
	"alertd/internal/store/work"
)

// reads returns the ways to ask the database. Each requires the answer to
// be right. The events are all those that there are; most are in the index.
func (s *service) reads(events []*alerting.Event) map[string]func(ctx context.Context) error {
	older := events[0] // than what is in memory
	tasks := work.New(s.store)
	return map[string]func(ctx context.Context) error{
		"find": func(ctx context.Context) error {
			found, err := s.store.Find(ctx, older.ID(), "")
			if err == nil && found.JSON() != older.JSON() {
				err = errors.New("another event was found")
			}
			return err
		},
		"find by a key": func(ctx context.Context) error {
			_, err := s.store.Find(ctx, alerting.EventID{}, "a key")
			return err
		},
		"extent": func(ctx context.Context) error {
			extent, err := s.store.Extent(ctx)
			if last := events[len(events)-1].Seq(); err == nil && extent.Last < last {
				err = fmt.Errorf("the log ends with %d, before %d", extent.Last, last)
			}
			return err
		},
		"after, by the index": func(ctx context.Context) error {
			stretch, err := s.store.After(ctx, 0, alerting.Filter{Text: "breached"})
			for i, event := range stretch.Events {
				if event.JSON() != events[i].JSON() {
					return errors.Join(err, fmt.Errorf("event %d is in the place of %d", event.Seq(), events[i].Seq()))
				}
			}
			if err == nil && alerting.Seq(len(stretch.Events)) != stretch.Through {
				err = fmt.Errorf("%d events up to %d", len(stretch.Events), stretch.Through)
			}
			return err
		},
		"catch up": s.store.CatchUp,
		"an incident": func(ctx context.Context) error {
			_, err := tasks.Incident(ctx, incident.ID{})
			return nothing(err)
		},
		"a delivery": func(ctx context.Context) error {
			_, _, err := tasks.Delivery(ctx, delivery.ID{})
			return nothing(err)
		},
		"incidents": func(ctx context.Context) error {
			_, err := tasks.Incidents(ctx, incident.Query{Limit: 10})
			return err
		},
		"channels": func(ctx context.Context) error {
			_, err := tasks.ChannelRecords(ctx)
			return err
		},
	}
}

// nothing requires that what was looked for is not there.
func nothing(err error) error {
	if known, ok := errors.AsType[*alerting.Error](err); ok && known.Code == alerting.CodeNotFound {
		return nil
	}
	return fmt.Errorf("it is not missing: %w", err)
}

// mustIndex registers more than a segment of the index and waits until that is in
// it. It returns all events, which are no longer in memory.
func (s *service) mustIndex(t *testing.T) []*alerting.Event {
	t.Helper()
	for range 9 {
		s.mustRegister(t, 1000)
	}
	require.Eventually(t, func() bool { return s.store.Counts().Unindexed < 1000 }, patience, time.Millisecond)
	s.store.Buffer().Forget(math.MaxInt64)
	var events []*alerting.Event
	for len(events) < 9000 {
		stretch, err := s.store.After(t.Context(), alerting.Seq(len(events)), alerting.Filter{})
		require.NoError(t, err)
		events = append(events, stretch.Events...)
	}
	return events
}

// A connection that was used a moment ago, or never, is taken to work.
func TestReadsSurviveLostConnections(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	through, proxied := startProxy(t, dsn)
	s := start(t, postgres(proxied))
	events := s.mustIndex(t)
	admin := connect(t, dsn)
	for _, loss := range []struct {
		name string
		lose func()
	}{
		{"the server ends the sessions", func() { execute(t, admin, endSessions) }},
		{"the network ends the connections", through.cut},
	} {
		t.Run(loss.name, func(t *testing.T) {
			for name, read := range s.reads(events) {
				s.warmUp(t)
				loss.lose()
				require.NoError(t, read(t.Context()), name)
				s.warmUp(t)
				loss.lose()
				for _, err := range atOnce(t, patience, 20, func() error { return read(t.Context()) }) {
					require.NoError(t, err, name)
				}
			}
		})
	}
}

func TestReadsWorkOnceAKilledServerIsBack(t *testing.T) {
	t.Parallel()
	cluster := pgtest.StartCluster(t)
	s := start(t, postgres(cluster.DSN(pgtest.MaintenanceDatabase)))
	events := s.mustIndex(t)
	for range 3 {
		s.warmUp(t)
		require.NoError(t, cluster.Kill(t.Context()))
		require.NoError(t, cluster.Start(t.Context()))
		for _, target := range []string{"/events/" + events[0].ID().String(), "/events?limit=500&q=breached"} {
			for _, err := range atOnce(t, patience, 20, func() error {
				if answer := s.get(t, target); answer.status != http.StatusOK {
					return errors.New(answer.body)
				}
				return nil
			}) {
				require.NoError(t, err)
			}
		}
	}
}

func TestReadCutInMidAnswerIsRepeated(t *testing.T) {
	t.Parallel()
	through, proxied := startProxy(t, pgtest.DSN(t))
	s := start(t, postgres(proxied))
	events := s.mustIndex(t)
	for range 3 {
		s.warmUp(t)
		through.failNext(cutInAnswer)
		require.NoError(t, s.reads(events)["after, by the index"](t.Context()))
		require.Len(t, through.failed, 1, "the proxy has not met the read")
		<-through.failed
	}
}

func TestReadIsTriedTwiceAtMost(t *testing.T) {
	t.Parallel()
	through, proxied := startProxy(t, pgtest.DSN(t))
	s := start(t, postgres(proxied))
	read := s.reads(s.mustIndex(t))["after, by the index"]
	through.failNext(cutInAnswer, cutInAnswer)
	requireUnavailable(t, read(t.Context()), "the connection to the database was lost")
	require.Len(t, through.failed, 2)
	require.NoError(t, read(t.Context()))
}

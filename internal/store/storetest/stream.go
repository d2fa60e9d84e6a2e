package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"alertd/internal/alerting"
)

var streamCases = []testCase{
	{"a stream goes from the log over to live without a gap or a repeat", streamGoesLive},
	{"a stream that resumes after what is kept is told of the gap", streamWithAGap},
}

// followed follows a stream until it has seen an event, and returns the numbers of
// what came, and of the gaps.
func followed(ctx context.Context, manager *alerting.Manager, filter alerting.Filter, after, last alerting.Seq) (seqs []alerting.Seq, gaps []alerting.Gap, err error) {
	take := func(events []*alerting.Event) { seqs = append(seqs, seqsOf(events)...) }
	s, err := manager.Follow(ctx, filter, alerting.Resume{Active: true, After: after}, func(part alerting.Replay) error {
		if part.Gap != nil {
			gaps = append(gaps, *part.Gap)
		}
		take(part.Events)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	defer s.Close()
	for len(seqs) == 0 || seqs[len(seqs)-1] < last {
		select {
		case <-s.Ready():
			events, open := s.Take()
			if take(events); !open {
				return seqs, gaps, fmt.Errorf("the stream has ended after %d events", len(seqs))
			}
		case <-ctx.Done():
			return seqs, gaps, fmt.Errorf("%d events, and then nothing: %w", len(seqs), ctx.Err())
		}
	}
	return seqs, gaps, nil
}

// streamGoesLive resumes streams anywhere in a log that is longer than the
// manager's buffer, while more is registered.
func streamGoesLive(t *testing.T, db Database) {
	const before, meanwhile = 2000, 1500
	r := openReader(t, db)
	r.log.Run()
	r.log.Add(t, Alerts(before)...)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var streams errgroup.Group
	for i := range 6 {
		after := alerting.Seq(0)
		if i > 0 {
			after = alerting.Seq(rand.Int64N(before + 1))
		}
		streams.Go(func() error {
			seqs, gaps, err := followed(ctx, r.manager, alerting.Filter{}, after, before+meanwhile)
			switch {
			case err != nil:
				return err
			case len(gaps) > 0:
				return fmt.Errorf("after %d: gaps %v", after, gaps)
			}
			for i, seq := range seqs {
				if seq != after+alerting.Seq(i)+1 {
					return fmt.Errorf("after %d: event %d at %d", after, seq, i)
				}
			}
			return nil
		})
	}
	for n := 0; n < meanwhile; n += 10 {
		r.log.Add(t, Alerts(10)...)
	}
	require.NoError(t, streams.Wait())
}

func streamWithAGap(t *testing.T, db Database) {
	log := db.Start(t, keepEvents(1200))
	log.Add(t, Alerts(2000)...)
	retain(t, db, log)
	log.Stop()
	r := openReader(t, db)
	r.log.Run()
	seqs, gaps, err := followed(t.Context(), r.manager, alerting.Filter{}, 5, 2000)
	require.NoError(t, err)
	requireSeqs(t, ascending(801, 2000), seqs)
	require.Len(t, gaps, 1)
	require.Equal(t, []alerting.Seq{6, 800}, []alerting.Seq{gaps[0].From, gaps[0].To})

	seqs, gaps, err = followed(t.Context(), r.manager, alerting.Filter{}, 900, 2000)
	require.NoError(t, err)
	requireSeqs(t, ascending(901, 2000), seqs)
	require.Empty(t, gaps)

	seqs, gaps, err = followed(t.Context(), r.manager, alerting.Filter{Text: "alert 199"}, 900, 2000)
	require.NoError(t, err)
	requireSeqs(t, ascending(1991, 2000), seqs)
	require.Empty(t, gaps)
}

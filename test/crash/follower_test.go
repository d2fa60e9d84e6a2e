package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// follow runs a follower of a server until the test ends.
func follow(tb testing.TB, patience time.Duration, handler http.HandlerFunc) *follower {
	tb.Helper()
	c := clientOf(tb, handler)
	f := &follower{api: c.api, ledger: c.ledger, fleet: c.fleet, patience: patience}
	ctx, stop := context.WithCancel(tb.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f.run(ctx)
	}()
	tb.Cleanup(func() {
		stop()
		<-ended
	})
	return f
}

func TestFollowerResumesAfterItsLastEvent(t *testing.T) {
	f := follow(t, time.Minute, func(w http.ResponseWriter, r *http.Request) { // two events, then the connection breaks off
		var after int
		_, _ = fmt.Sscan(r.Header.Get("Last-Event-ID"), &after)
		for seq := after + 1; seq <= min(after+2, 5); seq++ {
			_, _ = fmt.Fprintf(w, "id: %d\nevent: alert\ndata: %s\n\n", seq, bare(seq))
		}
	})
	var log []record
	for seq := 5; seq > 0; seq-- {
		log = append(log, record{fmt.Sprintf("i%d", seq), uint64(seq), fmt.Sprintf("m%d", seq), bare(seq), ""})
	}
	f.verify(t.Context(), log)
	require.Empty(t, f.ledger.found())
	require.Len(t, f.all(), 5)

	f.verify(t.Context(), log[1:])
	requireFinding(t, f.ledger, wrong, "it has 5 events up to seq 5, GET /events has 4")
	f.verify(t.Context(), log[2:])
	require.Len(t, f.ledger.found(), 1, "what is broken is told once")
}

func TestFollowerReportsAGap(t *testing.T) {
	f := follow(t, time.Minute, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "event: gap\ndata: {}\n\n") })
	f.verify(t.Context(), []record{{seq: 1}})
	requireFinding(t, f.ledger, wrong, "it has a gap")
}

func TestFollowerThatLagsIsAFinding(t *testing.T) {
	f := follow(t, 20*time.Millisecond, func(http.ResponseWriter, *http.Request) {})
	f.verify(t.Context(), []record{{seq: 1}})
	requireFinding(t, f.ledger, wrong, "has come to seq 0, it must come to 1")
}

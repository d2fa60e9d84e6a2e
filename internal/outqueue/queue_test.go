package outqueue_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"alertd/internal/outqueue"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stuck is an output that takes nothing until it is told to go on.
type stuck struct {
	goOn chan struct{}

	mu     sync.Mutex
	writes []string
}

func newStuck() *stuck { return &stuck{goOn: make(chan struct{})} }

func (s *stuck) Write(data []byte) (int, error) {
	<-s.goOn
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes = append(s.writes, string(data))
	return len(data), nil
}

func dropped(records uint64) []byte { return fmt.Appendf(nil, "(%d dropped)", records) }

func writeAll(tb testing.TB, q *outqueue.Queue, records ...string) {
	tb.Helper()
	for _, record := range records {
		n, err := io.WriteString(q, record)
		require.NoError(tb, err)
		require.Equal(tb, len(record), n)
	}
}

func TestRecordsKeepTheirOrder(t *testing.T) {
	var out bytes.Buffer
	q := outqueue.New(outqueue.Config{Out: &out, Capacity: 1 << 20})
	var want strings.Builder
	for i := range 10_000 {
		record := fmt.Sprintf("record %d\n", i)
		want.WriteString(record)
		writeAll(t, q, record)
	}
	require.NoError(t, q.Close(t.Context()))
	require.Equal(t, want.String(), out.String())
	require.Zero(t, q.Dropped())
}

func TestFullQueueDropsAndSaysHowMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newStuck()
		q := outqueue.New(outqueue.Config{Out: out, Capacity: 4, Dropped: dropped})
		writeAll(t, q, "a")
		synctest.Wait() // its write hangs
		writeAll(t, q, "bcde", "f", "g")
		require.EqualValues(t, 2, q.Dropped())
		close(out.goOn)
		synctest.Wait()
		writeAll(t, q, "h")
		require.NoError(t, q.Close(t.Context()))
		require.Equal(t, "abcde(2 dropped)h", strings.Join(out.writes, ""))
		require.EqualValues(t, 2, q.Dropped())
	})
}

func TestCloseSaysWhatWasDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newStuck()
		q := outqueue.New(outqueue.Config{Out: out, Capacity: 1, Dropped: dropped})
		writeAll(t, q, "a")
		synctest.Wait()
		writeAll(t, q, "b", "c")
		close(out.goOn)
		require.NoError(t, q.Close(t.Context()))
		require.Equal(t, "ab(1 dropped)", strings.Join(out.writes, ""))
		writeAll(t, q, "d")
		require.EqualValues(t, 2, q.Dropped(), "a record after the end is dropped")
	})
}

func TestCloseDoesNotWaitForAHangingOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newStuck()
		q := outqueue.New(outqueue.Config{Out: out, Capacity: 10})
		writeAll(t, q, "a")
		synctest.Wait()
		writeAll(t, q, "b")
		sent := make(chan error)
		go func() { sent <- q.Send(t.Context(), []byte("message")) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, q.Close(ctx), context.DeadlineExceeded)
		require.ErrorIs(t, <-sent, outqueue.ErrClosed)
		require.EqualValues(t, 1, q.Dropped())
		close(out.goOn)
		synctest.Wait()
		require.Equal(t, []string{"a"}, out.writes, "nothing is written after the end")
	})
}

func TestRecordsThatWaitShareAWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newStuck()
		q := outqueue.New(outqueue.Config{Out: out, Capacity: 1 << 20})
		writeAll(t, q, "a")
		synctest.Wait()
		for range 1000 {
			writeAll(t, q, strings.Repeat("b", 1000))
		}
		close(out.goOn)
		require.NoError(t, q.Close(t.Context()))
		require.Less(t, len(out.writes), 50)
	})
}

func TestMessageIsOneWriteAmongRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newStuck()
		q := outqueue.New(outqueue.Config{Out: out, Capacity: 10})
		writeAll(t, q, "a")
		synctest.Wait()
		writeAll(t, q, "b")
		sent := make(chan error)
		go func() { sent <- q.Send(t.Context(), []byte("message")) }()
		synctest.Wait()
		writeAll(t, q, "c")
		close(out.goOn)
		require.NoError(t, <-sent)
		require.NoError(t, q.Close(t.Context()))
		require.Equal(t, []string{"a", "b", "message", "c"}, out.writes)
	})
}

func TestMessageThatCannotBeginInTimeIsWithdrawn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newStuck()
		q := outqueue.New(outqueue.Config{Out: out})
		send := func(text string, patience time.Duration) <-chan error {
			sent := make(chan error, 1)
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				sent <- q.Send(ctx, []byte(text))
			}()
			synctest.Wait()
			return sent
		}
		hangs, waits, last := send("hangs", time.Second), send("waits", 2*time.Second), send("last", time.Hour)
		require.ErrorIs(t, <-hangs, context.DeadlineExceeded)
		require.ErrorIs(t, <-waits, context.DeadlineExceeded)
		close(out.goOn)
		require.NoError(t, <-last)
		require.Equal(t, []string{"hangs", "last"}, out.writes)

		ended, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, q.Send(ended, []byte("late")), context.Canceled)
		require.NoError(t, q.Close(t.Context()))
		require.ErrorIs(t, q.Send(t.Context(), []byte("later")), outqueue.ErrClosed)
		require.Len(t, out.writes, 2)
	})
}

// broken refuses everything while it is on.
type broken struct {
	bytes.Buffer
	err error
}

func (b *broken) Write(data []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	return b.Buffer.Write(data)
}

func TestRefusedRecordsCountAsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &broken{err: errors.New("no space left")}
		q := outqueue.New(outqueue.Config{Out: out, Capacity: 100, Dropped: dropped})
		writeAll(t, q, "a")
		synctest.Wait()
		require.EqualError(t, q.Send(t.Context(), []byte("message")), "no space left")
		require.EqualValues(t, 1, q.Dropped())
		out.err = nil
		writeAll(t, q, "b")
		require.NoError(t, q.Close(t.Context()))
		require.Equal(t, "(1 dropped)b", out.String())
	})
}

// BenchmarkWrite is what a log record costs its caller beside its formatting.
func BenchmarkWrite(b *testing.B) {
	q := outqueue.New(outqueue.Config{Out: io.Discard, Capacity: 1 << 20})
	record := bytes.Repeat([]byte("x"), 300)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = q.Write(record)
	}
	require.NoError(b, q.Close(b.Context()))
}

package channeltest

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"alertd/internal/channel"
)

const (
	// patience is how long anything may take on a slow machine.
	patience = 20 * time.Second
	// soon is how long a Send may take to return after its context has ended.
	soon = 5 * time.Second
	// short is the time that a Send gets where it must run out of it.
	short = 150 * time.Millisecond
)

// Fixture says how to test one kind of channel.
type Fixture struct {
	// New makes a channel that talks to whatever listens at address, such as
	// 127.0.0.1:8025, and that holds Secrets. Run closes it.
	New func(tb testing.TB, address string) channel.Channel
	// Secrets must never be in what a channel says.
	Secrets []string
	// HTTP says how the real service talks, for a kind that talks HTTP.
	HTTP *HTTP
	// Serve starts the real service on 127.0.0.1, for a kind that does not: one that
	// takes every message until the test ends.
	Serve func(tb testing.TB) Service
}

// HTTP is how a service that talks HTTP answers.
type HTTP struct {
	// OK answers what the service has taken. body is that of the request.
	OK func(w http.ResponseWriter, r *http.Request, body []byte)
	// Refusal is the service's body with a status that is no success; nil: a plain text.
	Refusal func(status int) string
	// Outcomes has what is not as [outbound.Client.Do] says, by status.
	Outcomes map[int]channel.Outcome
	// Key returns what tells the receiver that it has the message already; nil: there is
	// nothing of the kind.
	Key func(r *http.Request, body []byte) string
	// Check returns what the service would have against a request, "" if nothing; nil:
	// whatever OK answers.
	Check func(r *http.Request, body []byte) string
}

// Service is a running service that takes every message.
type Service struct {
	// Address is where it listens, such as 127.0.0.1:8025.
	Address string
	// Keys returns what tells each message that was taken from all others, in the order
	// in which they came; messages that are the same have the same.
	Keys func() []string
	// Problems returns what was wrong with the messages.
	Problems func() []string
}

// Run holds a kind of channel to the rules that package channel states. The cases of
// HTTP run for kinds that talk it, those of networks and messages for all.
func Run(t *testing.T, f Fixture) {
	require.NotEqual(t, f.HTTP == nil, f.Serve == nil, "a fixture has either HTTP or Serve")
	type group struct {
		name  string
		cases []testCase
	}
	groups := []group{{"messages", messageCases}, {"network", networkCases}}
	if f.HTTP != nil {
		groups = append(groups, group{"http", httpCases})
	}
	if f.HTTP == nil || f.HTTP.Key != nil { // the service has such a key
		groups = append(groups, group{"keys", keyCases})
	}
	for _, group := range groups {
		t.Run(group.name, func(t *testing.T) {
			for _, c := range group.cases {
				t.Run(c.name, func(t *testing.T) {
					leaks := goleak.IgnoreCurrent() // so no case runs beside another
					t.Cleanup(func() { goleak.VerifyNone(t, leaks, ofToxiproxy()) })
					c.test(t, f)
				})
			}
		})
	}
}

type testCase struct {
	name string
	test func(t *testing.T, f Fixture)
}

// open makes a channel that is closed when the case ends.
func (f Fixture) open(tb testing.TB, address string) channel.Channel {
	tb.Helper()
	ch := f.New(tb, address)
	tb.Cleanup(func() { require.NoError(tb, ch.Close()) })
	return ch
}

// serve starts the service as it is on a good day.
func (f Fixture) serve(tb testing.TB) Service {
	tb.Helper()
	if f.Serve != nil {
		return f.Serve(tb)
	}
	return newReceiver(tb, f.HTTP, nil).service()
}

// send sends with the time that anything may take.
func send(tb testing.TB, ch channel.Channel, n channel.Notification) channel.Result {
	tb.Helper()
	return sendWithin(tb, patience, ch, n)
}

// sendWithin sends with that much time, and checks what holds for every result.
func sendWithin(tb testing.TB, timeout time.Duration, ch channel.Channel, n channel.Notification) channel.Result {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), timeout)
	defer cancel()
	return sendFor(ctx, tb, ch, n)
}

func sendFor(ctx context.Context, tb testing.TB, ch channel.Channel, n channel.Notification) channel.Result {
	tb.Helper()
	results := make(chan channel.Result, 1)
	go func() { results <- ch.Send(ctx, n) }()
	var result channel.Result
	select {
	case result = <-results:
	case <-ctx.Done():
		late := time.NewTimer(soon)
		defer late.Stop()
		select {
		case result = <-results:
		case <-late.C:
			require.Fail(tb, "Send goes on although its context has ended")
		}
	}
	requireSound(tb, result)
	return result
}

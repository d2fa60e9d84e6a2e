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
	// patience is how long anything may take, on a slow machine, too.
	patience = 20 * time.Second
	// soon is how long a Send may take to return after its context has ended.
	soon = 5 * time.Second
	// short is the time of a Send that must time out.
	short = 150 * time.Millisecond
)

// Fixture says how to test one kind of channel.
type Fixture struct {
	// New makes a channel to the server at address, such as 127.0.0.1:8025, whose settings
	// have Secrets. Run closes it.
	New func(tb testing.TB, address string) channel.Channel
	// Secrets must never be in a result.
	Secrets []string
	// HTTP says how the real service answers, for a kind that uses HTTP.
	HTTP *HTTP
	// Serve starts the service on 127.0.0.1, for a kind that does not use HTTP. It takes
	// every message until the test ends.
	Serve func(tb testing.TB) Service
}

// HTTP says how a service answers by HTTP.
type HTTP struct {
	// OK answers a message that the service has taken. body is that of the request.
	OK func(w http.ResponseWriter, r *http.Request, body []byte)
	// Refusal returns the service's body for a status that is not a success; nil: a plain
	// text.
	Refusal func(status int) string
	// Outcomes has the outcomes by status that differ from [outbound.Client.Do].
	Outcomes map[int]channel.Outcome
	// Key returns that by which the receiver recognises a repeated message; nil: there is
	// nothing of the kind.
	Key func(r *http.Request, body []byte) string
	// Check returns why the service would refuse a request, "" if it would not; nil: it
	// never would.
	Check func(r *http.Request, body []byte) string
}

// Service is a running service that takes every message.
type Service struct {
	// Address is where it listens, such as 127.0.0.1:8025.
	Address string
	// Keys returns the keys of the messages that were taken, in order. A repeated message
	// has the same key.
	Keys func() []string
	// Problems returns what was wrong with the messages.
	Problems func() []string
}

// Run holds a kind of channel to the rules of package channel. The cases of HTTP run for
// kinds that use it, those of networks and messages for all.
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

// serve starts the service without any trouble.
func (f Fixture) serve(tb testing.TB) Service {
	tb.Helper()
	if f.Serve != nil {
		return f.Serve(tb)
	}
	return newReceiver(tb, f.HTTP, nil).service()
}

// send sends within patience.
func send(tb testing.TB, ch channel.Channel, n channel.Notification) channel.Result {
	tb.Helper()
	return sendWithin(tb, patience, ch, n)
}

// sendWithin sends within a timeout and checks what holds for every result.
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

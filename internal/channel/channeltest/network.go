package channeltest

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"alertd/internal/channel"
	"alertd/internal/incident"
)

var networkCases = []testCase{
	{"nobody listens", nobodyListens},
	{"the connection is reset before there is an answer", theConnectionIsResetBeforeThereIsAnAnswer},
	{"the connection is reset while the message is sent", theConnectionIsResetWhileTheMessageIsSent},
	{"the answer is cut off", theAnswerIsCutOff},
	{"the message is cut off", theMessageIsCutOff},
	{"the answer never comes", theAnswerNeverComes},
	{"the message never arrives", theMessageNeverArrives},
	{"the network is slow", theNetworkIsSlow},
	{"a send that is called off returns", aSendThatIsCalledOffReturns},
	{"a send that is called off before it begins sends nothing", aSendThatIsCalledOffBeforeItBeginsSendsNothing},
	{"after an outage messages arrive again", afterAnOutageMessagesArriveAgain},
}

func nobodyListens(t *testing.T, f Fixture) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	result := send(t, f.open(t, address), Notification(incident.Opened))
	requireNoAnswer(t, result)
	f.requireSecret(t, result)
}

// requireNoAnswer checks the result of a message that may or may not have arrived.
func requireNoAnswer(tb testing.TB, result channel.Result) {
	tb.Helper()
	assert.Equal(tb, channel.Transient, result.Outcome, result.Error)
	assert.Zero(tb, result.Code)
}

// throughProxy returns a service, a network that can fail, and a channel that reaches the
// service through it.
func (f Fixture) throughProxy(tb testing.TB) (Service, proxy, channel.Channel) {
	tb.Helper()
	service := f.serve(tb)
	network := newProxy(tb, service.Address)
	return service, network, f.open(tb, network.Listen)
}

func theConnectionIsResetBeforeThereIsAnAnswer(t *testing.T, f Fixture) {
	_, network, ch := f.throughProxy(t)
	network.toxic(t, "reset_peer", "down", map[string]int{"timeout": 0})
	result := send(t, ch, Notification(incident.Opened))
	requireNoAnswer(t, result)
	f.requireSecret(t, result)
}

func theConnectionIsResetWhileTheMessageIsSent(t *testing.T, f Fixture) {
	_, network, ch := f.throughProxy(t)
	network.toxic(t, "reset_peer", "up", map[string]int{"timeout": 0})
	result := send(t, ch, Notification(incident.Opened))
	requireNoAnswer(t, result)
	f.requireSecret(t, result)
}

// A success whose body is lost is delivered or transient, and never a refusal.
func theAnswerIsCutOff(t *testing.T, f Fixture) {
	for _, size := range []int{0, 1, 12, 40} {
		_, network, ch := f.throughProxy(t)
		network.toxic(t, "limit_data", "down", map[string]int{"bytes": size})
		result := send(t, ch, Notification(incident.Opened))
		assert.NotEqual(t, channel.Permanent, result.Outcome, "%d bytes: %s", size, result.Error)
		if size <= 1 || f.HTTP != nil && size <= 12 {
			requireNoAnswer(t, result)
		}
	}
}

func theMessageIsCutOff(t *testing.T, f Fixture) {
	for _, size := range []int{0, 1, 100} {
		service, network, ch := f.throughProxy(t)
		network.toxic(t, "limit_data", "up", map[string]int{"bytes": size})
		result := send(t, ch, Notification(incident.Opened))
		assert.Equal(t, channel.Transient, result.Outcome, "%d bytes: %s", size, result.Error)
		assert.Empty(t, service.Keys(), "half a message counts as one")
	}
}

func theAnswerNeverComes(t *testing.T, f Fixture) {
	_, network, ch := f.throughProxy(t)
	network.toxic(t, "timeout", "down", map[string]int{"timeout": 0})
	result := sendWithin(t, short, ch, Notification(incident.Opened))
	requireNoAnswer(t, result)
	f.requireSecret(t, result)
}

func theMessageNeverArrives(t *testing.T, f Fixture) {
	service, network, ch := f.throughProxy(t)
	network.toxic(t, "timeout", "up", map[string]int{"timeout": 0})
	requireNoAnswer(t, sendWithin(t, short, ch, Notification(incident.Opened)))
	assert.Empty(t, service.Keys())
}

func theNetworkIsSlow(t *testing.T, f Fixture) {
	_, network, ch := f.throughProxy(t)
	network.toxic(t, "latency", "down", map[string]int{"latency": 60, "jitter": 20})
	network.toxic(t, "slicer", "up", map[string]int{"average_size": 200, "size_variation": 100, "delay": 100})
	result := send(t, ch, Notification(incident.Opened))
	assert.Equal(t, channel.Delivered, result.Outcome, result.Error)
}

func aSendThatIsCalledOffReturns(t *testing.T, f Fixture) {
	// A server that takes connections and never answers.
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() }) // closed below, unless the test failed
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	accepted := make(chan error, 1)
	go func() {
		connection, err := listener.Accept()
		cancel()
		accepted <- err
		if err == nil {
			_, _ = connection.Read(make([]byte, 1<<20)) // until the channel lets go
			_ = connection.Close()
		}
	}()
	ch := f.open(t, listener.Addr().String())
	result := sendFor(ctx, t, ch, Notification(incident.Opened))
	requireNoAnswer(t, result)
	f.requireSecret(t, result)
	require.NoError(t, listener.Close())
	require.NoError(t, <-accepted)
}

func aSendThatIsCalledOffBeforeItBeginsSendsNothing(t *testing.T, f Fixture) {
	service := f.serve(t)
	ch := f.open(t, service.Address)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	requireNoAnswer(t, sendFor(ctx, t, ch, Notification(incident.Opened)))
	assert.Empty(t, service.Keys())
}

func afterAnOutageMessagesArriveAgain(t *testing.T, f Fixture) {
	_, network, ch := f.throughProxy(t)
	require.Equal(t, channel.Delivered, send(t, ch, Notification(incident.Opened)).Outcome)
	network.Stop() // which also cuts the connection that the channel has kept
	requireNoAnswer(t, sendWithin(t, patience, ch, Notification(incident.Updated)))
	require.NoError(t, network.Start())
	result := send(t, ch, Notification(incident.Updated))
	assert.Equal(t, channel.Delivered, result.Outcome, result.Error)

	network.toxic(t, "timeout", "down", map[string]int{"timeout": 0})
	requireNoAnswer(t, sendWithin(t, short, ch, Notification(incident.Updated)))
	network.recover(t)
	deadline := time.Now().Add(patience)
	for { // a connection that was kept may turn out to be of no use first
		result = send(t, ch, Notification(incident.Updated))
		if result.Outcome == channel.Delivered || time.Now().After(deadline) {
			break
		}
	}
	assert.Equal(t, channel.Delivered, result.Outcome, result.Error)
}

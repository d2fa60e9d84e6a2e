package channeltest_test

import (
	"bufio"
	"context"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"alertd/internal/channel"
	"alertd/internal/channel/channeltest"
)

// lines is a kind of channel that does not talk HTTP: a line of JSON for each
// message, on a connection of its own, and "ok" for an answer.
type lines struct{ address string }

type line struct {
	Key     string `json:"key"`
	Subject string `json:"subject"`
}

func (l lines) Send(ctx context.Context, n channel.Notification) channel.Result {
	if err := l.send(ctx, n); err != nil {
		return channel.Result{Outcome: channel.Transient, Error: channel.OneLine(err.Error())}
	}
	return channel.Result{Outcome: channel.Delivered}
}

func (l lines) send(ctx context.Context, n channel.Notification) error {
	connection, err := new(net.Dialer).DialContext(ctx, "tcp", l.address)
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close() }() // what matters was answered
	defer context.AfterFunc(ctx, func() { _ = connection.SetDeadline(time.Unix(1, 0)) })()
	text, err := json.Marshal(line{n.Key, n.Subject(200)})
	if err != nil {
		return err
	}
	if _, err := connection.Write(append(text, '\n')); err != nil {
		return err
	}
	_, err = bufio.NewReader(connection).ReadString('\n')
	return err
}

func (lines) Close() error { return nil }

// serveLines takes every line.
func serveLines(tb testing.TB) channeltest.Service {
	tb.Helper()
	listener, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	var mu sync.Mutex
	var keys, problems []string
	var served sync.WaitGroup
	serve := func(connection net.Conn) {
		defer func() { _ = connection.Close() }() // the client knows
		text, err := bufio.NewReader(connection).ReadBytes('\n')
		if err != nil {
			return // cut off
		}
		var l line
		mu.Lock()
		defer mu.Unlock()
		if err := json.Unmarshal(text, &l); err != nil {
			problems = append(problems, err.Error())
		}
		keys = append(keys, l.Key)
		_, _ = connection.Write([]byte("ok\n")) // the client may have left
	}
	served.Go(func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			served.Go(func() { serve(connection) })
		}
	})
	tb.Cleanup(func() {
		assert.NoError(tb, listener.Close())
		served.Wait()
	})
	locked := func(texts *[]string) func() []string {
		return func() []string {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(*texts)
		}
	}
	return channeltest.Service{Address: listener.Addr().String(), Keys: locked(&keys), Problems: locked(&problems)}
}

func TestRunFitsKindsWithoutHTTP(t *testing.T) {
	channeltest.Run(t, channeltest.Fixture{
		New:   func(_ testing.TB, address string) channel.Channel { return lines{address} },
		Serve: serveLines,
	})
}

package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestReadAnswer(t *testing.T) {
	const whole = "HTTP/1.1 201 Created\r\nContent-Length: 5\r\nDate: now\r\n\r\nhello"
	tests := map[string]struct {
		answer, body, problem string
	}{
		"a whole answer":             {answer: whole, body: "hello"},
		"an empty body":              {answer: "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"},
		"cut off in the head":        {answer: whole[:30], problem: "unexpected EOF"},
		"cut off in the body":        {answer: whole[:len(whole)-1], problem: "unexpected EOF"},
		"more than one answer":       {answer: whole + "H", problem: `more after its end: "H"`},
		"no Content-Length":          {answer: "HTTP/1.1 201 Created\r\n\r\n", problem: "no Content-Length"},
		"a Content-Length of no use": {answer: "HTTP/1.1 201 Created\r\nContent-Length: -1\r\n\r\n", problem: "no Content-Length"},
		"too long for the space":     {answer: "HTTP/1.1 201 Created\r\nContent-Length: 999\r\n\r\n" + strings.Repeat("a", 999), problem: "more than 100 bytes"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			readers := map[string]io.Reader{"at once": strings.NewReader(test.answer), "byte by byte": iotest.OneByteReader(strings.NewReader(test.answer))}
			for how, reader := range readers {
				if how == "byte by byte" && strings.HasPrefix(test.problem, "more after") {
					continue // the next answer's reader would notice
				}
				head, body, err := readAnswer(reader, make([]byte, 100))
				if test.problem != "" {
					require.ErrorContains(t, err, test.problem, how)
					continue
				}
				require.NoError(t, err, how)
				require.Equal(t, test.answer, string(head)+string(body), how)
				require.Equal(t, test.body, string(body), how)
			}
		})
	}
}

func TestSendCountsEveryRequest(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(bare))
	defer server.Close()
	open, err := dial(t.Context(), []string{server.Listener.Addr().String()}, 3)
	require.NoError(t, err)
	defer open.close()
	l, err := open.send(t.Context(), 10*time.Millisecond)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(l.latencies), 3)
	require.GreaterOrEqual(t, l.took, 10*time.Millisecond)
	require.Greater(t, l.answer, l.body)
	require.InDelta(t, 327, l.body, 5, "an event as alertd answers it")
}

func TestSendEndsWithTheAnswerThatIsNo201(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "not today", http.StatusTeapot)
	}))
	defer server.Close()
	open, err := dial(t.Context(), []string{server.Listener.Addr().String()}, 1)
	require.NoError(t, err)
	defer open.close()
	_, err = open.send(t.Context(), time.Minute)
	require.ErrorContains(t, err, "418 I'm a teapot")
	require.ErrorContains(t, err, "not today")
}

func TestSendEndsWhenTheContextDoes(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(bare))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	open, err := dial(ctx, []string{server.Listener.Addr().String()}, 2)
	require.NoError(t, err)
	defer open.close()
	cancel()
	_, err = open.send(ctx, time.Minute)
	require.ErrorIs(t, err, net.ErrClosed)
}

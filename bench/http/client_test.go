package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSendCountsEveryRequest(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(bare))
	defer server.Close()
	open, err := dial(t.Context(), []string{server.Listener.Addr().String()}, "", 3)
	require.NoError(t, err)
	defer open.close()
	l, err := open.send(t.Context(), 10*time.Millisecond)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(l.latencies), 3)
	require.GreaterOrEqual(t, l.took, 10*time.Millisecond)
	require.Greater(t, l.answer, l.body)
	require.InDelta(t, 327, l.body, 5, "an event as alertd answers it")
}

func TestRequestsShowTheToken(t *testing.T) {
	shown := make(chan string, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown <- r.Header.Get("Authorization")
		bare(w, r)
	}))
	defer server.Close()
	for token, want := range map[string]string{"": "", "secret": "Bearer secret"} {
		open, err := dial(t.Context(), []string{server.Listener.Addr().String()}, token, 1)
		require.NoError(t, err)
		_, err = open.send(t.Context(), 0)
		open.close()
		require.NoError(t, err)
		require.Equal(t, want, <-shown)
	}
}

func TestSendEndsWithAnotherAnswerThan201(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "not today", http.StatusTeapot)
	}))
	defer server.Close()
	open, err := dial(t.Context(), []string{server.Listener.Addr().String()}, "", 1)
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
	open, err := dial(ctx, []string{server.Listener.Addr().String()}, "", 2)
	require.NoError(t, err)
	defer open.close()
	cancel()
	_, err = open.send(ctx, time.Minute)
	require.ErrorIs(t, err, net.ErrClosed)
}

package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTailKeepsTheEnd(t *testing.T) {
	var log tail
	_, _ = log.Write([]byte(strings.Repeat("a", tailSize)))
	n, err := log.Write([]byte("the end\n"))
	require.NoError(t, err)
	require.Equal(t, 8, n)
	require.Equal(t, strings.Repeat("a", tailSize-8)+"the end", log.String())

	_, _ = log.Write([]byte(strings.Repeat("b", 3*tailSize)))
	require.Equal(t, strings.Repeat("b", tailSize), log.String())
}

func TestStartChildShowsTheLogOfWhatDoesNotStart(t *testing.T) {
	_, err := startChild(t.Context(), "nobody", []string{"sh", "-c", "echo 'no such thing' >&2; exit 3"})
	require.ErrorContains(t, err, "the process has ended")
	require.ErrorContains(t, err, "no such thing")
}

func TestStartChildStopsWhatDoesNotListen(t *testing.T) {
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, errors.New("that is enough"))
	defer cancel()
	_, err := startChild(ctx, "nobody", []string{"sleep", "60"})
	require.ErrorContains(t, err, "that is enough")
}

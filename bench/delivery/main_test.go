package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// TestMain makes the test binary the bare relay where the program would start itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == relayFlag {
		if err := run(context.Background(), os.Args[1:], io.Discard); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1) //nolint:forbidigo // it stands for main here
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func TestWrongOptionsAreRefused(t *testing.T) {
	for name, args := range map[string][]string{
		"an argument":       {"extra"},
		"an unknown part":   {"-only", "latency,speed"},
		"no part":           {"-only", ""},
		"no round":          {"-rounds", "0"},
		"a short turn":      {"-duration", "10ms"},
		"a low rate":        {"-rate", "19"},
		"half a batch":      {"-events", "1500"},
		"no storm at all":   {"-events", "0"},
		"an unknown option": {"-speed"},
	} {
		require.Error(t, run(t.Context(), args, io.Discard), name)
	}
}

func TestFailedStartEndsTheRun(t *testing.T) {
	for _, part := range parts() {
		err := run(t.Context(), []string{"-dir", t.TempDir(), "-alertd", "/nowhere", "-only", part, "-events", "1000"}, io.Discard)
		require.ErrorContains(t, err, "measure "+part)
		require.ErrorContains(t, err, "/nowhere")
	}
}

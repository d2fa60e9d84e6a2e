package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/needs"
)

// campaignOn plays a campaign against a miniature of alertd and returns its output. Its files
// are in the directory.
func campaignOn(t *testing.T, nature, engine, directory string, args ...string) (string, error) {
	t.Helper()
	if testing.Short() {
		t.Skip("a campaign is not short; make crash-test runs it")
	}
	var out strings.Builder
	err := run(t.Context(), append([]string{ // a miniature has no silences
		"-alertd", miniatureOf(t, nature), "-engines", engine, "-directory", directory, "-seed", "7", "-clients", "6", "-max-batch", "30", "-noise=false",
	}, args...), &out)
	if strings.Contains(out.String(), engine+": left out") {
		needs.Lacking(t, "a database: %s", out.String())
	}
	return out.String(), err
}

// miniatureOf returns a command that runs a miniature of that nature. It does not change the
// environment of the tests, so they can run in parallel.
func miniatureOf(tb testing.TB, nature string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "miniature")
	script := fmt.Sprintf("#!/bin/sh\n%s='%s' exec '%s' \"$@\"\n", envMiniature, nature, os.Args[0])
	require.NoError(tb, os.WriteFile(path, []byte(script), 0o700))
	return path
}

// row returns the numbers in the table's row of an engine.
func row(tb testing.TB, output, engine string) (numbers [11]string) {
	tb.Helper()
	for line := range strings.Lines(output) {
		if fields := strings.Fields(line); len(fields) == 12 && fields[0] == engine {
			copy(numbers[:], fields[1:])
			return numbers
		}
	}
	require.Failf(tb, "there is no row", "of %s in %s", engine, output)
	return numbers
}

func TestHonestAlertdPasses(t *testing.T) {
	t.Parallel()
	for engine, rounds := range map[string]string{"sqlite": "4", "postgres": "4", "replicas": "5"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			directory := t.TempDir()
			output, err := campaignOn(t, honest, engine, directory, "-rounds", rounds)
			require.NoError(t, err, output)
			numbers := row(t, output, engine)
			require.Equal(t, map[string]string{"4": "5", "5": "6"}[rounds], numbers[0], "and one round without a kill")
			require.NotEqual(t, "0", numbers[3], "nothing was acknowledged")
			require.Equal(t, []string{"0", "0"}, numbers[4:6])
			require.NotEqual(t, "0", numbers[6], "there are no incidents")
			require.NotEqual(t, "0", numbers[7], "nothing was told")
			require.Equal(t, []string{"0", "0"}, numbers[9:])
			require.Contains(t, output, "seed 7\n")
			left, err := os.ReadDir(directory)
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}

func TestLostAlertsAreFound(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	output, err := campaignOn(t, volatile, "sqlite", directory, "-rounds", "3")
	require.ErrorContains(t, err, "alertd does not keep its promise")
	require.NotEqual(t, "0", row(t, output, "sqlite")[4])
	require.Contains(t, output, "and not in the log")
	kept, err := filepath.Glob(filepath.Join(directory, "alertd-crash-*", "sqlite", "alertd*"))
	require.NoError(t, err)
	require.NotEmpty(t, kept, "the files are kept for a person to look at")
}

func TestDoubledAlertsAreFound(t *testing.T) {
	t.Parallel()
	output, err := campaignOn(t, forgetful, "sqlite", t.TempDir(), "-rounds", "2")
	require.ErrorContains(t, err, "alertd does not keep its promise")
	require.NotEqual(t, "0", row(t, output, "sqlite")[5])
	require.Contains(t, output, "registered once more")
}

func TestAnswersUnlikeTheLogAreFound(t *testing.T) {
	t.Parallel()
	output, err := campaignOn(t, sloppy, "sqlite", t.TempDir(), "-rounds", "2")
	require.ErrorContains(t, err, "alertd does not keep its promise")
	for _, detail := range []string{
		"and not in the log", "the database has ", "sqlite: wrong: GET /events/stream: event 3 of it is not",
		"a reader that follows through crashes: GET /events/stream: event 3 of it is not",
	} {
		require.Contains(t, output, detail)
	}
	require.Regexp(t, `GET /events/[0-9a-f-]{36} is not what GET /events has, from byte 0 on:\n`, output)
}

func TestBadEndIsFound(t *testing.T) {
	t.Parallel()
	output, err := campaignOn(t, grudging, "sqlite", t.TempDir(), "-rounds", "1")
	require.ErrorContains(t, err, "alertd does not keep its promise")
	require.Contains(t, output, "sqlite: wrong: stop alertd: exit status")
}

func TestWrongMessagesAreFound(t *testing.T) {
	t.Parallel()
	for nature, details := range map[string][]string{
		mute:       {"sqlite: untold: channel ", " was not told of incident "},
		hasty:      {"sqlite: wrong: told on channel ", "and not in the database"},
		stuttering: {"sqlite: wrong: the message ", " had a 2xx and was not killed"},
		fickle:     {"sqlite: wrong: told on channel ", "and not in the database"},
	} {
		t.Run(nature, func(t *testing.T) {
			output, err := campaignOn(t, nature, "sqlite", t.TempDir(), "-rounds", "1")
			require.ErrorContains(t, err, "alertd does not keep its promise")
			for _, detail := range details {
				require.Contains(t, output, detail)
			}
		})
	}
}

func TestMissingRecoveryIsFound(t *testing.T) {
	t.Parallel()
	output, err := campaignOn(t, helpless, "postgres", t.TempDir(), "-rounds", "4", "-patience", "4s", "-tell-patience", "1s")
	require.ErrorContains(t, err, "alertd does not keep its promise")
	require.Contains(t, output, "alertd does not recover by itself")
}

func TestFailedStartShowsTheLog(t *testing.T) {
	t.Parallel()
	script := filepath.Join(t.TempDir(), "alertd")
	require.NoError(t, os.WriteFile(script, []byte("#!/bin/sh\necho 'no such thing' >&2; exit 3\n"), 0o700))
	var out strings.Builder
	err := run(t.Context(), []string{"-alertd", script, "-engines", "sqlite", "-rounds", "1", "-directory", t.TempDir()}, &out)
	require.ErrorContains(t, err, "alertd has ended instead of listening: exit status 3")
	require.ErrorContains(t, err, "no such thing")
}

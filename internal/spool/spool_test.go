package spool_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/client"
	"alertd/internal/spool"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func newAlert(t *testing.T, source string) client.Alert {
	t.Helper()
	alert, err := client.NewAlert([]byte(`{"severity":"error","category":"risk_limit","source":"`+source+`","message":"m"}`), start)
	require.NoError(t, err)
	return alert
}

// filled returns a folder with files of two alerts each, put in an order that is not that
// of time.
func filled(t *testing.T, files int) (dir spool.Dir, path string, ids []alerting.EventID) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "spool")
	dir, err := spool.Open(path)
	require.NoError(t, err)
	batches := make([][]client.Alert, files)
	for i := range batches {
		batches[i] = []client.Alert{newAlert(t, "a"), newAlert(t, "b")}
		ids = append(ids, batches[i][0].ID, batches[i][1].ID)
	}
	for i := files - 1; i >= 0; i-- {
		require.NoError(t, dir.Put(batches[i], start.Add(time.Duration(i))))
	}
	return dir, path, ids
}

// taken is an alertd that notes what it is sent, one drain at a time.
type taken struct {
	turn sync.Mutex
	ids  []alerting.EventID
}

func (k *taken) send(_ context.Context, alerts []client.Alert) ([]client.Result, error) {
	if !k.turn.TryLock() {
		return nil, errors.New("another drain sends at the same time")
	}
	defer k.turn.Unlock()
	results := make([]client.Result, len(alerts))
	for i, alert := range alerts {
		k.ids = append(k.ids, alert.ID)
		results[i].Status = "registered"
	}
	return results, nil
}

func noneRefused(t *testing.T) func(spool.Refused) {
	return func(r spool.Refused) { require.Fail(t, "refused", "%v", r) }
}

// files returns the names in a folder that are alerts.
func files(t *testing.T, path string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(path, "*.ndjson"))
	require.NoError(t, err)
	return names
}

func TestDrainSendsTheOldestFirstAndEmptiesTheFolder(t *testing.T) {
	dir, path, ids := filled(t, 5)
	for _, name := range append(files(t, path), path) {
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077, "%s is for its owner alone", name)
	}
	var k taken
	drained, err := dir.Drain(t.Context(), k.send, noneRefused(t))
	require.NoError(t, err)
	require.Equal(t, spool.Drained{Sent: 10}, drained)
	require.Equal(t, ids, k.ids)
	require.Empty(t, files(t, path))
	drained, err = dir.Drain(t.Context(), k.send, noneRefused(t))
	require.NoError(t, err)
	require.Zero(t, drained)
}

func TestDrainStopsWhereAlertdDoes(t *testing.T) {
	dir, path, ids := filled(t, 5)
	var k taken
	for _, stop := range []error{&client.UnreachableError{Err: errors.New("away")}, &client.Error{Status: http.StatusUnauthorized}, context.Canceled} {
		left := len(files(t, path))
		sent := 0
		_, err := dir.Drain(t.Context(), func(ctx context.Context, alerts []client.Alert) ([]client.Result, error) {
			if sent++; sent == 2 {
				return nil, stop
			}
			return k.send(ctx, alerts)
		}, noneRefused(t))
		require.ErrorIs(t, err, stop)
		require.Len(t, files(t, path), left-1)
	}
	require.Equal(t, ids[:6], k.ids)
}

func TestWhatIsRefusedDoesNotStopWhatIsBehindIt(t *testing.T) {
	dir, path, ids := filled(t, 3)
	require.NoError(t, os.WriteFile(filepath.Join(path, "0.ndjson"), []byte("nonsense\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(path, "00.ndjson"), append(newAlert(t, "unprocessable").JSON, '\n'), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(path, "2.ndjson"), nil, 0o600)) // is being written
	var k taken
	var refused []string
	drained, err := dir.Drain(t.Context(), func(ctx context.Context, alerts []client.Alert) ([]client.Result, error) {
		if len(alerts) == 1 {
			return nil, &client.Error{Status: http.StatusUnprocessableEntity, Detail: "a batch must be good"}
		}
		results, err := k.send(ctx, alerts)
		results[1] = client.Result{Status: client.Rejected, Errors: []alerting.FieldError{{Field: "source", Message: "not yours"}}}
		return results, err
	}, func(r spool.Refused) {
		name, err := filepath.Rel(path, r.File)
		require.NoError(t, err)
		refused = append(refused, fmt.Sprintf("%s:%d %s", filepath.Dir(name), r.Line, r.Errors[0].Message))
	})
	require.NoError(t, err)
	require.Equal(t, spool.Drained{Sent: 3, Refused: 5}, drained)
	require.Equal(t, ids, k.ids)
	require.Len(t, refused, 5)
	require.Contains(t, refused[0], "refused:1 malformed JSON")
	require.Contains(t, refused[1], "refused:1 a batch must be good")
	require.Equal(t, "refused:2 not yours", refused[2])
	require.Len(t, files(t, filepath.Join(path, "refused")), 5)
	require.Equal(t, []string{filepath.Join(path, "2.ndjson")}, files(t, path), "the file that is being written stays")
	kept, err := os.ReadFile(files(t, filepath.Join(path, "refused"))[0])
	require.NoError(t, err)
	require.Equal(t, "nonsense\n", string(kept))
}

// A crash between the two leaves both files.
func TestDrainAfterACrashBetweenAsideAndRemove(t *testing.T) {
	dir, path, _ := filled(t, 1)
	name := files(t, path)[0]
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(path, "refused"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(path, "refused", filepath.Base(name)), data, 0o600))
	_, err = dir.Drain(t.Context(), func(context.Context, []client.Alert) ([]client.Result, error) {
		return []client.Result{{Status: client.Rejected}, {Status: client.Rejected}}, nil
	}, func(spool.Refused) {})
	require.NoError(t, err)
	require.Empty(t, files(t, path))
}

func TestDrainsTakeTurnsWhileOthersPut(t *testing.T) {
	dir, path, ids := filled(t, 20)
	var k taken // one drain at a time, so it needs no lock
	var parts sync.WaitGroup
	for range 3 {
		parts.Go(func() {
			_, err := dir.Drain(t.Context(), k.send, noneRefused(t))
			assert.NoError(t, err)
		})
	}
	more := []client.Alert{newAlert(t, "late")}
	parts.Go(func() { assert.NoError(t, dir.Put(more, start.Add(time.Hour))) })
	parts.Wait()
	_, err := dir.Drain(t.Context(), k.send, noneRefused(t))
	require.NoError(t, err)
	require.Equal(t, append(ids, more[0].ID), k.ids)
	require.Empty(t, files(t, path))
}

func TestPutSaysThatItCannot(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := spool.Open(file)
	require.ErrorContains(t, err, "spool: ")
	_, err = spool.Open(filepath.Join(file, "below"))
	require.ErrorContains(t, err, "spool: ")
	dir, err := spool.Open(filepath.Join(t.TempDir(), "gone"))
	require.NoError(t, err)
	dir2, path, _ := filled(t, 1)
	require.NoError(t, os.RemoveAll(path))
	require.Error(t, dir2.Put([]client.Alert{newAlert(t, "a")}, start))
	require.NoError(t, dir.Put([]client.Alert{newAlert(t, "a")}, start))
}

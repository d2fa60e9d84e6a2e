package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/alerting"
	"alertd/internal/store"
	"alertd/internal/transfer"
)

func TestImportKeepsIdsAndTimes(t *testing.T) {
	const line = `{"event_id":"019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55","timestamp":"2025-12-27T10:30:00.123456Z","severity":"error","category":"risk_limit",` +
		`"source":"var_gate","message":"m","context":{"limit": 0.030},"seq":1,"received_at":"2025-12-27T10:30:01.654321Z","dedup_key":"k","resolves":true}` + "\n"
	log := newLog(t)
	imported, err := transfer.Import(t.Context(), log, strings.NewReader(line), transfer.ImportOptions{MaxLine: maxLine})
	require.NoError(t, err)
	require.Equal(t, transfer.Imported{Events: 1, Lines: 1}, imported)
	require.Equal(t, line, export(t, log, alerting.Filter{}, transfer.NDJSON))
}

func TestImportTakesPostedAlerts(t *testing.T) {
	log := newLog(t)
	imported, err := transfer.Import(t.Context(), log, strings.NewReader(alertAt(aDay, "one")+"\r\n\n \t\n"+alertAt(aDay, "two")), transfer.ImportOptions{MaxLine: maxLine})
	require.NoError(t, err)
	require.Equal(t, transfer.Imported{Events: 2, WithoutID: 2, Lines: 4}, imported)
}

func TestImportAcceptsOwnEvents(t *testing.T) {
	const own = `{"event_id":"00000000-0000-7000-8000-000000000001","severity":"error","category":"system_health","source":"alertd","message":"channel slack: given up"}` + "\n"
	source, target := sqliteConfig(t), sqliteConfig(t)
	importInto(t, source, own)
	exported := exportOf(t, source)
	require.Contains(t, exported, `"source":"alertd"`)
	importInto(t, target, exported)
	require.Equal(t, exported, exportOf(t, target))
}

func TestKnownIdIsADuplicate(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, config store.Config) {
		require.Equal(t, transfer.Imported{Events: 2500, Lines: 2500}, importInto(t, config, numbered(1, 2500)))
		once := exportOf(t, config)
		require.Equal(t, transfer.Imported{Events: 10, Duplicates: 2500, Lines: 2510}, importInto(t, config, numbered(1, 2510)))
		require.Equal(t, transfer.Imported{Duplicates: 2510, Lines: 2510}, importInto(t, config, exportOf(t, config)))
		require.Equal(t, once, strings.Join(strings.SplitAfter(exportOf(t, config), "\n")[:2500], ""))

		twice := numbered(3000, 1) + numbered(3000, 1)
		require.Equal(t, transfer.Imported{Events: 1, Duplicates: 1, Lines: 2}, importInto(t, config, twice))
	})
}

func TestInvalidLineEndsTheImportAfterEarlierLines(t *testing.T) {
	for name, test := range map[string]struct{ line, want string }{
		"a field that is wrong":    {`{"severity":"loud","category":"other","source":"s","message":"m"}`, `line 1502: severity: "loud" is not one of the known values, must be one of debug, info, warning, error, critical`},
		"two fields that are":      {`{"severity":"error","category":"other","source":"s","text":"m"}`, `line 1502: text: is not a known field, must be one of severity, category, source, message, context, timestamp, event_id, dedup_key, resolves, seq, received_at, incident_id; message: is missing or empty, must have 1 to 8192 characters`},
		"what is no JSON":          {`event,severity`, `line 1502: malformed JSON at byte 0: invalid character 'e' at start of value`},
		"half a line":              {`{"severity":"error"`, `line 1502: malformed JSON: it ends too soon`},
		"an array":                 {`[]`, `line 1502: an alert must be a JSON object`},
		"a line that is too long":  {`{"severity":"` + strings.Repeat("x", 2000) + `"}`, `line 1502: has more than 1000 bytes, which is the most that [server] max_body allows`},
		"two objects on one line":  {`{"severity":"error","category":"other","source":"s","message":"m"} {}`, `line 1502: malformed JSON: there is more after the first value`},
		"a time before the events": {`{"severity":"error","category":"other","source":"s","message":"m","received_at":"1969-01-01T00:00:00Z"}`, `line 1502: received_at: 1969-01-01T00:00:00Z is out of range, must be from the year 1970 to 9999`},
	} {
		t.Run(name, func(t *testing.T) {
			log := newLog(t)
			text := numbered(1, 1500) + "\n" + test.line + "\n" + numbered(1501, 10)
			imported, err := transfer.Import(t.Context(), log, strings.NewReader(text), transfer.ImportOptions{MaxLine: 1000})
			require.EqualError(t, err, test.want)
			var line *transfer.LineError
			require.ErrorAs(t, err, &line)
			require.Equal(t, transfer.Imported{Events: 1500, Invalid: 1, Lines: 1501}, imported)
			extent, err := log.Extent(t.Context())
			require.NoError(t, err)
			require.EqualValues(t, 1500, extent.Last)
		})
	}
}

func TestInvalidLinesAreSkippedOnRequest(t *testing.T) {
	log := newLog(t)
	text := "bad\n" + numbered(1, 1200) + strings.Repeat("x", 200_000) + "\n" + numbered(1201, 1) + "worse"
	var invalid []uint64
	imported, err := transfer.Import(t.Context(), log, strings.NewReader(text), transfer.ImportOptions{
		MaxLine: 1000, SkipInvalid: true,
		Invalid: func(line *transfer.LineError) { invalid = append(invalid, line.Line) },
	})
	require.NoError(t, err)
	require.Equal(t, transfer.Imported{Events: 1201, Invalid: 3, Lines: 1204}, imported)
	require.Equal(t, []uint64{1, 1202, 1204}, invalid)
}

func TestLongestLineIsTaken(t *testing.T) {
	line := strings.TrimSpace(numbered(1, 1))
	for _, end := range []string{"", "\n", "\r\n"} {
		_, err := transfer.Import(t.Context(), newLog(t), strings.NewReader(line+end), transfer.ImportOptions{MaxLine: int64(len(line))})
		require.NoError(t, err)
		_, err = transfer.Import(t.Context(), newLog(t), strings.NewReader(line+end), transfer.ImportOptions{MaxLine: int64(len(line)) - 1})
		require.ErrorContains(t, err, "line 1: has more than ")
	}
}

// counting is a target that records the sizes of its batches.
type counting struct {
	*alerting.MemoryLog
	batches []int
	during  func()
	after   func()
	err     error
}

func (c *counting) Append(ctx context.Context, drafts []*alerting.Draft) ([]alerting.Appended, error) {
	if c.err != nil {
		return nil, c.err
	}
	c.batches = append(c.batches, len(drafts))
	if c.during != nil {
		c.during()
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if c.after != nil {
		defer c.after()
	}
	return c.MemoryLog.Append(ctx, drafts)
}

func TestImportAppendsInBatches(t *testing.T) {
	log := &counting{MemoryLog: newLog(t)}
	_, err := transfer.Import(t.Context(), log, strings.NewReader(numbered(1, 2500)), transfer.ImportOptions{MaxLine: maxLine})
	require.NoError(t, err)
	require.Equal(t, []int{1000, 1000, 500}, log.batches)

	log.batches = nil
	var big strings.Builder
	for range 10 {
		_, _ = fmt.Fprintf(&big, `{"severity":"error","category":"other","source":"s","message":"m","context":{"x":"%s"}}`+"\n", strings.Repeat("x", 1<<20))
	}
	_, err = transfer.Import(t.Context(), log, strings.NewReader(big.String()), transfer.ImportOptions{MaxLine: maxLine})
	require.NoError(t, err)
	require.Equal(t, []int{4, 4, 2}, log.batches, "and not more than a few megabytes")
}

func TestProgressIsInBytesOfTheFile(t *testing.T) {
	var told []int64
	text := numbered(1, 2500)
	_, err := transfer.Import(t.Context(), newLog(t), strings.NewReader(text), transfer.ImportOptions{
		MaxLine: maxLine, Progress: func(bytes int64) { told = append(told, bytes) },
	})
	require.NoError(t, err)
	require.Equal(t, []int64{int64(len(numbered(1, 1000))), int64(len(numbered(1, 2000))), int64(len(text))}, told)
}

func TestImportStopsBetweenTransactions(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	log := &counting{MemoryLog: newLog(t), during: cancel}
	imported, err := transfer.Import(ctx, log, strings.NewReader(numbered(1, 2500)), transfer.ImportOptions{MaxLine: maxLine})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, transfer.Imported{Events: 1000, Lines: 1000}, imported)
	require.Equal(t, []int{1000}, log.batches)
}

func TestImportEndsWhereTheLogFails(t *testing.T) {
	unavailable := &alerting.Error{Code: alerting.CodeUnavailable, Message: "the event log is not available: the disk is full"}
	log := &counting{MemoryLog: newLog(t)}
	log.after = func() { log.err = unavailable }
	imported, err := transfer.Import(t.Context(), log, strings.NewReader(numbered(1, 2500)), transfer.ImportOptions{MaxLine: maxLine})
	require.ErrorIs(t, err, unavailable)
	require.EqualError(t, err, "import after line 1000: the event log is not available: the disk is full")
	require.Equal(t, transfer.Imported{Events: 1000, Lines: 1000}, imported)
}

func TestUnreadableFileEndsTheImportAfterEarlierLines(t *testing.T) {
	broken := errors.New("broken")
	imported, err := transfer.Import(t.Context(), newLog(t), io.MultiReader(strings.NewReader(numbered(1, 10)), &failing{err: broken}), transfer.ImportOptions{MaxLine: maxLine})
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "read after line 10: ")
	require.Equal(t, transfer.Imported{Events: 10, Lines: 10}, imported)
}

// For any log: import its export into another log, and both have the same export.
func TestExportImportRoundTrip(t *testing.T) {
	text := rapid.StringOf(rapid.SampledFrom([]rune("ab \t\n\r\"\\/<>&é\u2028\u2029😀=-")))
	value := rapid.SampledFrom([]string{`1.50`, `-0`, `1e+05`, `12345678901234567890.10`, "\"a\\u00e9\\n\"", `null`, "[ 1 ,\n2 ]", `{"seq":1}`, `",\"seq\":7,\"received_at\":\""`})
	alerts := rapid.Custom(func(t *rapid.T) string {
		draft, err := alerting.NewDraft(alerting.Alert{
			Severity: rapid.SampledFrom(alerting.Severities()).Draw(t, "severity"),
			Category: rapid.SampledFrom(alerting.Categories()).Draw(t, "category"),
			Source:   "s" + text.Draw(t, "source") + "s", Message: "m" + text.Draw(t, "message"), DedupKey: text.Draw(t, "dedup_key"), Resolves: rapid.Bool().Draw(t, "resolves"),
			Timestamp: aDay.AddDate(0, 0, rapid.IntRange(0, 1000).Draw(t, "day")),
		}, aDay)
		require.NoError(t, err)
		line := draft.Finish(1).JSON()
		return strings.Replace(line, `"context":{}`, `"context":{ "x":`+value.Draw(t, "x")+",\n\"y\": "+value.Draw(t, "y")+`}`, 1)
	})
	rapid.Check(t, func(t *rapid.T) {
		first, second := alerting.NewMemoryLog(100), alerting.NewMemoryLog(100)
		require.NoError(t, errors.Join(first.Attach(t.Context(), nobody{}, 0), second.Attach(t.Context(), nobody{}, 0)))
		var drafts []*alerting.Draft
		for _, line := range rapid.SliceOfN(alerts, 1, 10).Draw(t, "events") {
			alert, err := alerting.DecodeRecord([]byte(line))
			require.NoError(t, err)
			draft, err := alerting.NewDraft(alert, aDay)
			require.NoError(t, err)
			drafts = append(drafts, draft)
		}
		_, err := first.Append(t.Context(), drafts)
		require.NoError(t, err)
		var once, twice strings.Builder
		_, err = transfer.Export(t.Context(), first, alerting.Filter{}, transfer.NDJSON, &once)
		require.NoError(t, err)
		_, err = transfer.Import(t.Context(), second, strings.NewReader(once.String()), transfer.ImportOptions{MaxLine: maxLine})
		require.NoError(t, err)
		_, err = transfer.Export(t.Context(), second, alerting.Filter{}, transfer.NDJSON, &twice)
		require.NoError(t, err)
		require.Equal(t, once.String(), twice.String())
	})
}

package transfer_test

import (
	"context"
	"encoding/csv"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/alerting"
	"alertd/internal/plaintext"
	"alertd/internal/transfer"
)

var aDay = time.Date(2025, 12, 27, 10, 30, 0, 123456000, time.UTC)

func TestExportIsOneEventALine(t *testing.T) {
	log := newLog(t)
	events := add(t, log,
		`{"severity":"error","category":"risk_limit","source":"var_gate","message":"VaR limit breached: 0.05 > 0.03","context":{"limit": 0.030, "big":12345678901234567890.5e+0}}`,
		`{"severity":"debug","category":"other","source":"a \" b","message":"two\nlines","dedup_key":"k","resolves":true}`,
		`{"severity":"critical","category":"compliance","source":"kill_switch","message":"halt"}`,
	)
	var want strings.Builder
	for _, event := range events {
		want.WriteString(event.JSON() + "\n")
	}
	require.Equal(t, want.String(), export(t, log, alerting.Filter{}, transfer.NDJSON))
}

func TestExportCommandsNoTerminal(t *testing.T) {
	log := newLog(t)
	event := add(t, log, `{"severity":"error","category":"other","source":"\u009b31m\u001b[A","message":"txt.\u202eexe\u200b","context":{"`+"\u202e\":\"\x7f"+`é"}}`)[0]
	line := export(t, log, alerting.Filter{}, transfer.NDJSON)
	require.JSONEq(t, event.JSON(), line)
	require.Contains(t, line, `"source":"\u009b31m\u001b[A","message":"txt.\u202eexe\u200b","context":{"\u202e":"\u007fé"}`)
	require.Contains(t, export(t, log, alerting.Filter{}, transfer.CSV), `,\u009b31m\x1b[A,txt.\u202eexe\u200b,"{""\u202e"":""\u007fé""}",`)
}

func TestContextStaysOnOneLineAndKeepsItsDigits(t *testing.T) {
	log := newLog(t)
	for name, test := range map[string]struct{ context, want string }{
		"line feeds":       {"{\n  \"a\": 1.50,\n  \"b\": [1e+05, -0, 0.1000],\n  \"c\": \"x\\ny\\u00e9\"\n}", `{"a":1.50,"b":[1e+05,-0,0.1000],"c":"x\ny\u00e9"}`},
		"carriage returns": {"{\r\"a\":\r12345678901234567890.10}", `{"a":12345678901234567890.10}`},
		"none of them":     {`{ "a" : 1.0 }`, `{ "a" : 1.0 }`},
	} {
		t.Run(name, func(t *testing.T) {
			event := add(t, log, `{"severity":"error","category":"other","source":"s","message":"m","context":`+test.context+`}`)[0]
			line := export(t, log, alerting.Filter{Since: event.Timestamp()}, transfer.NDJSON)
			require.Equal(t, strings.Replace(event.JSON(), test.context, test.want, 1)+"\n", line)
		})
	}
}

func TestExportIsBoundedByTimestamp(t *testing.T) {
	log := newLog(t)
	for hour := range 24 {
		add(t, log, alertAt(aDay.Add(time.Duration(hour)*time.Hour), strconv.Itoa(hour)))
	}
	for name, test := range map[string]struct {
		filter alerting.Filter
		want   int
	}{
		"all":   {alerting.Filter{}, 24},
		"since": {alerting.Filter{Since: aDay.Add(20 * time.Hour)}, 4},
		"until": {alerting.Filter{Until: aDay.Add(2 * time.Hour)}, 2},
		"both":  {alerting.Filter{Since: aDay.Add(2 * time.Hour), Until: aDay.Add(5 * time.Hour)}, 3},
		"none":  {alerting.Filter{Since: aDay.Add(48 * time.Hour)}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, strings.Count(export(t, log, test.filter, transfer.NDJSON), "\n"))
			require.Equal(t, test.want+1, strings.Count(export(t, log, test.filter, transfer.CSV), "\n"), "and the header")
		})
	}
}

func TestCSVHasAHeaderAndARowAnEvent(t *testing.T) {
	log := newLog(t)
	const header = "event_id,timestamp,severity,category,source,message,context,seq,received_at,dedup_key,resolves\n"
	require.Equal(t, header, export(t, log, alerting.Filter{}, transfer.CSV))
	event := add(t, log, `{"event_id":"019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55","severity":"error","category":"risk_limit","source":"var_gate",`+
		`"message":"=HYPERLINK(\"http://x\"), \"now\"","context":{"limit": 0.030},"timestamp":"2025-12-27T10:30:00Z","dedup_key":"-1","resolves":true}`)[0]
	require.Equal(t, header+`019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55,2025-12-27T10:30:00.000000Z,error,risk_limit,var_gate,"'=HYPERLINK(""http://x""), ""now""",`+
		`"{""limit"": 0.030}",1,`+alerting.FormatTime(event.ReceivedAt())+",'-1,true\n", export(t, log, alerting.Filter{}, transfer.CSV))
}

// For any texts of an event, a CSV reader finds eleven cells with these texts, plain, and none that
// a spreadsheet could read as a formula.
func TestCSVHasNoFormulas(t *testing.T) {
	begin := rapid.SampledFrom([]string{"", "=", "+", "-", "@", "\t", "\r", "\n", "'", " =", "\u00a0@", "\"", "＝", ",", ";", " \t"})
	text := rapid.Custom(func(t *rapid.T) string {
		return begin.Draw(t, "begin") + begin.Draw(t, "again") + rapid.StringMatching(`[-=+@,;'" \t\r\na-zé]{0,6}`).Draw(t, "rest") + "."
	})
	rapid.Check(t, func(t *rapid.T) {
		alert := alerting.Alert{
			Severity: alerting.SeverityError, Category: alerting.CategoryOther,
			Source: text.Draw(t, "source"), Message: text.Draw(t, "message"), DedupKey: text.Draw(t, "dedup_key"),
		}
		draft, err := alerting.NewDraft(alert, aDay)
		require.NoError(t, err)
		log := alerting.NewMemoryLog(1)
		require.NoError(t, log.Attach(t.Context(), nobody{}, 0))
		appended, err := log.Append(t.Context(), []*alerting.Draft{draft})
		require.NoError(t, err)
		event := appended[0].Event
		var out strings.Builder
		_, err = transfer.Export(t.Context(), log, alerting.Filter{}, transfer.CSV, &out)
		require.NoError(t, err)

		rows, err := csv.NewReader(strings.NewReader(out.String())).ReadAll()
		require.NoError(t, err)
		require.Len(t, rows, 2)
		require.Len(t, rows[1], 11)
		for i, cell := range rows[1] {
			seen := strings.TrimLeft(cell, " \u00a0")
			require.False(t, seen != "" && strings.ContainsAny(seen[:1], "=+-@\t\r\n") || strings.HasPrefix(seen, "＝"), "cell %d: %q", i, cell)
		}
		for i, want := range map[int]string{4: event.Source(), 5: event.Message(), 9: event.DedupKey()} {
			want = plaintext.Lines(want)
			require.Contains(t, []string{want, "'" + want}, rows[1][i])
			if strings.HasPrefix(rows[1][i], "'") && !strings.HasPrefix(want, "'") {
				require.NotRegexp(t, `^[a-z.\\]`, want, "an apostrophe without need")
			}
		}
	})
}

func TestFormatNames(t *testing.T) {
	for _, name := range []string{"ndjson", "csv"} {
		format, err := transfer.ParseFormat(name)
		require.NoError(t, err)
		require.Equal(t, name, string(format))
	}
	_, err := transfer.ParseFormat("xml")
	require.EqualError(t, err, `"xml" is not one of ndjson, csv`)
}

func TestExportEndsWhereWritingFails(t *testing.T) {
	log := newLog(t)
	_, err := transfer.Import(t.Context(), log, strings.NewReader(numbered(1, 2000)), transfer.ImportOptions{MaxLine: maxLine})
	require.NoError(t, err)
	broken := errors.New("broken")
	for _, format := range []transfer.Format{transfer.NDJSON, transfer.CSV} {
		for left := range 2 {
			exported, err := transfer.Export(t.Context(), log, alerting.Filter{}, format, &failing{Writer: io.Discard, left: left, err: broken})
			require.ErrorIs(t, err, broken)
			require.Less(t, exported.Events, int64(2000))
		}
	}
}

// growing is a source that changes while Export reads it.
type growing struct {
	*alerting.MemoryLog
	calls int
	on    func(call int)
}

func (g *growing) After(ctx context.Context, after alerting.Seq, filter alerting.Filter) (alerting.Stretch, error) {
	g.calls++
	g.on(g.calls)
	return g.MemoryLog.After(ctx, after, filter)
}

func TestExportEndsAtTheEventsOfItsStart(t *testing.T) {
	log := &growing{MemoryLog: newLog(t)}
	add(t, log, alertAt(aDay, "1"), alertAt(aDay, "2"))
	log.on = func(int) { add(t, log, alertAt(aDay, "3")) }
	require.Equal(t, 2, strings.Count(export(t, log, alerting.Filter{}, transfer.NDJSON), "\n"))
}

func TestExportCountsEventsLostToRetention(t *testing.T) {
	log := &growing{MemoryLog: alerting.NewMemoryLog(10)}
	require.NoError(t, log.Attach(t.Context(), nobody{}, 0))
	for i := range 10 {
		add(t, log, alertAt(aDay, strconv.Itoa(i)))
	}
	log.on = func(call int) {
		if call == 1 { // retention deletes four of the ten
			for range 4 {
				add(t, log, alertAt(aDay, "later"))
			}
		}
	}
	exported, err := transfer.Export(t.Context(), log, alerting.Filter{}, transfer.NDJSON, io.Discard)
	require.NoError(t, err)
	require.Equal(t, transfer.Exported{Events: 6, Missed: 4}, exported)

	log.on = func(int) { // retention deletes all of them
		for range 20 {
			add(t, log, alertAt(aDay, "later"))
		}
	}
	exported, err = transfer.Export(t.Context(), log, alerting.Filter{}, transfer.NDJSON, io.Discard)
	require.NoError(t, err)
	require.Equal(t, transfer.Exported{Missed: 10}, exported)
}

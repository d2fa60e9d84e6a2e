package audit_test

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/access"
	"alertd/internal/audit"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 123456789, time.UTC)

// TestHashIsThatOfTheCanonicalJSON holds the form of a record still: another program, and
// a later alertd, verify what was written.
func TestHashIsThatOfTheCanonicalJSON(t *testing.T) {
	r := audit.Seal(audit.Mark{}, noon, audit.Entry{
		Actor: "desk-bot", Kind: access.Token, For: "ada", Address: "192.0.2.7", Action: audit.Resolve, Object: "é<&>",
		Before: []byte(`{"n": 1.0, "b": [ ]}`),
	})
	text, err := r.MarshalJSON()
	require.NoError(t, err)
	// printf '%s' '{"action":…,"previous":"000…"}' | sha256sum
	require.Equal(t, `{"action":"incident.resolve","actor":"desk-bot","address":"192.0.2.7","after":null,"at":"2026-03-02T12:00:00.123456Z",`+
		`"before":{"b":[],"n":1},"for":"ada","hash":"HASH","kind":"token","number":1,"object":"é<&>",`+
		`"previous":"0000000000000000000000000000000000000000000000000000000000000000"}`, strings.Replace(string(text), r.Hash.String(), "HASH", 1))
	require.Equal(t, "dd90e237ea086fb42d52375af0d21502847a9796c2a3258d9b71212100b6ae58", r.Hash.String())
}

func TestEntryIsByTheCaller(t *testing.T) {
	e := audit.By(t.Context(), audit.RetainEvents, "")
	require.Equal(t, audit.Entry{Actor: "alertd", Kind: access.Own, Action: audit.RetainEvents}, e)

	ctx := access.NewContext(t.Context(), &access.Caller{
		Identity: &access.Identity{Kind: access.Token, Name: "desk-bot"}, Address: netip.MustParseAddr("2001:db8::1"),
	})
	e = audit.By(ctx, audit.Acknowledge, "x")
	require.Equal(t, audit.Entry{Actor: "desk-bot", Kind: access.Token, Address: "2001:db8::1", Action: audit.Acknowledge, Object: "x"}, e)
	require.Equal(t, "ada", e.Claiming("desk-bot for ada").For)
	require.Empty(t, e.Claiming("desk-bot").For)

	e = audit.By(access.NewContext(t.Context(), &access.Caller{Identity: access.Anybody()}), audit.Acknowledge, "x")
	require.Equal(t, "ada", e.Claiming("ada").For)
	require.Empty(t, e.Claiming("anonymous").For)
}

func TestWhatIsTooLongOrNotTextIsCut(t *testing.T) {
	long := strings.Repeat("é", 500)
	r := audit.Seal(audit.Mark{}, noon, audit.Entry{
		Actor: "a\x00b\xff", For: long, Object: long, Before: []byte("\xff{"), After: []byte(`"` + long + strings.Repeat("\\u001b", 1000) + `"`),
	}.Changing(nil, map[string]any{"text": strings.Repeat("x", audit.MaxValue)}))
	require.Equal(t, "a\uFFFDb\uFFFD", r.Actor)
	require.Equal(t, strings.Repeat("é", audit.MaxText-1)+"…", r.Object)
	require.Equal(t, r.Object, r.For)
	require.Empty(t, r.Before)
	var after string
	require.NoError(t, json.Unmarshal(r.After, &after))
	require.Regexp(t, `^\{"text":"x+…$`, after)

	for says, e := range map[string]audit.Entry{
		"a channel":      audit.Entry{}.Changing(make(chan int), nil),
		"invalid UTF-8":  audit.Entry{}.Changing("\xff", nil),
		"a NUL":          {Before: []byte("\x00")},
		"a NUL in JSON":  {Before: []byte(`"\u0000"`)},
		"twice a member": {Before: []byte(`{"a":1,"a":2}`)},
		"half a rune":    {Before: []byte(`"` + strings.Repeat("é", audit.MaxValue) + `"`)},
		"a surrogate":    {Before: []byte(`"\ud800"`)},
		"escapes":        {Before: []byte(strings.Repeat("\x1b", 2*audit.MaxValue))},
	} {
		sealed := audit.Seal(audit.Mark{}, noon, e)
		require.True(t, json.Valid(sealed.Before), says)
		require.LessOrEqual(t, len(sealed.Before), audit.MaxValue, says)
		require.NoError(t, verify([]audit.Record{sealed}), says)
	}
}

func TestRecordIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := audit.Seal(marks.Draw(t, "previous"), noon, entries.Draw(t, "entry"))
		text, err := r.MarshalJSON()
		require.NoError(t, err)
		require.True(t, utf8.Valid(text))
		require.NotContains(t, string(text), "\x00")
		var read audit.Record
		require.NoError(t, json.Unmarshal(text, &read))
		require.Equal(t, r, read)
	})
}

func TestRecordThatWasWrittenOtherwiseIsRefused(t *testing.T) {
	text, err := audit.Seal(audit.Mark{}, noon, audit.Entry{Actor: "ada", After: []byte(`{"n":9007199254740993,"s":"é"}`)}).MarshalJSON()
	require.NoError(t, err)
	var r audit.Record
	require.NoError(t, r.UnmarshalJSON([]byte(strings.ReplaceAll(string(text), `,"`, ` , "`))), "space says nothing")
	require.NoError(t, r.UnmarshalJSON([]byte(strings.Replace(string(text), "é", `\u00e9`, 1))), "nor does an escape")
	require.JSONEq(t, `{"n":9007199254740992,"s":"é"}`, string(r.After))
	for old, changed := range map[string]string{
		`"ada"`:               `null`,
		`"for":null`:          `"for":""`,
		`"number":1`:          `"number":1.0`,
		`"number":1,`:         `"number":"1",`,
		`.123456Z`:            `.123456+00:00`,
		`9007199254740992`:    `9007199254740993`,
		`"object":null`:       `"object":null,"x":1`,
		`"object":null,`:      ``,
		`"hash":"`:            `"hash":"0`,
		`"previous":"0000000`: `"previous":"G000000`,
		`"at":"2026`:          `"at":"x`,
		`}`:                   ``,
	} {
		require.Contains(t, string(text), old)
		require.ErrorContains(t, r.UnmarshalJSON([]byte(strings.Replace(string(text), old, changed, 1))), "is not a record", changed)
	}
}

func TestMarkIsReadBack(t *testing.T) {
	mark := audit.Seal(audit.Mark{Number: 6}, noon, audit.Entry{}).Mark()
	read, err := audit.ParseMark(mark.String())
	require.NoError(t, err)
	require.Equal(t, mark, read)
	for _, wrong := range []string{"", "7", "7:", ":" + mark.Hash.String(), "0:" + mark.Hash.String(), "7:" + strings.ToUpper(mark.Hash.String()), mark.String() + "0"} {
		_, err := audit.ParseMark(wrong)
		require.ErrorContains(t, err, "must be the number of a record, a colon, and its hash", wrong)
	}
}

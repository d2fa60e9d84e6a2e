package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// plain returns an alert whose id is made of its token.
func plain(token string) *alert {
	return &alert{token: token, eventID: "id-" + token, severity: "error", category: "other", source: "s", message: token + " text"}
}

// eventOf returns the event that alertd makes of an alert.
func eventOf(a *alert, seq uint64) record {
	context := a.context
	if context == "" {
		context = "{}"
	}
	text := fmt.Sprintf(`{"event_id":%q,"severity":%q,"category":%q,"source":%q,"message":%q,"context":%s,"seq":%d,"dedup_key":%q}`,
		a.eventID, a.severity, a.category, a.source, a.message, context, seq, a.dedupKey)
	return record{id: a.eventID, seq: seq, token: a.token, json: text}
}

// story returns a ledger and the log, newest first, of an alertd that has all its alerts. The
// single alert "one" was acknowledged by a 201, the batch of "two" and "three" by its answer,
// and the batch of "four" and "five" has no answer.
func story() (*ledger, []record) {
	l := newLedger()
	one := &post{alerts: []*alert{plain("one")}}
	l.sending(one)
	l.answered(one, []told{{"registered", "id-one", eventOf(plain("one"), 1).json}})
	batch := &post{form: array, alerts: []*alert{plain("two"), plain("three")}}
	l.sending(batch)
	l.answered(batch, []told{{status: "registered", id: "id-two"}, {status: "registered", id: "id-three"}})
	l.sending(&post{form: lines, alerts: []*alert{plain("four"), plain("five")}})
	return l, []record{
		eventOf(plain("five"), 6), eventOf(plain("four"), 5), eventOf(plain("three"), 3), eventOf(plain("two"), 2), eventOf(plain("one"), 1),
	}
}

// at returns the position of an alert in the log of story.
func at(token string) int {
	return map[string]int{"five": 0, "four": 1, "three": 2, "two": 3, "one": 4}[token]
}

func without(log []record, token string) []record {
	return append(append([]record(nil), log[:at(token)]...), log[at(token)+1:]...)
}

func TestVerifyLog(t *testing.T) {
	other := func(token string, change func(*alert)) func([]record) []record {
		return func(log []record) []record {
			a := plain(token)
			change(a)
			log[at(token)] = eventOf(a, log[at(token)].seq)
			return log
		}
	}
	tests := map[string]struct {
		change func([]record) []record
		fault  fault
		detail string // "": nothing is wrong
	}{
		"everything is there":                       {change: func(log []record) []record { return log }},
		"a batch without an answer is there not":    {change: func(log []record) []record { return log[2:] }},
		"a single alert is lost":                    {func(log []record) []record { return without(log, "one") }, lost, "one: acknowledged as event id-one, and not in the log"},
		"an alert of a batch is lost":               {func(log []record) []record { return without(log, "three") }, lost, "three: acknowledged as event id-three, and not in the log"},
		"everything is lost":                        {func([]record) []record { return nil }, lost, "and not in the log"},
		"an id is there twice":                      {func(log []record) []record { return append([]record{eventOf(plain("one"), 7)}, log...) }, doubled, "one: the id id-one is in the log twice"},
		"an alert is there twice under two ids":     {func(log []record) []record { return append([]record{renamed("one", 7)}, log...) }, doubled, "one: it is in the log twice"},
		"an unanswered alert is there twice":        {func(log []record) []record { return append([]record{eventOf(plain("four"), 7)}, log...) }, doubled, "four: the id id-four is in the log twice"},
		"an alert is there under another id":        {other("three", func(a *alert) { a.eventID = "id-else" }), lost, "three: acknowledged as event id-three, and in the log under another id"},
		"a part of an unanswered batch is there":    {func(log []record) []record { return without(log, "five") }, wrong, "of a batch of 2 alerts, 1 are in the log"},
		"an event that nobody has sent":             {func(log []record) []record { return append([]record{eventOf(plain("six"), 7)}, log...) }, wrong, "seq 7: nobody has sent this event"},
		"the order is wrong":                        {func(log []record) []record { log[2], log[3] = log[3], log[2]; return log }, wrong, "seq 3 follows seq 2, it must be smaller"},
		"a number is there twice":                   {func(log []record) []record { log[3] = eventOf(plain("two"), 3); return log }, wrong, "seq 3 follows seq 3"},
		"an event differs from the 201":             {func(log []record) []record { log[4].json += " "; return log }, wrong, "one: the event is not what it was before, from byte "},
		"an event of a batch has another severity":  {other("two", func(a *alert) { a.severity = "info" }), wrong, `severity: "info", sent as "error"`},
		"an event of a batch has another category":  {other("two", func(a *alert) { a.category = "c" }), wrong, `category: "c", sent as "other"`},
		"an event of a batch has another source":    {other("two", func(a *alert) { a.source = "t" }), wrong, `source: "t", sent as "s"`},
		"an event of a batch has another message":   {other("two", func(a *alert) { a.message = "two!" }), wrong, `message: "two!", sent as "two text"`},
		"an event of a batch has another context":   {other("two", func(a *alert) { a.context = "{ }" }), wrong, `context: "{ }", sent as "{}"`},
		"an event of a batch has another dedup_key": {other("two", func(a *alert) { a.dedupKey = "k" }), wrong, `dedup_key: "k", sent as ""`},
		"an unanswered event is not as it was sent": {other("four", func(a *alert) { a.source = "t" }), wrong, `four: the event is unlike the alert in source`},
		"an unanswered event is under another id":   {other("four", func(a *alert) { a.eventID = "id-else" }), wrong, `four: the event is unlike the alert in event_id`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			l, log := story()
			l.verifyLog(test.change(log))
			if test.detail == "" {
				require.Empty(t, l.found())
				return
			}
			requireFinding(t, l, test.fault, test.detail)
		})
	}
}

// renamed returns the event of an alert under another id.
func renamed(token string, seq uint64) record {
	a := plain(token)
	a.eventID = "id-again"
	return eventOf(a, seq)
}

func requireFinding(tb testing.TB, l *ledger, f fault, detail string) {
	tb.Helper()
	all := l.found()
	require.True(tb, slices.ContainsFunc(all, func(found finding) bool {
		return found.fault == f && strings.Contains(found.detail, detail)
	}), "%s: %s is not in %v", f, detail, all)
}

func TestLostEventIsReportedOnce(t *testing.T) {
	l, log := story()
	for range 3 {
		l.verifyLog(without(log, "one"))
	}
	require.Len(t, l.found(), 1)
	require.Equal(t, 3, l.acknowledged())
}

func TestRefusedAlertMustNotBeInTheLog(t *testing.T) {
	l, log := story()
	bad := plain("bad")
	bad.severity = "loud"
	p := &post{form: array, alerts: []*alert{bad, plain("good")}}
	l.sending(p)
	l.answered(p, []told{{status: "rejected"}, {status: "registered", id: "id-good"}})
	l.verifyLog(append([]record{eventOf(plain("good"), 7)}, log...))
	require.Empty(t, l.found())
	l.verifyLog(append([]record{eventOf(bad, 8), eventOf(plain("good"), 7)}, log...))
	requireFinding(t, l, wrong, "bad: it is in the log, and must be refused")
}

func TestUnansweredBatchIsWholeOrAbsent(t *testing.T) {
	l := newLedger()
	bad := plain("bad")
	bad.severity = "loud"
	l.sending(&post{form: array, alerts: []*alert{bad, plain("good"), plain("better")}})
	l.verifyLog([]record{eventOf(plain("better"), 2), eventOf(plain("good"), 1)})
	require.Empty(t, l.found())
	l.verifyLog([]record{eventOf(plain("good"), 1)})
	requireFinding(t, l, wrong, "of a batch of 2 alerts, 1 are in the log")
}

func TestEventsNeverChange(t *testing.T) {
	l, log := story()
	l.verifyLog(log)
	log[at("two")].json += " "
	l.verifyLog(log)
	requireFinding(t, l, wrong, "two: the event is not what it was before")
}

func TestVerifyStream(t *testing.T) {
	_, log := story()
	var inOrder []record
	for i := range log {
		inOrder = append(inOrder, log[len(log)-1-i])
	}
	changed := append([]record(nil), inOrder...)
	changed[1].json += " "
	raised := record{seq: 7, json: `{"source":"` + ownSource + `"}`}
	tests := map[string]struct {
		seen   []record
		detail string // "": nothing is wrong
	}{
		"the whole log":           {seen: inOrder},
		"the log up to a place":   {seen: inOrder[:3]},
		"nothing so far":          {},
		"one is missing":          {append(append([]record(nil), inOrder[:2]...), inOrder[3:]...), "event 3 of it is"},
		"the first is missing":    {inOrder[1:], "event 1 of it is"},
		"one comes twice":         {append(append([]record(nil), inOrder[:2]...), inOrder[1:]...), "event 3 of it is"},
		"the last one twice":      {append(append([]record(nil), inOrder...), inOrder[4]), "it has 6 events up to seq 6, GET /events has 5"},
		"two change places":       {[]record{inOrder[1], inOrder[0], inOrder[2]}, "event 1 of it is"},
		"one is unlike the log's": {changed, "event 2 of it is"},
		"one is not in the log":   {append(append([]record(nil), inOrder...), eventOf(plain("six"), 7)), "it has 6 events up to seq 7, GET /events has 5"},
		"alertd raised it since":  {seen: append(append([]record(nil), inOrder...), raised)},
		"raised too early":        {[]record{inOrder[0], raised, inOrder[1]}, "event 2 of it is"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			findings := verifyStream(test.seen, log)
			if test.detail == "" {
				require.Empty(t, findings)
				return
			}
			require.Len(t, findings, 1)
			require.Equal(t, wrong, findings[0].fault)
			require.Contains(t, findings[0].detail, test.detail)
		})
	}
}

func TestPartingShowsTheFirstDifference(t *testing.T) {
	same := strings.Repeat("a", 100)
	require.Equal(t, ", from byte 60 on:\n"+same[:40]+"x\ninstead of\n"+same[:40]+"yz", parting(same+"x", same+"yz"))
	require.Equal(t, ", from byte 0 on:\nab\ninstead of\na", parting("ab", "a"))
	long := strings.Repeat("é", 300)
	require.Less(t, len(parting(long, "x")), 250)
}

func TestVerifyTally(t *testing.T) {
	_, log := story()
	require.Empty(t, verifyTally(tally{5, 5, 6}, log))
	require.Empty(t, verifyTally(tally{}, nil))
	for name, in := range map[string]tally{
		"an event less": {4, 4, 6}, "an id twice": {5, 4, 6}, "a later event": {5, 5, 7}, "nothing": {},
	} {
		require.Len(t, verifyTally(in, log), 1, name)
	}
}

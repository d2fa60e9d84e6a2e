package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// toldOf returns the body of a message about the first incident, or another one.
func toldOf(id, reason, incidentID, severity string, seq int) string {
	return fmt.Sprintf(`{"type":"incident.%s","timestamp":"t%d","data":{"delivery_id":%q,"reason":%q,"why":"by event %d","incident":`+
		`{"incident_id":%q,"severity":%q,"category":"other","source":"s","count":1,"pattern":"k-%s"},"event":{"seq":%d,"context":{}}}}`,
		reason, seq, id, reason, seq, incidentID, severity, incidentID, seq)
}

// tale is a telling without faults. Incident a was opened by event 1 as an error and rose to
// critical by event 2. Incident b was opened by event 3 and is resolved. The opening of a came
// twice, as its sender was killed.
func tale() *telling {
	alertOf := func(token, severity, incidentID string, seq uint64) record {
		a := plain(token)
		a.severity, a.dedupKey = severity, "k-"+incidentID
		r := eventOf(a, seq)
		r.incident = incidentID
		return r
	}
	return &telling{
		settled:  true,
		killed:   map[string]killing{"one": {number: 2}},
		resolved: map[string]bool{"b": true},
		arrivals: []arrival{
			{channel: "all", key: "msg_1", sender: "one", body: toldOf("1", "opened", "a", "error", 1), outcome: answered, number: 1},
			{channel: "all", key: "msg_1", sender: "two", body: toldOf("1", "opened", "a", "error", 1), outcome: refused, number: 3},
			{channel: "all", key: "msg_1", sender: "two", body: toldOf("1", "opened", "a", "error", 1), outcome: answered, number: 4},
			{channel: "all", key: "msg_2", sender: "two", body: toldOf("2", "severity_raised", "a", "critical", 2), outcome: late, number: 5},
			{channel: "all", key: "msg_2", sender: "two", body: toldOf("2", "severity_raised", "a", "critical", 2), outcome: answered, number: 6},
			{channel: "critical", key: "msg_3", sender: "two", body: toldOf("3", "severity_raised", "a", "critical", 2), outcome: answered, number: 7},
			{channel: "all", key: "msg_4", sender: "two", body: toldOf("4", "opened", "b", "error", 3), outcome: answered, number: 8},
			{channel: "all", key: "msg_5", sender: "two", outcome: unread, number: 9},
			{channel: "all", key: "msg_5", sender: "two", body: toldOf("5", "resolved", "b", "error", 3), outcome: answered, number: 10},
		},
		log: []record{alertOf("three", "error", "b", 3), alertOf("two", "critical", "a", 2), alertOf("one", "error", "a", 1)},
		incidents: []incident{
			{ID: "b", Status: "resolved", Severity: "error", Category: "other", Source: "s", Count: 1, GroupedBy: "dedup_key", Pattern: "k-b"},
			{ID: "a", Status: "triggered", Severity: "critical", Category: "other", Source: "s", Count: 2, GroupedBy: "dedup_key", Pattern: "k-a"},
		},
		deliveries: []delivery{
			{ID: "5", Incident: "b", Notice: 2, Reason: "resolved", Channel: "all", Status: "delivered"},
			{ID: "4", Incident: "b", Notice: 1, Reason: "opened", Channel: "all", Status: "delivered"},
			{ID: "3", Incident: "a", Notice: 2, Reason: "severity_raised", Channel: "critical", Status: "delivered"},
			{ID: "2", Incident: "a", Notice: 2, Reason: "severity_raised", Channel: "all", Status: "delivered"},
			{ID: "1", Incident: "a", Notice: 1, Reason: "opened", Channel: "all", Status: "delivered"},
		},
	}
}

// come adds an arrival on the channel for all incidents.
func (t *telling) come(key, sender, body string, o outcome) {
	t.arrivals = append(t.arrivals, arrival{channel: "all", key: key, sender: sender, body: body, outcome: o, number: 100 + len(t.arrivals)})
}

// forget drops the arrivals of a key.
func (t *telling) forget(key string) {
	var left []arrival
	for _, a := range t.arrivals {
		if a.key != key {
			left = append(left, a)
		}
	}
	t.arrivals = left
}

func (t *telling) rewrite(key, from, to string) {
	for n, a := range t.arrivals {
		if a.key == key {
			t.arrivals[n].body = strings.Replace(a.body, from, to, 1)
		}
	}
}

func TestFaultlessTellingHasNoFindings(t *testing.T) {
	for _, settled := range []bool{true, false} {
		it := tale()
		it.settled = settled
		require.Empty(t, it.verify())
		require.Equal(t, figures{incidents: 2, told: 5, repeats: 3}, it.figures())
	}
}

func TestEachTellingFaultIsFound(t *testing.T) {
	opened := toldOf("1", "opened", "a", "error", 1)
	tests := map[string]struct {
		change func(*telling)
		fault  fault
		detail string
	}{
		"an incident was not told":           {func(it *telling) { it.forget("msg_4") }, untold, "channel all was not told of incident b"},
		"an incident was refused every time": {func(it *telling) { it.arrivals[6].outcome = refused }, untold, "channel all was not told of incident b"},
		"an incident was cut off every time": {func(it *telling) { it.arrivals[6].outcome = cut }, untold, "channel all was not told of incident b"},
		"the critical channel was not told":  {func(it *telling) { it.forget("msg_3") }, untold, "channel critical was not told of incident a"},
		"told only that it is over": {func(it *telling) {
			it.deliveries[1].Reason = "acknowledged"
			it.rewrite("msg_4", "opened", "acknowledged")
		}, untold, "channel all was not told of incident b"},
		"called delivered, and it has not come": {func(it *telling) { it.forget("msg_5") }, untold, "delivery 5, resolved of incident b, is called delivered"},
		"a delivery has failed":                 {func(it *telling) { it.deliveries[0].Status = "failed"; it.deliveries[0].Error = "why" }, wrong, "delivery 5, resolved of incident b on channel all, is failed: why"},
		"a delivery still waits":                {func(it *telling) { it.deliveries[0].Status = "waiting" }, wrong, "is waiting"},
		"told of what is in no delivery":        {func(it *telling) { it.deliveries = it.deliveries[1:] }, wrong, "told on channel all and not in the database: msg_5"},
		"told of an incident that there is not": {func(it *telling) { it.incidents = it.incidents[1:] }, wrong, "told on channel all of incident b, which is not in the database"},
		"told of an event that there is not":    {func(it *telling) { it.log = it.log[1:] }, wrong, "told on channel all of event 3, which is not in the log"},
		"told of more events than there are":    {func(it *telling) { it.rewrite("msg_4", `"count":1`, `"count":2`) }, wrong, "the message msg_4 tells of incident b otherwise than the database"},
		"told of a severity that it never had":  {func(it *telling) { it.rewrite("msg_4", `"severity":"error"`, `"severity":"critical"`) }, wrong, "the message msg_4 tells of incident b otherwise than the database"},
		"told of another source":                {func(it *telling) { it.rewrite("msg_4", `"source":"s"`, `"source":"t"`) }, wrong, "the message msg_4 tells of incident b otherwise than the database"},
		"told of another context":               {func(it *telling) { it.rewrite("msg_4", `"context":{}`, `"context":{"a":1}`) }, wrong, "the message msg_4 has another context than event 3"},
		"told of an event of another incident":  {func(it *telling) { it.rewrite("msg_4", `"seq":3`, `"seq":1`) }, wrong, "tells of event 1 as of incident b; it belongs to a"},
		"a message that cannot be read":         {func(it *telling) { it.rewrite("msg_4", `{`, `[`) }, wrong, "the message msg_4 cannot be read"},
		"a message under the key of another":    {func(it *telling) { it.rewrite("msg_4", `"delivery_id":"4"`, `"delivery_id":"9"`) }, wrong, "the message msg_4 calls itself 9"},
		"a message of another reason":           {func(it *telling) { it.deliveries[1].Reason = "severity_raised" }, wrong, "is in the database severity_raised of incident b on channel all"},
		"a message on another channel":          {func(it *telling) { it.deliveries[1].Channel = "critical" }, wrong, "the message msg_4 on channel all, opened of incident b"},
		"a key for two bodies":                  {func(it *telling) { it.arrivals[1].body += " " }, wrong, "the key msg_1 stands for two messages"},
		"a key on two channels":                 {func(it *telling) { it.arrivals[1].channel = "critical" }, wrong, "the key msg_1 came on channel all and on channel critical"},
		"a message under two keys":              {func(it *telling) { it.come("msg_9", "two", toldOf("9", "opened", "a", "error", 1), answered) }, wrong, "one message came with two keys, msg_1 and msg_9"},
		"two deliveries of a notice":            {func(it *telling) { it.deliveries[0].Notice = 1 }, wrong, "notice 1 of incident b has two deliveries on channel all"},
		"a delivery is listed twice":            {func(it *telling) { it.deliveries = append(it.deliveries, it.deliveries[0]) }, wrong, "GET /deliveries has delivery 5 twice"},
		"a delivery about no incident": {func(it *telling) {
			it.deliveries = append(it.deliveries, delivery{ID: "9", Incident: "z", Status: "superseded"})
		}, wrong, "delivery 9 is about incident z, which there is not"},
		"below the channel's min_severity":         {func(it *telling) { it.rewrite("msg_3", `"critical"`, `"error"`) }, wrong, "incident a is error, and was told on channel critical"},
		"out of order":                             {func(it *telling) { it.arrivals[6], it.arrivals[8] = it.arrivals[8], it.arrivals[6] }, wrong, "notice 1 of incident b came on channel all after notice 2"},
		"again after a 2xx":                        {func(it *telling) { it.come("msg_4", "two", toldOf("4", "opened", "b", "error", 3), refused) }, wrong, "the message msg_4 came on channel all again, from two, although two had a 2xx"},
		"again from another alertd":                {func(it *telling) { it.come("msg_4", "three", toldOf("4", "opened", "b", "error", 3), answered) }, wrong, "again, from three, although two had a 2xx"},
		"again, and unread":                        {func(it *telling) { it.come("msg_4", "three", "", unread) }, wrong, "again, from three, although two had a 2xx"},
		"again before its sender was killed":       {func(it *telling) { it.killed["one"] = killing{number: 99} }, wrong, "the message msg_1 came on channel all again, from two, although one had a 2xx"},
		"again when somebody else was killed":      {func(it *telling) { it.killed = map[string]killing{"zero": {number: 2}} }, wrong, "although one had a 2xx and was not killed"},
		"again although it could be noted":         {func(it *telling) { it.killed["one"] = killing{2, it.arrivals[0].at.Add(time.Minute)} }, wrong, "although one had a 2xx 1m0s before it was killed"},
		"a third time after the second had a 2xx":  {func(it *telling) { it.come("msg_1", "three", opened, answered) }, wrong, "again, from three, although two had a 2xx"},
		"what was resolved is open":                {func(it *telling) { it.incidents[0].Status = "triggered" }, wrong, `incident b was resolved, and its status is "triggered"`},
		"what was resolved is gone":                {func(it *telling) { it.incidents = it.incidents[1:] }, wrong, `incident b was resolved, and its status is ""`},
		"an event without an incident":             {func(it *telling) { it.log[0].incident = "" }, wrong, "event 3 belongs to no incident"},
		"an event of an unknown incident":          {func(it *telling) { it.log[0].incident = "z" }, wrong, "event 3 belongs to incident z, which there is not"},
		"an event of an incident of another kind":  {func(it *telling) { it.log[0].incident = "a" }, wrong, `belongs to incident a (dedup_key "k-a", s, other)`},
		"an incident counts too many":              {func(it *telling) { it.incidents[1].Count = 3 }, wrong, "incident a counts 3 events, 2 belong to it"},
		"an incident counts too few":               {func(it *telling) { it.incidents[1].Count = 1 }, wrong, "incident a counts 1 events, 2 belong to it"},
		"an incident without events":               {func(it *telling) { it.incidents = append(it.incidents, incident{ID: "z", Count: 1}) }, wrong, "incident z counts 1 events, 0 belong to it"},
		"an incident is less severe than an event": {func(it *telling) { it.incidents[1].Severity = "error" }, wrong, "incident a is error, the worst of its events is critical"},
		"an incident is listed twice":              {func(it *telling) { it.incidents = append(it.incidents, it.incidents[0]) }, wrong, "GET /incidents has incident b twice"},
		"two open incidents of a kind": {func(it *telling) {
			again := it.incidents[1]
			again.ID = "c"
			it.incidents = append(it.incidents, again)
		}, wrong, `the incidents a and c are open and of one kind, dedup_key "k-a"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			it := tale()
			test.change(it)
			l := newLedger()
			for _, f := range it.verify() {
				l.reportOnce(f.fault, "%s", f.detail)
			}
			requireFinding(t, l, test.fault, test.detail)
		})
	}
}

func TestPendingMessagesAreNotMissed(t *testing.T) {
	it := tale()
	it.settled = false
	it.forget("msg_4")
	it.forget("msg_3")
	it.log[0].incident = ""
	it.incidents[1].Count = 3
	it.deliveries[0].Status = "waiting"
	require.Empty(t, it.verify())
}

func TestUnavoidableRepeatIsNoFault(t *testing.T) {
	for _, o := range []outcome{late, cut, refused, unread, pending} {
		it := tale()
		it.arrivals[6].outcome = o
		it.arrivals = append(it.arrivals[:7:7], append([]arrival{it.arrivals[6]}, it.arrivals[7:]...)...)
		it.arrivals[7].outcome = answered
		require.Empty(t, it.verify(), o)
	}
}

func TestContextsAreComparedByValue(t *testing.T) {
	for _, text := range [][2]string{{`{"a": "\u00e9", "b":1}`, `{"a":"é","b":1}`}, {`{}`, ` { } `}} {
		require.True(t, sameJSON([]byte(text[0]), []byte(text[1])), text)
	}
	for _, text := range [][2]string{{`{"a":0.050}`, `{"a":0.05}`}, {`{"a":1}`, `{"b":1}`}, {`{`, `{`}} {
		require.False(t, sameJSON([]byte(text[0]), []byte(text[1])), text)
	}
}

func TestFindingIsReportedOnce(t *testing.T) {
	l := newLedger()
	for range 3 {
		l.reportOnce(untold, "incident %s", "a")
	}
	l.reportOnce(wrong, "incident %s", "a")
	require.Equal(t, []finding{{untold, "incident a"}, {wrong, "incident a"}}, l.found())
}

package storetest

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"alertd/internal/alerting"
)

var identityCases = []testCase{
	{"an id is registered once, for ever", idIsRegisteredOnce},
	{"an idempotency key is known for 24 hours", keyIsKnownForADay},
	{"a key that is used again stands for the newer event", keyIsUsedAgain},
	{"duplicates within one batch", duplicatesWithinABatch},
	{"requests at the same time with one id register it once", concurrentDuplicates},
	{"a batch of duplicates takes no number and publishes nothing", onlyDuplicates},
	{"a key does not outlive its event", keyOfADeletedEvent},
	{"JSON is kept byte for byte", jsonIsKept},
	{"what is not there is not found", nothingIsFound},
}

func withID(alert alerting.Alert) alerting.Alert {
	alert.EventID = alerting.NewEventID()
	return alert
}

func withKey(key string, alert alerting.Alert) alerting.Alert {
	alert.IdempotencyKey = key
	return alert
}

// requireDuplicate makes sure that an alert is a duplicate of an event.
func requireDuplicate(tb testing.TB, first *alerting.Event, got alerting.Appended) {
	tb.Helper()
	require.True(tb, got.Duplicate)
	require.Equal(tb, first.JSON(), got.Event.JSON())
}

func idIsRegisteredOnce(t *testing.T, db Database) {
	log := db.Start(t)
	alert := withID(Alert("first"))
	first := log.Add(t, alert)[0].Event
	again := alert
	again.Message, again.Severity = "second", alerting.SeverityCritical
	requireDuplicate(t, first, log.Add(t, again)[0])

	log.Stop()
	db.Advance(t, 10*365*24*time.Hour)
	log = db.Start(t)
	requireDuplicate(t, first, log.Add(t, again)[0])
	mixed := log.Add(t, Alert("before"), again, Alert("after"))
	requireDuplicate(t, first, mixed[1])
	require.Equal(t, []alerting.Seq{2, 3}, []alerting.Seq{mixed[0].Event.Seq(), mixed[2].Event.Seq()})
	found, err := log.Find(t.Context(), alert.EventID, "")
	require.NoError(t, err)
	require.Equal(t, first.JSON(), found.JSON())
}

func keyIsKnownForADay(t *testing.T, db Database) {
	log := db.Start(t)
	alert := withKey("order 66", Alert("first"))
	first := log.Add(t, alert)[0].Event
	requireDuplicate(t, first, log.Add(t, alert)[0])
	log.Stop()

	db.Advance(t, 24*time.Hour-time.Minute)
	log = db.Start(t)
	requireDuplicate(t, first, log.Add(t, withKey("order 66", Alert("second")))[0])
	found, err := log.Find(t.Context(), alerting.EventID{}, "order 66")
	require.NoError(t, err)
	require.Equal(t, first.JSON(), found.JSON())
	retain(t, db, log)
	require.Equal(t, int64(1), db.Number(t, `SELECT count(*) FROM idempotency_keys`))

	db.Advance(t, time.Minute+time.Second)
	found, err = log.Find(t.Context(), alerting.EventID{}, "order 66")
	require.NoError(t, err)
	require.Nil(t, found)
	second := log.Add(t, withKey("order 66", Alert("third")))[0]
	require.False(t, second.Duplicate)
	requireDuplicate(t, second.Event, log.Add(t, alert)[0])

	db.Advance(t, 25*time.Hour)
	retain(t, db, log)
	require.Zero(t, db.Number(t, `SELECT count(*) FROM idempotency_keys`))
}

func keyIsUsedAgain(t *testing.T, db Database) {
	log := db.Start(t)
	old := withID(withKey("key", Alert("old")))
	first := log.Add(t, old)[0].Event
	requireDuplicate(t, first, log.Add(t, withID(withKey("key", Alert("another id"))))[0])
	requireDuplicate(t, first, log.Add(t, withKey("key", Alert("no id")))[0])
	db.Advance(t, 25*time.Hour)
	newer := log.Add(t, withKey("key", Alert("newer")))[0]
	require.False(t, newer.Duplicate)
	requireDuplicate(t, newer.Event, log.Add(t, withKey("key", Alert("newest")))[0])
	requireDuplicate(t, first, log.Add(t, old)[0]) // the id counts before the key
}

func duplicatesWithinABatch(t *testing.T, db Database) {
	log := db.Start(t)
	known := withID(withKey("known", Alert("known")))
	first := log.Add(t, known)[0].Event

	id, both := withID(Alert("id")), withID(withKey("both", Alert("both")))
	appended := log.Add(t,
		id, known, id, withKey("key", Alert("key")), withKey("known", Alert("known key")), both,
		withKey("key", Alert("key again")), withKey("both", Alert("both's key")), id, withKey("key", id), Alert("last"),
	)
	fresh := func(i int, seq alerting.Seq) *alerting.Event {
		require.False(t, appended[i].Duplicate, "%d", i)
		require.Equal(t, seq, appended[i].Event.Seq(), "%d", i)
		return appended[i].Event
	}
	idEvent, keyEvent, bothEvent := fresh(0, 2), fresh(3, 3), fresh(5, 4)
	fresh(10, 5)
	requireDuplicate(t, first, appended[1])
	requireDuplicate(t, idEvent, appended[2])
	requireDuplicate(t, first, appended[4])
	requireDuplicate(t, keyEvent, appended[6])
	requireDuplicate(t, bothEvent, appended[7])
	requireDuplicate(t, idEvent, appended[8])
	requireDuplicate(t, idEvent, appended[9]) // the id counts before the key
	requireSeqs(t, ascending(1, 5), seqsOf(log.Sink.Events()))
	require.Len(t, log.Everything(t), 5)
}

func concurrentDuplicates(t *testing.T, db Database) {
	log := db.Start(t)
	alerts := []alerting.Alert{withID(Alert("id")), withKey("key", Alert("key")), withID(withKey("both", Alert("both")))}
	var mu sync.Mutex
	fresh := map[string]int{}
	var group errgroup.Group
	for range 20 {
		group.Go(func() error {
			for range 5 {
				appended, err := log.Append(t.Context(), Drafts(t, alerts...))
				if err != nil {
					return err
				}
				mu.Lock()
				for i, a := range appended {
					if !a.Duplicate {
						fresh[alerts[i].Message]++
					}
					if a.Event.Message() != alerts[i].Message {
						fresh["mixed up"]++
					}
				}
				mu.Unlock()
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	require.Equal(t, map[string]int{"id": 1, "key": 1, "both": 1}, fresh)
	require.Len(t, log.Everything(t), 3)
}

func onlyDuplicates(t *testing.T, db Database) {
	log := db.Start(t)
	alerts := []alerting.Alert{withID(Alert("a")), withKey("b", Alert("b"))}
	log.Add(t, alerts...)
	for _, appended := range log.Add(t, alerts...) {
		require.True(t, appended.Duplicate)
	}
	require.Equal(t, alerting.Seq(3), log.Add(t, Alert("c"))[0].Event.Seq())
	requireSeqs(t, ascending(1, 3), log.Sink.Here())
}

func keyOfADeletedEvent(t *testing.T, db Database) {
	log := db.Start(t, keepEvents(1))
	alert := withKey("key", Alert("first"))
	log.Add(t, alert, Alert("second"))
	retain(t, db, log)
	again := log.Add(t, alert)[0]
	require.False(t, again.Duplicate)
	requireDuplicate(t, again.Event, log.Add(t, alert)[0])
}

// jsonIsKept compares what Append returned with what every way to read returns,
// before and after a restart.
func jsonIsKept(t *testing.T, db Database) {
	var alerts []alerting.Alert
	for _, context := range []string{
		`{}`, `{"a":1.10,"b":1e400,"c":-0,"d":12345678901234567890123}`, "{ \"spaced\" :\t[ 1 , 2 ] }", `{"é":"\u00e9 é \ud83d\udd25"}`,
		`{"seq":7,"x":",\"seq\":7,\"received_at\":\"2026-01-01T00:00:00.000000Z\"}"}`, `{"deep":` + strings.Repeat(`[`, 30) + strings.Repeat(`]`, 30) + `}`,
		`{"long":"` + strings.Repeat("x", 200_000) + `"}`,
	} {
		parsed, err := alerting.ParseContext([]byte(context))
		require.NoError(t, err)
		alert := withID(Alert("line\nbreak, \"quoted\", \\, \u2028, <script>, ¡é日🔥!"))
		alert.Context, alert.DedupKey, alert.Source = parsed, `a "key", \`, `so"urce\é`
		alert.Resolves = len(alerts)%2 == 0
		alert.Timestamp = time.Date(1999, 12, 31, 23, 59, 59, 123456789, time.FixedZone("", 3600))
		alert.ReceivedAt = time.Date(2001, 2, 3, 4, 5, 6, 1000, time.UTC)
		alerts = append(alerts, alert)
	}
	log := db.Start(t)
	var want []string
	for i, appended := range log.Add(t, alerts...) {
		want = append(want, appended.Event.JSON())
		require.Equal(t, alerts[i].Context.String(), appended.Event.Context().String())
		require.Contains(t, appended.Event.JSON(), fmt.Sprintf(`"context":%s,"seq":%d,`, alerts[i].Context, i+1))
	}
	for range 2 {
		require.Equal(t, want, jsonOf(log.Sink.Events()))
		require.Equal(t, want, jsonOf(log.Everything(t)))
		for i, alert := range alerts {
			found, err := log.Find(t.Context(), alert.EventID, "")
			require.NoError(t, err)
			require.Equal(t, want[i], found.JSON())
			require.Equal(t, alert.Context.String(), found.Context().String())
			require.Equal(t, alert.DedupKey, found.DedupKey())
			require.Equal(t, alert.Resolves, found.Resolves())
			requireDuplicate(t, found, log.Add(t, alert)[0])
		}
		log.Stop()
		log = db.Start(t)
	}
}

func nothingIsFound(t *testing.T, db Database) {
	log := db.Start(t)
	for range 2 {
		found, err := log.Find(t.Context(), alerting.NewEventID(), "no such key")
		require.NoError(t, err)
		require.Nil(t, found)
		log.Add(t, withKey("key", Alert("alert")))
	}
}

// jsonOf returns the events' JSON.
func jsonOf(events []*alerting.Event) []string {
	var texts []string
	for _, event := range events {
		texts = append(texts, event.JSON())
	}
	return texts
}

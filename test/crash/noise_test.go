package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// noisyTale is a tale with a third channel, which was told of both incidents in a digest, and
// with an incident of a component that never pings. Incident b is silenced, and was told
// after the end of the silence.
func noisyTale() *telling {
	it := tale()
	it.noisy, it.noise = true, noise{silence: "1", ended: 7}
	accusation := record{id: "e9", seq: 9, incident: "h", json: `{"event_id":"e9","severity":"error","category":"other","source":"alertd","message":"m","context":{},"seq":9,"dedup_key":"alertd.heartbeat.dead"}`}
	it.log = append([]record{accusation}, it.log...)
	for n := range it.incidents {
		if it.incidents[n].ID == "b" {
			it.incidents[n].Source = silencedSource
		}
	}
	for n := range it.log {
		if it.log[n].incident == "b" {
			it.log[n].json = strings.Replace(it.log[n].json, `"source":"s"`, `"source":"`+silencedSource+`"`, 1)
		}
	}
	for n := range it.arrivals {
		it.arrivals[n].body = strings.ReplaceAll(it.arrivals[n].body, `"incident_id":"b","severity":"error","category":"other","source":"s"`,
			`"incident_id":"b","severity":"error","category":"other","source":"`+silencedSource+`"`)
	}
	it.incidents = append(it.incidents, incident{
		ID: "h", Status: "triggered", Severity: "error", Category: "other", Source: ownSource, Count: 1, GroupedBy: "dedup_key", Pattern: "alertd.heartbeat.dead",
	})
	own := strings.ReplaceAll(toldOf("7", "opened", "h", "error", 9), `"source":"s"`, `"source":"alertd"`)
	it.arrivals = append(it.arrivals,
		arrival{channel: "all", key: "msg_7", sender: "two", body: strings.Replace(own, "k-h", "alertd.heartbeat.dead", 1), outcome: answered, number: 11},
		arrival{channel: "limited", key: "msg_6", sender: "two", body: `{"type":"digest","timestamp":"t9","data":{"delivery_id":"6","reason":"digest"}}`, outcome: answered, number: 12})
	it.deliveries = append(it.deliveries,
		delivery{ID: "7", Incident: "h", Notice: 1, Reason: "opened", Channel: "all", Status: "delivered"},
		delivery{ID: "6", Notice: 6, Reason: "digest", Channel: "limited", Status: "delivered", Incidents: []string{"a", "b", "h"}})
	return it
}

func TestFaultlessNoisyTellingHasNoFindings(t *testing.T) {
	require.Empty(t, noisyTale().verify())
}

func TestEachFaultOfNoiseIsFound(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*telling)
		detail string
	}{
		"told during the silence":      {func(it *telling) { it.noise.ended = 8 }, "told on channel all of incident b, which is silenced"},
		"told though it is not over":   {func(it *telling) { it.noise.ended = 0 }, "told on channel all of incident b, which is silenced"},
		"in a digest during a silence": {func(it *telling) { it.noise.ended = 0 }, "the digest msg_6 on channel limited is about incident b"},
		"not told after the silence": {func(it *telling) {
			it.incidents[0].Status = "triggered"
			it.resolved = nil
			it.forget("msg_4")
		}, "channel all was not told of incident b"},
		"not in the digest":         {func(it *telling) { it.deliveries[6].Incidents = []string{"b", "h"} }, "channel limited was not told of incident a"},
		"the digest never came":     {func(it *telling) { it.forget("msg_6") }, "channel limited was not told of incident a"},
		"accused twice":             {func(it *telling) { it.incidents = append(it.incidents, it.incidents[2]); it.incidents[3].ID = "i" }, "has 2 incidents, not 1"},
		"not accused":               {func(it *telling) { it.incidents[2].Pattern = "alertd.heartbeat.alive" }, "the component that never pings has 0 incidents"},
		"accused although it pings": {func(it *telling) { it.incidents[2].Pattern = "alertd.heartbeat.alive" }, "the component that pings has 1 incidents"},
	} {
		t.Run(name, func(t *testing.T) {
			it := noisyTale()
			test.change(it)
			var details []string
			for _, f := range it.verify() {
				details = append(details, f.detail)
			}
			require.Contains(t, strings.Join(details, "\n"), test.detail)
		})
	}
}

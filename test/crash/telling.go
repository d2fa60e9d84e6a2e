package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// telling has the messages at the receiver, and the data that one alertd showed after that.
// So alertd must show every message at the receiver.
type telling struct {
	arrivals   []arrival
	killed     map[string]killing // by sender
	resolved   map[string]bool    // incidents that alertd has confirmed as resolved
	log        []record           // newest first
	incidents  []incident
	deliveries []delivery
	// settled: everything is folded, and no message waits.
	settled bool
	noisy   bool
	noise   noise

	findings []finding

	events map[uint64]record
	byID   map[string]incident
	plans  map[string]delivery // by the key of the message
}

// keyOf returns the key of a delivery's message.
func keyOf(deliveryID string) string { return "msg_" + deliveryID }

// notice is a message as the receiver reads it.
type notice struct {
	Type      string `json:"type"`
	Timestamp string `json:"timestamp"`
	Data      struct {
		DeliveryID string   `json:"delivery_id"`
		Reason     string   `json:"reason"`
		Why        string   `json:"why"`
		Incident   incident `json:"incident"`
		Event      struct {
			Seq     uint64          `json:"seq"`
			Context json.RawMessage `json:"context"`
		} `json:"event"`
	} `json:"data"`
}

// figures are the counts of messages in the report.
type figures struct {
	incidents int
	told      int // messages answered with a 2xx
	repeats   int // messages that came although the receiver had accepted them
}

func (t *telling) add(f fault, format string, args ...any) {
	t.findings = append(t.findings, finding{f, fmt.Sprintf(format, args...)})
}

// verify returns all findings.
func (t *telling) verify() []finding {
	t.findings = nil
	t.events, t.byID, t.plans = make(map[uint64]record), make(map[string]incident), make(map[string]delivery)
	for _, r := range t.log {
		t.events[r.seq] = r
	}
	for _, i := range t.incidents {
		if _, twice := t.byID[i.ID]; twice {
			t.add(wrong, "GET /incidents has incident %s twice", i.ID)
		}
		t.byID[i.ID] = i
	}
	t.checkDeliveries()
	t.checkMessages()
	t.checkOrder()
	t.checkRepeats()
	t.checkResolved()
	if t.settled {
		t.checkEvents()
		t.checkOpen()
		t.checkHeartbeats()
		t.checkTold()
		t.checkEnds()
	}
	return t.findings
}

// figures counts.
func (t *telling) figures() figures {
	f := figures{incidents: len(t.incidents)}
	told, has := make(map[string]bool), make(map[string]bool)
	for _, a := range t.arrivals {
		if has[a.key] {
			f.repeats++
		}
		has[a.key] = has[a.key] || a.outcome.taken()
		if a.outcome == answered || a.outcome == late {
			told[a.key] = true
		}
	}
	f.told = len(told)
	return f
}

// checkDeliveries checks that each notice of an incident has one delivery on a channel.
func (t *telling) checkDeliveries() {
	type what struct {
		incident string
		notice   int
		channel  string
	}
	once := make(map[what]string)
	for _, d := range t.deliveries {
		if _, twice := t.plans[keyOf(d.ID)]; twice {
			t.add(wrong, "GET /deliveries has delivery %s twice", d.ID)
		}
		t.plans[keyOf(d.ID)] = d
		this := what{d.Incident, d.Notice, d.Channel}
		if other, twice := once[this]; twice && other != d.ID {
			t.add(wrong, "notice %d of incident %s has two deliveries on channel %s: %s and %s", d.Notice, d.Incident, d.Channel, other, d.ID)
		}
		once[this] = d.ID
		if _, known := t.byID[d.Incident]; !known && d.Reason != "digest" {
			t.add(wrong, "delivery %s is about incident %s, which there is not", d.ID, d.Incident)
		}
	}
}

// checkMessages checks each message that was read: it has one key, the key belongs to it
// alone, and its content is in the database.
func (t *telling) checkMessages() {
	type content struct{ channel, body string }
	contents := make(map[string]content)
	keys := make(map[string]string)
	for _, a := range t.arrivals {
		if a.body == "" {
			continue
		}
		if known, seen := contents[a.key]; seen {
			switch {
			case known.channel != a.channel:
				t.add(wrong, "the key %s came on channel %s and on channel %s", a.key, known.channel, a.channel)
			case known.body != a.body:
				t.add(wrong, "the key %s stands for two messages%s", a.key, parting(a.body, known.body))
			}
			continue
		}
		contents[a.key] = content{a.channel, a.body}
		var n notice
		if err := json.Unmarshal([]byte(a.body), &n); err != nil {
			t.add(wrong, "the message %s cannot be read: %s: %.300s", a.key, err, a.body)
			continue
		}
		// The identity of a message, apart from its key.
		same := fmt.Sprintf("incident %s, %s at %s on channel %s, %s", n.Data.Incident.ID, n.Type, n.Timestamp, a.channel, n.Data.Why)
		if other, told := keys[same]; told {
			t.add(wrong, "one message came with two keys, %s and %s: %s", other, a.key, same)
		}
		keys[same] = a.key
		if n.Type == "digest" {
			t.checkDigest(a)
			continue
		}
		t.checkMessage(a, n)
		t.checkSilenced(a, n)
	}
}

// checkMessage checks that the content of a message is in the database.
func (t *telling) checkMessage(a arrival, n notice) {
	told := n.Data.Incident
	if keyOf(n.Data.DeliveryID) != a.key || n.Type != "incident."+n.Data.Reason {
		t.add(wrong, "the message %s calls itself %s, %s and %s", a.key, n.Data.DeliveryID, n.Type, n.Data.Reason)
	}
	d, planned := t.plans[a.key]
	switch {
	case !planned:
		t.add(wrong, "told on channel %s and not in the database: %s: %.300s", a.channel, a.key, a.body)
	case d.Channel != a.channel, d.Incident != told.ID, d.Reason != n.Data.Reason:
		t.add(wrong, "the message %s on channel %s, %s of incident %s, is in the database %s of incident %s on channel %s",
			a.key, a.channel, n.Data.Reason, told.ID, d.Reason, d.Incident, d.Channel)
	}
	i, known := t.byID[told.ID]
	switch {
	case !known:
		t.add(wrong, "told on channel %s of incident %s, which is not in the database: %.300s", a.channel, told.ID, a.body)
	case told.Source != i.Source, told.Category != i.Category, told.Pattern != i.Pattern, told.Count > i.Count, rank(told.Severity) > rank(i.Severity):
		t.add(wrong, "the message %s tells of incident %s otherwise than the database: %.300s", a.key, told.ID, a.body)
	}
	at := slices.IndexFunc(ways(t.noisy), func(w way) bool { return w.name == a.channel })
	if at < 0 || !ways(t.noisy)[at].takes(told.Severity) && told.Source != ownSource {
		t.add(wrong, "incident %s is %s, and was told on channel %s", told.ID, told.Severity, a.channel)
	}
	r, there := t.events[n.Data.Event.Seq]
	if !there {
		t.add(wrong, "told on channel %s of event %d, which is not in the log: %.300s", a.channel, n.Data.Event.Seq, a.body)
		return
	}
	var e event
	if err := json.Unmarshal([]byte(r.json), &e); err != nil {
		t.add(wrong, "event %d cannot be read: %s", r.seq, err)
	}
	if !sameJSON(n.Data.Event.Context, e.Context) {
		t.add(wrong, "the message %s has another context than event %d%s", a.key, r.seq, parting(string(n.Data.Event.Context), string(e.Context)))
	}
	if r.incident != "" && r.incident != told.ID {
		t.add(wrong, "the message %s tells of event %d as of incident %s; it belongs to %s", a.key, r.seq, told.ID, r.incident)
	}
}

// sameJSON compares values, with numbers digit by digit.
func sameJSON(a, b json.RawMessage) bool {
	var values [2]any
	for n, text := range []json.RawMessage{a, b} {
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		if err := decoder.Decode(&values[n]); err != nil {
			return false
		}
	}
	return reflect.DeepEqual(values[0], values[1])
}

// checkOrder checks that the first arrivals of the notices of an incident are in order.
func (t *telling) checkOrder() {
	type story struct{ incident, channel string }
	last := make(map[story]int)
	told := make(map[string]bool)
	for _, a := range t.arrivals {
		d, planned := t.plans[a.key]
		if !planned || told[a.key] || a.outcome != answered && a.outcome != late {
			continue
		}
		told[a.key] = true
		this := story{d.Incident, d.Channel}
		if d.Notice < last[this] {
			t.add(wrong, "notice %d of incident %s came on channel %s after notice %d", d.Notice, d.Incident, d.Channel, last[this])
		}
		last[this] = max(last[this], d.Notice)
	}
}

// recordPatience is how long a sender may take to record a 2xx, also during a short outage of
// its database. A kill after that does not excuse a repeat.
const recordPatience = 10 * time.Second

// checkRepeats checks that no message comes again after its sender got a 2xx, unless that
// sender was killed before it could record it.
func (t *telling) checkRepeats() {
	heard := make(map[string][]arrival)
	for _, a := range t.arrivals {
		for _, before := range heard[a.key] {
			end, killed := t.killed[before.sender]
			switch {
			case !killed || end.number > a.number:
				t.add(wrong, "the message %s came on channel %s again, from %s, although %s had a 2xx and was not killed", a.key, a.channel, a.sender, before.sender)
			case end.at.Sub(before.at) > recordPatience:
				t.add(wrong, "the message %s came on channel %s again, from %s, although %s had a 2xx %s before it was killed",
					a.key, a.channel, a.sender, before.sender, end.at.Sub(before.at).Round(time.Millisecond))
			}
		}
		if a.outcome == answered {
			heard[a.key] = append(heard[a.key], a)
		}
	}
}

// checkResolved checks that incidents stay resolved.
func (t *telling) checkResolved() {
	for _, id := range slices.Sorted(maps.Keys(t.resolved)) {
		if i, known := t.byID[id]; !known || i.Status != "resolved" {
			t.add(wrong, "incident %s was resolved, and its status is %q", id, i.Status)
		}
	}
}

// checkEvents checks that each event belongs to one incident of its kind, and that each
// incident has the count and the highest severity of its events.
func (t *telling) checkEvents() {
	count, worst := make(map[string]int), make(map[string]int)
	for _, r := range t.log {
		i, known := t.byID[r.incident]
		switch {
		case r.incident == "":
			t.add(wrong, "event %d belongs to no incident", r.seq)
			continue
		case !known:
			t.add(wrong, "event %d belongs to incident %s, which there is not", r.seq, r.incident)
			continue
		}
		var e event
		if err := json.Unmarshal([]byte(r.json), &e); err != nil {
			t.add(wrong, "event %d cannot be read: %s", r.seq, err)
			continue
		}
		count[i.ID]++
		worst[i.ID] = max(worst[i.ID], rank(e.Severity))
		alike := e.DedupKey == "" && strings.HasPrefix(i.GroupedBy, "message") && i.Source == e.Source && i.Category == e.Category
		if e.DedupKey != "" {
			alike = i.GroupedBy == "dedup_key" && i.Pattern == e.DedupKey
		}
		if !alike {
			t.add(wrong, "event %d (dedup_key %q, %s, %s) belongs to incident %s (%s %q, %s, %s)",
				r.seq, e.DedupKey, e.Source, e.Category, i.ID, i.GroupedBy, i.Pattern, i.Source, i.Category)
		}
	}
	for _, i := range t.incidents {
		if i.Count != count[i.ID] {
			t.add(wrong, "incident %s counts %d events, %d belong to it", i.ID, i.Count, count[i.ID])
		}
		if rank(i.Severity) != worst[i.ID] {
			t.add(wrong, "incident %s is %s, the worst of its events is %s", i.ID, i.Severity, severities()[worst[i.ID]])
		}
	}
}

// checkOpen checks that there is at most one open incident of a kind.
func (t *telling) checkOpen() {
	type kind struct{ groupedBy, pattern, source, category string }
	open := make(map[kind]string)
	for _, i := range t.incidents {
		if i.Status == "resolved" {
			continue
		}
		this := kind{i.GroupedBy, i.Pattern, i.Source, i.Category}
		if i.GroupedBy == "dedup_key" {
			this.source, this.category = "", ""
		}
		if other, twice := open[this]; twice {
			t.add(wrong, "the incidents %s and %s are open and of one kind, %s %q", other, i.ID, i.GroupedBy, i.Pattern)
		}
		open[this] = i.ID
	}
}

// checkTold checks that each channel got a message about each incident for it: the opening, or
// the rise to the channel's severity.
func (t *telling) checkTold() {
	type story struct{ incident, channel string }
	heard := make(map[story]bool)
	for _, a := range t.arrivals {
		if a.outcome != answered && a.outcome != late {
			continue
		}
		d, planned := t.plans[a.key]
		if planned && (d.Reason == "opened" || d.Reason == "severity_raised") {
			heard[story{d.Incident, a.channel}] = true
		}
		if planned && d.Reason == "digest" {
			for _, id := range d.Incidents {
				heard[story{id, a.channel}] = true
			}
		}
	}
	for _, i := range t.incidents {
		if t.held(i) {
			continue
		}
		for _, w := range ways(t.noisy) {
			if w.takes(i.Severity) && !heard[story{i.ID, w.name}] {
				t.add(untold, "channel %s was not told of incident %s, which is %s and %s; its deliveries there: %v", w.name, i.ID, i.Severity, i.Status, t.about(i.ID, w.name))
			}
		}
	}
}

// about returns the deliveries about an incident on a channel.
func (t *telling) about(incident, channel string) []delivery {
	var found []delivery
	for _, d := range t.deliveries {
		if d.Incident == incident && d.Channel == channel {
			found = append(found, d)
		}
	}
	slices.SortFunc(found, func(a, b delivery) int { return a.Notice - b.Notice })
	return found
}

// checkEnds checks that each delivery called delivered was answered with a 2xx, and that none
// has failed: the receiver refuses nothing permanently, and nothing is given up within a
// campaign.
func (t *telling) checkEnds() {
	told := make(map[string]bool)
	for _, a := range t.arrivals {
		if a.outcome == answered || a.outcome == late {
			told[a.key] = true
		}
	}
	for _, d := range t.deliveries {
		switch {
		case d.Status == "superseded":
		case d.Status != "delivered":
			t.add(wrong, "delivery %s, %s of incident %s on channel %s, is %s: %s", d.ID, d.Reason, d.Incident, d.Channel, d.Status, d.Error)
		case !told[keyOf(d.ID)]:
			t.add(untold, "delivery %s, %s of incident %s, is called delivered, and channel %s has not taken it", d.ID, d.Reason, d.Incident, d.Channel)
		}
	}
}

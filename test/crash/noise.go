package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	// silencedSource is silenced from the beginning, and ownSource that of alertd's alerts.
	silencedSource = "quiet feed"
	ownSource      = "alertd"
	// heartbeats are the components that alertd watches: the operator pings one of them.
	heartbeats = "[[alerting.heartbeats]]\nname = \"dead\"\nevery = \"2s\"\ngrace = \"1s\"\nseverity = \"error\"\n" +
		"[[alerting.heartbeats]]\nname = \"alive\"\nevery = \"1m\"\ngrace = \"1m\"\n"
)

// noise is what the campaign has done to keep alertd quiet.
type noise struct {
	silence string // its id; "": there is none yet
	// ended is what the receiver had counted when the silence was ended; 0: it was not.
	ended int
}

// own reports whether the event is one that alertd has raised itself.
func (r record) own() bool { return strings.Contains(r.json, `"source":"`+ownSource+`"`) }

// held reports whether an incident need not be told, as it is or was silenced.
func (t *telling) held(i incident) bool {
	return t.noisy && i.Source == silencedSource && (t.noise.ended == 0 || i.Status == "resolved")
}

// checkSilenced checks that nobody is told of the silenced source before the silence is ended.
func (t *telling) checkSilenced(a arrival, n notice) {
	if t.noisy && n.Data.Incident.Source == silencedSource && (t.noise.ended == 0 || a.number <= t.noise.ended) {
		t.add(wrong, "told on channel %s of incident %s, which is silenced: %.300s", a.channel, n.Data.Incident.ID, a.body)
	}
}

// checkDigest checks that a digest is in the database, and about incidents for its channel.
func (t *telling) checkDigest(a arrival) {
	d, planned := t.plans[a.key]
	if !planned || d.Channel != a.channel || d.Reason != "digest" || len(d.Incidents) == 0 {
		t.add(wrong, "the digest %s on channel %s is in the database as %+v", a.key, a.channel, d)
		return
	}
	for _, id := range d.Incidents {
		if i, known := t.byID[id]; !known || i.Source == silencedSource && t.noise.ended == 0 {
			t.add(wrong, "the digest %s on channel %s is about incident %s, which is silenced or unknown", a.key, a.channel, id)
		}
	}
}

// checkHeartbeats checks that the component that never pings is accused once, and the other
// one not at all.
func (t *telling) checkHeartbeats() {
	if !t.noisy {
		return
	}
	accused := func(name string) (count int) {
		for _, i := range t.incidents {
			if i.Source == ownSource && i.Pattern == "alertd.heartbeat."+name {
				count++
			}
		}
		return count
	}
	if n := accused("dead"); n != 1 {
		t.add(wrong, "the component that never pings has %d incidents, not 1", n)
	}
	if n := accused("alive"); n != 0 {
		t.add(wrong, "the component that pings has %d incidents", n)
	}
}

// silence silences a source, unless that is done.
func (c *campaign) silence(ctx context.Context) error {
	if !c.options.noise || c.noise.silence != "" {
		return nil
	}
	body := fmt.Sprintf(`{"match":{"source":[%q]},"ends_at":%q,"by":"the campaign","comment":"it is noisy","allow_critical":true}`,
		silencedSource, time.Now().Add(24*time.Hour).UTC().Format(time.RFC3339))
	text, err := c.api.send(ctx, http.MethodPost, c.fleet.addresses()[0], "/silences", body)
	if err != nil {
		return err
	}
	var made struct {
		ID string `json:"silence_id"`
	}
	if err := json.Unmarshal(text, &made); err != nil || made.ID == "" {
		return fmt.Errorf("POST /silences: the answer has no silence_id: %.300s", text)
	}
	c.noise.silence = made.ID
	return nil
}

// endSilence ends the silence: from now on people are told.
func (c *campaign) endSilence(ctx context.Context) error {
	if !c.options.noise {
		return nil
	}
	arrivals, _ := c.receiver.story()
	c.noise.ended = 1
	if n := len(arrivals); n > 0 {
		c.noise.ended = arrivals[n-1].number
	}
	_, err := c.api.send(ctx, http.MethodDelete, c.fleet.addresses()[0], "/silences/"+c.noise.silence, "")
	return err
}

// send sends a request that changes something, and returns the answer, which must be a 2xx.
func (a api) send(ctx context.Context, method, address, target, body string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+address+target, bytes.NewReader([]byte(body)))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, target, err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := a.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, target, err)
	}
	text, err := readBody(response)
	if err == nil && response.StatusCode/100 != 2 {
		err = fmt.Errorf("the answer is %s: %.500s", response.Status, text)
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, target, err)
	}
	return text, nil
}

// ping is a component that is well. Whether alertd takes it does not matter: the next one
// comes soon.
func (o *operator) ping(ctx context.Context, address string) {
	ctx, cancel := context.WithTimeout(ctx, postPatience)
	defer cancel()
	_, _ = o.api.send(ctx, http.MethodPost, address, "/heartbeats/alive", "{}")
}

// letDigestsBeTold waits until what is held back no longer is planned, and what a rate limit
// held back is in a digest: neither waits on a channel yet.
func (c *campaign) letDigestsBeTold(ctx context.Context, address string) {
	ctx, cancel := context.WithTimeout(ctx, c.options.tellPatience)
	defer cancel()
	_ = waitUntil(ctx, func() (bool, error) { // what is missing then is found by the inspection
		t := telling{noisy: true, noise: c.noise}
		var err error
		if t.incidents, err = readList[incident](ctx, c.api, address, "incidents"); err != nil {
			return false, nil //nolint:nilerr // it may be starting
		}
		if t.deliveries, err = readList[delivery](ctx, c.api, address, "deliveries"); err != nil {
			return false, nil //nolint:nilerr // it may be starting
		}
		if missing := t.unplanned(); missing == "" {
			return true, nil
		}
		pause(ctx, 200*time.Millisecond)
		return false, nil
	})
}

// unplanned returns an incident that a channel is to be told of, and has no delivery there;
// "": there is none.
func (t *telling) unplanned() string {
	planned := map[[2]string]bool{}
	for _, d := range t.deliveries {
		for _, id := range append(slices.Clone(d.Incidents), d.Incident) {
			planned[[2]string{id, d.Channel}] = true
		}
	}
	dead := false
	for _, i := range t.incidents {
		dead = dead || i.Source == ownSource
		for _, w := range ways(true) {
			if !t.held(i) && w.takes(i.Severity) && !planned[[2]string{i.ID, w.name}] {
				return i.ID
			}
		}
	}
	if !dead {
		return "the component that never pings"
	}
	return ""
}

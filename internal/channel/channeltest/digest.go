package channeltest

import (
	"fmt"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/incident"
)

// digest returns the notice of a digest of 17 incidents.
func digest() incident.Notice {
	since := time.Date(2025, 12, 27, 12, 3, 0, 0, time.UTC)
	worst := story(incident.WasResolved).Incident
	held := []incident.Held{{Incident: &worst, Events: 41}}
	for n := range 16 {
		severity, category, source, message := alerting.SeverityWarning, alerting.CategoryDataQuality, "feed", "Quotes are stale"
		if n%3 == 0 {
			severity, category, source, message = alerting.SeverityError, alerting.CategoryExecutionError, "router", "Order rejected"
		}
		i, _ := open(mustID(fmt.Sprintf("019b5f2c-7a3e-7c4d-9f10-%012d", 13+n)), incident.Number(13+n), event(alerting.Seq(90+n), began, severity, source, message, "{}"))
		i.Category = category
		held = append(held, incident.Held{Incident: &i, Events: 2})
	}
	return digestOf(since, since.Add(30*time.Minute), held, "channel ops takes 30 messages an hour")
}

func digestOf(since, until time.Time, held []incident.Held, why string) incident.Notice {
	d := incident.NewDigest(since, until, held)
	d.Why = why
	return incident.Notice{Number: 1, Reason: incident.Digested, At: until, Why: why, Digest: &d}
}

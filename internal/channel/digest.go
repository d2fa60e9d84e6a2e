package channel

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"alertd/internal/incident"
)

// renderDigest is [Render] for a digest. Its link shows all incidents.
func renderDigest(key string, notice incident.Notice, publicURL string) Notification {
	d := new(*notice.Digest)
	d.Worst = slices.Clone(d.Worst) // it gets links, the digest that is kept has none
	notice.Digest = d
	held := strconv.Itoa(d.Incidents) + " incidents held back"
	if d.Incidents == 1 {
		held = "1 incident held back"
	}
	n := Notification{
		Key: key, Notice: notice, Color: colorOfSeverity(d.Severity()), Label: labelOf(notice),
		Title: held + ": " + tallies(d.BySeverity), Headline: held + " since " + sinceOf(d.Since, d.Until),
		Body: fmt.Sprintf("By severity: %s\nBy category: %s\nBy source: %s", tallies(d.BySeverity), tallies(d.ByCategory), tallies(d.BySource)),
		Facts: []Fact{
			{"Incidents", strconv.Itoa(d.Incidents)},
			{"Events", strconv.FormatUint(d.Events, 10)},
			{"Held back since", showTime(d.Since)},
			{"Until", showTime(d.Until)},
		},
	}
	if why := line(d.Why); why != "" {
		n.Facts = append(n.Facts, Fact{"Why", why})
	}
	for i := range d.Worst {
		item := &d.Worst[i]
		shown := Item{
			Name: "Incident " + strconv.FormatInt(int64(item.Number), 10),
			Text: strings.ToUpper(item.Severity.String()) + " " + line(item.Source+": "+item.Message),
		}
		if item.Status != incident.Triggered {
			shown.Text += " (" + line(item.Status.String()) + ")"
		}
		if publicURL != "" {
			item.URL = incidentURL(publicURL, item.ID)
			shown.URL = item.URL
		}
		n.Items = append(n.Items, shown)
	}
	if publicURL != "" {
		n.URL = publicURL + "/incidents"
	}
	return n
}

// tallies returns counts in one line, such as "3 critical, 14 error".
func tallies(counted []incident.Tally) string {
	texts := make([]string, len(counted))
	for n, t := range counted {
		texts[n] = strconv.Itoa(t.Count) + " " + line(t.Name)
	}
	return strings.Join(texts, ", ")
}

// sinceOf returns a time before until: without the day if it is the same.
func sinceOf(since, until time.Time) string {
	if since.UTC().Format(time.DateOnly) == until.UTC().Format(time.DateOnly) {
		return since.UTC().Format("15:04 UTC")
	}
	return since.UTC().Format("2006-01-02 15:04 UTC")
}

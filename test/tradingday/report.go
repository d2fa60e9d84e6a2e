package tradingday

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"alertd/internal/alerting"
)

// late is the delay from which on people would say that they were told late.
const late = 10 * time.Second

// Message is what a channel was sent during the day.
type Message struct {
	// At is the time of day at which it came.
	At      time.Duration
	Channel string
	// Digest says that it is a summary of what was held back. Nobody is called by one.
	Digest bool
	// Incident is what it is about in the words of who sent it, and Opened is when that began;
	// "": a digest is about several.
	Incident string
	Opened   time.Duration
	// About are the problems that it tells of, each with the highest severity told.
	About map[string]alerting.Severity
}

// Report says what people were told of a day.
type Report struct {
	Alerts, Messages int
	// Channels has the number of messages of each channel.
	Channels map[string]int
	// Critical are the problems that became critical, Others the less severe ones that
	// people must hear of too.
	Critical, Others Delays
	// Incidents are those that had a message of their own.
	Incidents Delays
	// OnlyInDigest are critical problems that were told in digests alone.
	OnlyInDigest []string
	// Explained is how many problems were told although nobody needs to hear of them, of
	// so many.
	Explained, Explicable int
}

// Delays says how long people waited for the first message about each of some things.
type Delays struct {
	Count int
	// Median, P99 and Max are those of what was told.
	Median, P99, Max time.Duration
	// Late names what was told more than 10 s after it began, and Never what was not told.
	Late, Never []string
}

// Measure says what people were told of a day by messages, which may be in any order. A
// critical problem is told once a message that is no digest calls it critical, any other by
// any message about it.
func Measure(alerts []Alert, messages []Message) Report {
	r := Report{Alerts: len(alerts), Messages: len(messages), Channels: map[string]int{}}
	incidents := map[string]wait{}
	for _, m := range messages {
		r.Channels[m.Channel]++
		w, delay := incidents[m.Incident], m.At-m.Opened
		if m.Incident != "" && (!w.told || delay < w.delay) {
			incidents[m.Incident] = wait{m.Incident, true, delay}
		}
	}
	var critical, others []wait
	for _, p := range Problems(alerts) {
		told, inDigest := first(messages, p)
		switch {
		case p.Explained != "":
			r.Explicable++
			if told.told || inDigest {
				r.Explained++
			}
		case p.Severity == alerting.SeverityCritical:
			critical = append(critical, told)
			if inDigest && !told.told {
				r.OnlyInDigest = append(r.OnlyInDigest, p.Name)
			}
		default:
			others = append(others, told)
		}
	}
	r.Critical, r.Others, r.Incidents = delaysOf(critical), delaysOf(others), delaysOf(slices.Collect(maps.Values(incidents)))
	return r
}

// wait is how long people waited for the first message about something.
type wait struct {
	name  string
	told  bool
	delay time.Duration
}

// first finds the first message about a problem. inDigest says that a digest names it.
func first(messages []Message, p Problem) (w wait, inDigest bool) {
	w.name = p.Name
	for _, m := range messages {
		severity, about := m.About[p.Name]
		if !about {
			continue
		}
		inDigest = inDigest || m.Digest
		if p.Severity == alerting.SeverityCritical && (m.Digest || severity < p.Severity) {
			continue
		}
		if delay := max(0, m.At-p.Begins); !w.told || delay < w.delay {
			w.told, w.delay = true, delay
		}
	}
	return w, inDigest
}

func delaysOf(waits []wait) Delays {
	d := Delays{Count: len(waits)}
	var delays []time.Duration
	for _, w := range waits {
		switch {
		case !w.told:
			d.Never = append(d.Never, w.name)
			continue
		case w.delay > late:
			d.Late = append(d.Late, w.name)
		}
		delays = append(delays, w.delay)
	}
	if len(delays) > 0 {
		slices.Sort(delays)
		d.Median, d.P99, d.Max = percentile(delays, 50), percentile(delays, 99), delays[len(delays)-1]
	}
	return d
}

// percentile returns the least of some sorted values that p per cent of them do not exceed.
func percentile(sorted []time.Duration, p int) time.Duration {
	return sorted[max(1, (len(sorted)*p+99)/100)-1]
}

// Named is a report with the name of what told people.
type Named struct {
	Name string
	Report
}

// Table writes reports side by side, as a table of Markdown.
func Table(w io.Writer, reports ...Named) error {
	table := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	row := func(name string, cell func(Named) string) {
		_, _ = fmt.Fprintf(table, "| %s\t", name) // Flush returns the error
		for _, r := range reports {
			_, _ = fmt.Fprintf(table, "| %s\t", cell(r))
		}
		_, _ = fmt.Fprintln(table, "|")
	}
	row("", func(r Named) string { return r.Name })
	row("---", func(Named) string { return "---" })
	row("alerts in", func(r Named) string { return fmt.Sprint(r.Alerts) })
	row("messages out", func(r Named) string { return fmt.Sprint(r.Messages) })
	row("messages for 100 alerts", func(r Named) string { return fmt.Sprintf("%.2f", r.Percent()) })
	for _, channel := range channels(reports) {
		row("messages to "+channel, func(r Named) string { return fmt.Sprint(r.Channels[channel]) })
	}
	for _, kind := range []struct {
		name   string
		delays func(Named) Delays
	}{
		{"critical problems", func(r Named) Delays { return r.Critical }},
		{"other problems", func(r Named) Delays { return r.Others }},
		{"incidents, or groups", func(r Named) Delays { return r.Incidents }},
	} {
		row(kind.name, func(r Named) string { return fmt.Sprint(kind.delays(r).Count) })
		row("– first message, median", func(r Named) string { return kind.delays(r).text(kind.delays(r).Median) })
		row("– first message, 99 %", func(r Named) string { return kind.delays(r).text(kind.delays(r).P99) })
		row("– first message, at most", func(r Named) string { return kind.delays(r).text(kind.delays(r).Max) })
		row("– later than 10 s", func(r Named) string { return fmt.Sprint(len(kind.delays(r).Late)) })
		row("– never", func(r Named) string { return fmt.Sprint(len(kind.delays(r).Never)) })
	}
	row("critical, told in a digest only", func(r Named) string { return fmt.Sprint(len(r.OnlyInDigest)) })
	row("explained, and told all the same", func(r Named) string { return fmt.Sprintf("%d of %d", r.Explained, r.Explicable) })
	return table.Flush()
}

// Percent is how many messages there were for a hundred alerts.
func (r Report) Percent() float64 { return 100 * float64(r.Messages) / float64(max(1, r.Alerts)) }

// text writes one of the delays, "" if nothing was told.
func (d Delays) text(delay time.Duration) string {
	if len(d.Never) == d.Count {
		return ""
	}
	return fmt.Sprintf("%.1f s", delay.Seconds())
}

// channels returns the names of all channels that were sent anything.
func channels(reports []Named) []string {
	var names []string
	for _, r := range reports {
		for name := range r.Channels {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(strings.ToLower(a), strings.ToLower(b)) })
	return slices.Compact(names)
}

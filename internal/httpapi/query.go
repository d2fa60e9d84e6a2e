package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
	"alertd/internal/incident"
)

const (
	defaultLimit  = 100
	maxLimit      = 1000
	maxCategories = 8
	maxSources    = 100
	maxText       = 255
)

// The parameters that the calls with filters take.
var (
	filterParameters   = []string{"min_severity", "category", "source", "since", "q"}
	eventParameters    = append(slices.Clone(filterParameters), "until", "order", "limit", "cursor")
	streamParameters   = append(slices.Clone(filterParameters), "last_event_id", "changes")
	incidentParameters = append(slices.Clone(filterParameters), "status", "fingerprint", "order", "limit", "cursor")
	silenceParameters  = []string{"active", "limit", "cursor"}
	deliveryParameters = []string{"status", "channel", "incident_id", "limit", "cursor"}
)

// queryReader reads parameters and gathers what is wrong with them.
type queryReader struct {
	values   url.Values
	problems []alerting.FieldError
}

// newQueryReader parses a raw query and refuses parameters that are not known.
func newQueryReader(raw string, known []string) *queryReader {
	q := &queryReader{}
	var err error
	if q.values, err = url.ParseQuery(raw); err != nil {
		q.problem("query", "cannot be parsed: %s", shorten(err.Error()))
	}
	var unknown []string
	for name := range q.values {
		if !slices.Contains(known, name) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		q.problem(shorten(name), "is not a known parameter, must be one of %s", strings.Join(known, ", "))
	}
	return q
}

func (q *queryReader) problem(field, format string, args ...any) {
	q.problems = append(q.problems, alerting.FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
}

// one returns a parameter that may be given once.
func (q *queryReader) one(name string) (string, bool) {
	values := q.values[name]
	if len(values) > 1 {
		q.problem(name, "is given %d times, must be given once", len(values))
		return "", false
	}
	return q.values.Get(name), len(values) == 1
}

// several returns a parameter that may be repeated.
func (q *queryReader) several(name string, most int) []string {
	values := q.values[name]
	if len(values) > most {
		q.problem(name, "is given %d times, must be given at most %d times", len(values), most)
		return nil
	}
	return values
}

// text checks a text of 1 to most characters.
func (q *queryReader) text(name, text string, most int) {
	if n := utf8.RuneCountInString(text); n < 1 || n > most {
		q.problem(name, "has %d characters, must have 1 to %d", n, most)
	} else if !utf8.ValidString(text) {
		q.problem(name, "is not valid UTF-8")
	}
}

// key checks a text that the database looks up: PostgreSQL takes no NUL character.
func (q *queryReader) key(name, text string) {
	q.text(name, text, maxText)
	if strings.IndexByte(text, 0) >= 0 {
		q.problem(name, "contains a NUL character, which is not allowed")
	}
}

// take copies the fields' problems of an error of the core under another name.
func (q *queryReader) take(name string, err error) {
	if known, ok := errors.AsType[*alerting.Error](err); ok {
		for _, field := range known.Fields {
			q.problem(name, "%s", field.Message)
		}
	}
}

func (q *queryReader) time(name string) time.Time {
	text, ok := q.one(name)
	if !ok {
		return time.Time{}
	}
	if at := len(text) - len(" 01:00"); at > 0 && text[at] == ' ' {
		text = text[:at] + "+" + text[at+1:] // an offset's + that was not escaped
	}
	t, err := alerting.ParseTime(name, text)
	q.take(name, err)
	if t.IsZero() {
		t = t.Add(1) // a filter's zero time lets everything pass; events are of 1970 and later
	}
	return t
}

// names reads a parameter that may be repeated and whose values are names, several of
// them separated by commas. It returns what they name, each once. There are most names
// to choose from.
func names[T comparable](q *queryReader, name string, most int, parse func(string) (T, error)) []T {
	var values []T
	for _, list := range q.several(name, most) {
		texts := strings.Split(list, ",")
		if len(texts) > most {
			q.problem(name, "has %d names in one value, must have at most %d", len(texts), most)
			continue
		}
		for _, text := range texts {
			value, err := parse(text)
			q.take(name, err)
			if err == nil && !slices.Contains(values, value) {
				values = append(values, value)
			}
		}
	}
	return values
}

// filter reads the parameters that make a filter.
func (q *queryReader) filter() alerting.Filter {
	var f alerting.Filter
	if text, ok := q.one("min_severity"); ok {
		var err error
		f.MinSeverity, err = alerting.ParseSeverity(text)
		q.take("min_severity", err)
	}
	f.Categories = names(q, "category", maxCategories, alerting.ParseCategory)
	for _, source := range q.several("source", maxSources) {
		source = strings.TrimSpace(source) // as when an alert is registered
		q.key("source", source)
		f.Sources = append(f.Sources, source)
	}
	f.Since, f.Until = q.time("since"), q.time("until")
	if text, ok := q.one("q"); ok {
		q.text("q", text, maxText)
		f.Text = text
	}
	return f
}

// ascending reads whether the oldest are wanted first.
func (q *queryReader) ascending(otherwise bool) bool {
	order, ok := q.one("order")
	if !ok {
		return otherwise
	}
	if order != "asc" && order != "desc" {
		q.problem("order", "%s is not allowed, must be asc or desc", strconv.Quote(shorten(order)))
	}
	return order == "asc"
}

// flag reads a parameter that is true or false; nil if it is not there.
func (q *queryReader) flag(name string) *bool {
	text, ok := q.one(name)
	if !ok {
		return nil
	}
	if text != "true" && text != "false" {
		q.problem(name, "%s is not allowed, must be true or false", strconv.Quote(shorten(text)))
	}
	return new(text == "true")
}

// limit reads how many are wanted.
func (q *queryReader) limit() int {
	text, ok := q.one("limit")
	if !ok {
		return defaultLimit
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxLimit {
		q.problem("limit", "%s is not allowed, must be a number from 1 to %d", strconv.Quote(shorten(text)), maxLimit)
	}
	return n
}

// cursor reads a cursor and returns its number, or 0 if there is none.
func (q *queryReader) cursor(kind cursorKind) int64 {
	text, ok := q.one("cursor")
	if !ok {
		return 0
	}
	number, valid := kind.decode(text)
	if !valid {
		q.problem("cursor", "is not a cursor of this list and order, must be the next_cursor of an earlier answer")
	}
	return number
}

// err returns nil or a problem with everything that is wrong.
func (q *queryReader) err() error {
	if len(q.problems) == 0 {
		return nil
	}
	p := newProblem(http.StatusBadRequest, "the query has parameters that are not allowed")
	p.Errors = capErrors(q.problems)
	return p
}

// badParameter is a problem with one parameter or header.
func badParameter(name, message string) *problem {
	p := newProblem(http.StatusBadRequest, "%s is not allowed as it is", name)
	p.Errors = []alerting.FieldError{{Field: name, Message: message}}
	return p
}

// eventQuery asks for events of the log.
type eventQuery struct {
	filter alerting.Filter
	limit  int
	// ascending asks for the oldest first. cursor is the number of the last event
	// that was seen, in this order; 0 if none was.
	ascending bool
	cursor    alerting.Seq
}

// cursorKind returns the form of the query's cursors.
func (q eventQuery) cursorKind() cursorKind {
	if q.ascending {
		return ascendingEventCursor
	}
	return eventCursor
}

// parseEventQuery reads the query of GET /events.
func parseEventQuery(raw string) (eventQuery, error) {
	q := newQueryReader(raw, eventParameters)
	query := eventQuery{filter: q.filter(), limit: q.limit(), ascending: q.ascending(false)}
	query.cursor = alerting.Seq(q.cursor(query.cursorKind()))
	return query, q.err()
}

// parseIncidentQuery reads the query of GET /incidents.
func parseIncidentQuery(raw string) (incident.Query, error) {
	q := newQueryReader(raw, incidentParameters)
	filter := q.filter()
	query := incident.Query{
		Statuses:    names(q, "status", len(incident.Statuses()), incident.ParseStatus),
		MinSeverity: filter.MinSeverity, Categories: filter.Categories, Sources: filter.Sources, Since: filter.Since, Text: filter.Text,
		Ascending: q.ascending(false), Limit: q.limit(),
	}
	if text, ok := q.one("fingerprint"); ok {
		query.Fingerprint = new(incident.Fingerprint)
		if err := query.Fingerprint.UnmarshalText([]byte(text)); err != nil || query.Fingerprint.String() != text {
			q.problem("fingerprint", "%s is not allowed, must be the 32 hexadecimal digits of an incident's fingerprint, in lower case", strconv.Quote(shorten(text)))
		}
	}
	place := incident.Number(q.cursor(cursorOf(query)))
	if query.Ascending {
		query.After = place
	} else {
		query.Before = place
	}
	return query, q.err()
}

// cursorOf returns the kind of cursors that a list of incidents has.
func cursorOf(q incident.Query) cursorKind {
	if q.Ascending {
		return ascendingIncidentCursor
	}
	return incidentCursor
}

// parseDeliveryQuery reads the query of GET /deliveries.
func parseDeliveryQuery(raw string) (delivery.Query, error) {
	q := newQueryReader(raw, deliveryParameters)
	query := delivery.Query{
		Statuses: names(q, "status", len(delivery.Statuses()), delivery.ParseStatus),
		Before:   delivery.Number(q.cursor(deliveryCursor)), Limit: q.limit(),
	}
	if name, ok := q.one("channel"); ok {
		q.key("channel", name)
		query.Channel = name
	}
	if text, ok := q.one("incident_id"); ok {
		var err error
		query.Incident, err = incident.ParseID(text)
		q.take("incident_id", err)
	}
	return query, q.err()
}

// streamQuery is what a reader of the stream asks for.
type streamQuery struct {
	filter  alerting.Filter
	resume  alerting.Resume
	changes bool // to be told of changes that no event tells of
}

// parseStreamQuery reads the query and the Last-Event-ID header of GET
// /events/stream. The header, which browsers send when they connect again,
// comes before the parameter of the same meaning.
func parseStreamQuery(raw, lastEventID string) (streamQuery, error) {
	q := newQueryReader(raw, streamParameters)
	query := streamQuery{filter: q.filter()}
	if changes := q.flag("changes"); changes != nil {
		query.changes = *changes
	}
	name, text := "Last-Event-ID", lastEventID
	parameter, given := q.one("last_event_id")
	if lastEventID == "" && given {
		name, text = "last_event_id", parameter
	}
	if text != "" || (given && lastEventID == "") {
		after, err := alerting.ParseSeq(text)
		if err != nil {
			q.problem(name, "%s is not allowed, must be the id of an event of this stream, a whole number", strconv.Quote(shorten(text)))
		}
		query.resume = alerting.Resume{Active: true, After: after}
	}
	return query, q.err()
}

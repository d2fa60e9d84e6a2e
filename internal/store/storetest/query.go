package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/alerting"
)

// What the log is made of, so that a test can go to its seams: a wrong number
// here makes a test weaker, not wrong.
const (
	segmentSize    = 8192
	recentCapacity = 4 * segmentSize
)

var queryCases = []testCase{
	{"every question is answered as by a plain list of the events", answersAsAList},
	{"an empty log answers with nothing", emptyLog},
}

// reader is a log with a manager on it: there are three ways to ask.
type reader struct {
	log     *Log
	manager *alerting.Manager
}

// bufferSize is what the manager has of the log, less than a page.
const bufferSize = 300

// openReader opens the log with a manager on it. It does not run yet.
func openReader(tb testing.TB, db Database) reader {
	tb.Helper()
	log := db.Open(tb)
	manager, err := alerting.OpenManager(tb.Context(), alerting.Config{BufferSize: bufferSize, MinSeverity: alerting.SeverityDebug}, nil, log)
	require.NoError(tb, err)
	return reader{log, manager}
}

// waitForIndex waits until every complete segment is in the index.
func (r reader) waitForIndex(tb testing.TB) {
	tb.Helper()
	waitUntil(tb, func() bool { return r.log.Counts().Unindexed < segmentSize })
}

// answersAsAList takes one log through the states in which it answers from
// different places: memory, the events themselves, and the index.
func answersAsAList(t *testing.T, db Database) {
	db.Open(t).Stop() // makes the schema
	model := History(t, 2*segmentSize+700)
	db.Insert(t, model...)

	r := openReader(t, db)
	t.Run("before the index is built", func(t *testing.T) { checkAnswers(t, r, model) })
	r.log.Run()
	r.waitForIndex(t)
	t.Run("with the index, and much in memory", func(t *testing.T) { checkAnswers(t, r, model) })
	r.log.Stop()
	r = openReader(t, db)
	r.log.Run()
	t.Run("with the index, and little in memory", func(t *testing.T) { checkAnswers(t, r, model) })

	random := rand.New(rand.NewPCG(1, 2))
	for len(model)%segmentSize != 100 { // over the border of a segment
		var alerts []alerting.Alert
		for range min(1000, segmentSize-(len(model)-100)%segmentSize) {
			alerts = append(alerts, RandomAlert(random, len(model)+len(alerts)))
		}
		for _, appended := range r.log.Add(t, alerts...) {
			model = append(model, appended.Event)
		}
	}
	r.waitForIndex(t)
	t.Run("after more events", func(t *testing.T) { checkAnswers(t, r, model) })
	r.log.Stop()

	const deleted = segmentSize + 1234
	model = model[deleted:]
	log := db.Start(t, keepEvents(len(model)))
	waitUntil(t, func() bool { return log.Counts().Deleted == deleted })
	log.Stop()
	r = openReader(t, db)
	r.log.Run()
	t.Run("after retention", func(t *testing.T) { checkAnswers(t, r, model) })
}

// checkAnswers asks questions of every sort and compares the answers with those
// of a list, which has consecutive numbers.
func checkAnswers(t *testing.T, r reader, model []*alerting.Event) {
	t.Helper()
	checkParts(t, r, model, filterParts)
	asked := newQuestions(model)
	rapid.Check(t, func(t *rapid.T) {
		draw := func(n int, label string) int { return rapid.IntRange(0, n-1).Draw(t, label) }
		filter := asked.filter(func(int) bool { return rapid.Bool().Draw(t, "part") }, draw)
		before, after := asked.around(draw(1000, "before")), asked.around(draw(1000, "after"))
		for _, problem := range r.compare(t, model, filter, before, after, 1+draw(200, "limit")) {
			t.Errorf("%+v: %s", filter, problem)
		}
	})
}

// checkParts asks with every part of a filter, alone and with some of the others.
func checkParts(t *testing.T, r reader, model []*alerting.Event, others int) {
	t.Helper()
	asked := newQuestions(model)
	seed := rand.Uint64()
	t.Logf("the questions' seed is %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for one := range filterParts {
		for other := range min(one, others) + 1 {
			filter := asked.filter(func(part int) bool { return part == one || part == other }, func(n int, _ string) int { return random.IntN(n) })
			before, after := asked.around(random.IntN(1000)), asked.around(random.IntN(1000))
			for _, problem := range r.compare(t, model, filter, before, after, 1+random.IntN(200)) {
				require.Fail(t, problem, "%+v", filter)
			}
		}
	}
}

// questions are about the events of a list.
type questions struct {
	model   []*alerting.Event
	sources []string
}

func newQuestions(model []*alerting.Event) questions {
	return questions{model, append(sources(), "unknown", "RISK-ENGINE")}
}

// filterParts is how many parts a filter has.
const filterParts = 6

// filter makes a filter of some parts. Its values are mostly such that events
// match.
func (q questions) filter(with func(part int) bool, draw func(n int, label string) int) alerting.Filter {
	var f alerting.Filter
	event := q.model[draw(len(q.model), "event")]
	if with(0) {
		f.MinSeverity = alerting.Severities()[draw(5, "severity")]
	}
	if with(1) {
		for range 1 + draw(3, "categories") {
			f.Categories = append(f.Categories, alerting.Categories()[draw(8, "category")])
		}
	}
	if with(2) {
		for range 1 + draw(3, "sources") {
			f.Sources = append(f.Sources, q.sources[draw(len(q.sources), "source")])
		}
	}
	// Bounds lie on a timestamp, right beside it, or within its microsecond.
	bound := func() time.Time {
		return event.Timestamp().Add(time.Duration(draw(5, "beside")-2) * 500 * time.Nanosecond)
	}
	if with(3) {
		f.Since = bound()
	}
	if with(4) {
		f.Until = bound()
		if with(3) {
			f.Until = f.Since.Add(time.Duration(draw(200, "hours")) * time.Hour)
		}
	}
	if with(5) {
		f.Text = part(q.model[draw(len(q.model), "text of")].Message(), draw)
	}
	return f
}

// part cuts some characters out of a text, and changes their case.
func part(text string, draw func(n int, label string) int) string {
	runes := []rune(text)
	from := draw(len(runes), "from")
	n := min(1+draw(6, "characters"), len(runes)-from)
	if draw(10, "much") == 0 {
		n = len(runes) - from
	}
	text = string(runes[from : from+n])
	switch draw(3, "case") {
	case 0:
		return strings.ToUpper(text)
	case 1:
		return strings.ToLower(text)
	default:
		return text
	}
}

// around places a number from 0 to 999: mostly near the borders of segments and
// the ends of the log, and beyond them.
func (q questions) around(place int) alerting.Seq {
	first, last := int(q.model[0].Seq()), int(q.model[len(q.model)-1].Seq())
	near := place%9 - 4
	switch borders := last/segmentSize + 1; {
	case place < 100:
		return alerting.Seq(max(0, first+near))
	case place < 200:
		return alerting.Seq(last + near)
	case place < 300:
		return alerting.Seq(max(0, last-bufferSize+near))
	case place < 800:
		return alerting.Seq(max(0, place%borders*segmentSize+near))
	default:
		return alerting.Seq(first + (last-first)*(place-800)/200)
	}
}

// compare asks in all three ways and returns what is wrong. So that it does not
// take for ever, it reads some pages and some stretches only.
func (r reader) compare(tb require.TestingT, model []*alerting.Event, filter alerting.Filter, before, after alerting.Seq, limit int) (problems []string) {
	ctx := r.log.tb.Context()
	for name, ask := range map[string]func(alerting.Query) (alerting.Page, error){
		"Query":       func(q alerting.Query) (alerting.Page, error) { return r.log.Query(ctx, q) },
		"QueryEvents": func(q alerting.Query) (alerting.Page, error) { return r.manager.QueryEvents(ctx, q) },
	} {
		q := alerting.Query{Filter: filter, Limit: limit, Before: before}
		for range 3 {
			want, more := listBefore(model, q)
			page, err := ask(q)
			require.NoError(tb, err)
			if problem := compareEvents(want, page.Events); problem != "" || page.More != more {
				problems = append(problems, fmt.Sprintf("%s before %d, %d at most: more: %t and not %t; %s", name, q.Before, limit, page.More, more, problem))
			}
			if !page.More || problems != nil {
				break
			}
			q.Before = page.Events[len(page.Events)-1].Seq()
		}
	}
	for range 3 {
		stretch, err := r.log.After(ctx, after, filter)
		require.NoError(tb, err)
		if problem := checkStretch(model, filter, after, stretch); problem != "" {
			return append(problems, fmt.Sprintf("After %d: %s", after, problem))
		}
		if after = stretch.Through; stretch.Through < stretch.From {
			break
		}
	}
	return problems
}

// checkStretch returns what is wrong with a stretch after a number.
func checkStretch(model []*alerting.Event, filter alerting.Filter, after alerting.Seq, stretch alerting.Stretch) string {
	first, last := model[0].Seq(), model[len(model)-1].Seq()
	switch {
	case after >= last:
		if stretch.Through >= stretch.From || len(stretch.Events) > 0 {
			return fmt.Sprintf("there is nothing there, and not %d to %d", stretch.From, stretch.Through)
		}
		return ""
	case stretch.From != max(after+1, first):
		return fmt.Sprintf("starts with %d and not %d", stretch.From, max(after+1, first))
	case stretch.Through < stretch.From || stretch.Through > last:
		return fmt.Sprintf("ends with %d, starts with %d", stretch.Through, stretch.From)
	}
	var want []*alerting.Event
	for _, event := range model[stretch.From-first : stretch.Through-first+1] {
		if filter.Matches(event) {
			want = append(want, event)
		}
	}
	return compareEvents(want, stretch.Events)
}

// listBefore answers a question.
func listBefore(model []*alerting.Event, q alerting.Query) (events []*alerting.Event, more bool) {
	for _, event := range slices.Backward(model) {
		if (q.Before == 0 || event.Seq() < q.Before) && q.Filter.Matches(event) {
			if len(events) == q.Limit {
				return events, true
			}
			events = append(events, event)
		}
	}
	return events, false
}

// compareEvents returns how events differ from those wanted.
func compareEvents(want, got []*alerting.Event) string {
	for i := range min(len(want), len(got)) {
		if want[i].JSON() != got[i].JSON() {
			return fmt.Sprintf("at %d is event %d and not %d (%.200q)", i, got[i].Seq(), want[i].Seq(), want[i].Message())
		}
	}
	if len(want) != len(got) {
		return fmt.Sprintf("%d events and not %d", len(got), len(want))
	}
	return ""
}

func emptyLog(t *testing.T, db Database) {
	r := openReader(t, db)
	r.log.Run()
	for _, ask := range []func() (alerting.Page, error){
		func() (alerting.Page, error) { return r.log.Query(t.Context(), alerting.Query{Limit: 10}) },
		func() (alerting.Page, error) {
			return r.log.Query(t.Context(), alerting.Query{Limit: 10, Before: 7, Filter: alerting.Filter{Text: "x"}})
		},
		func() (alerting.Page, error) { return r.manager.QueryEvents(t.Context(), alerting.Query{Limit: 10}) },
	} {
		page, err := ask()
		require.NoError(t, err)
		require.Equal(t, alerting.Page{}, page)
	}
	stretch, err := r.log.After(t.Context(), 0, alerting.Filter{})
	require.NoError(t, err)
	require.Equal(t, alerting.Stretch{From: 1}, stretch)
	extent, err := r.log.Extent(t.Context())
	require.NoError(t, err)
	require.Equal(t, alerting.Extent{}, extent)
	require.Zero(t, extent.Events())
	require.NoError(t, r.log.CatchUp(t.Context()))
}

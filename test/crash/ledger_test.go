package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnswered(t *testing.T) {
	batch := func(statuses ...string) []told {
		answer := make([]told, 0, len(statuses))
		for _, status := range statuses {
			answer = append(answer, told{status: status})
		}
		return answer
	}
	text := eventOf(plain("a"), 1).json
	tests := map[string]struct {
		form    form
		answers [][]told // to the same post, which has an alert a, in a batch also b
		fault   fault
		detail  string // "": nothing is wrong
		refused bool   // b is
	}{
		"registered, then known":                {answers: [][]told{{{"registered", "id-a", text}}, {{"duplicate", "id-a", text}}}},
		"no answer, then registered":            {answers: [][]told{nil, {{"registered", "id-a", text}}}},
		"no answer, then known":                 {answers: [][]told{nil, {{"duplicate", "id-a", text}}}},
		"a batch registered, then known":        {form: array, answers: [][]told{batch("registered", "registered"), batch("duplicate", "duplicate")}},
		"a batch known after no answer":         {form: lines, answers: [][]told{nil, batch("duplicate", "duplicate")}},
		"registered twice":                      {answers: [][]told{{{"registered", "id-a", text}}, {{"registered", "id-a", text}}}, fault: doubled, detail: "a: registered once more"},
		"a batch registered twice":              {form: array, answers: [][]told{batch("registered", "registered"), batch("duplicate", "registered")}, fault: doubled, detail: "b: registered once more"},
		"a batch known in part":                 {form: array, answers: [][]told{nil, batch("duplicate", "registered")}, fault: wrong, detail: "alertd had a part: the first is duplicate, 1 are not"},
		"known at first":                        {answers: [][]told{{{"duplicate", "id-a", text}}}, fault: wrong, detail: "called a duplicate when it was sent for the first time"},
		"filtered":                              {answers: [][]told{{{"filtered", "", ""}}}, fault: wrong, detail: "the answer is filtered"},
		"rejected":                              {form: array, answers: [][]told{batch("registered", "rejected")}, fault: wrong, detail: "the answer is rejected"},
		"known as another event":                {answers: [][]told{{{"registered", "id-a", text}}, {{"duplicate", "id-x", text}}}, fault: wrong, detail: "its id is id-x, before it was id-a"},
		"known with another JSON":               {answers: [][]told{{{"registered", "id-a", text}}, {{"duplicate", "id-a", text + " "}}}, fault: wrong, detail: "the event is not what it was before"},
		"answered with what was not sent":       {answers: [][]told{{{"registered", "id-a", eventOf(plain("b"), 1).json}}}, fault: wrong, detail: "unlike the alert in event_id"},
		"an answer about too few":               {form: array, answers: [][]told{batch("registered")}, fault: wrong, detail: "the answer is about 1 alerts, not 2"},
		"an answer about too many":              {answers: [][]told{batch("registered", "registered")}, fault: wrong, detail: "the answer is about 2 alerts, not 1"},
		"a refused alert of a batch is taken":   {form: lines, answers: [][]told{batch("registered", "registered")}, fault: wrong, detail: "b: the answer is registered, it must be rejected", refused: true},
		"a refused alert does not part a batch": {form: lines, answers: [][]told{nil, batch("duplicate", "rejected")}, refused: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := &post{form: test.form, alerts: []*alert{plain("a")}}
			if test.form != single {
				p.alerts = append(p.alerts, plain("b"))
			}
			if test.refused {
				p.alerts[1].severity = "loud"
			}
			l := newLedger()
			for _, answer := range test.answers {
				l.sending(p)
				if answer != nil {
					l.answered(p, answer)
				}
			}
			if test.detail == "" {
				require.Empty(t, l.found())
				require.NotZero(t, l.acknowledged())
				return
			}
			requireFinding(t, l, test.fault, test.detail)
		})
	}
}

func TestRepeatablePostsAreAcknowledged(t *testing.T) {
	l, log := story()
	nameless := &post{alerts: []*alert{plain("nameless")}}
	nameless.alerts[0].eventID = ""
	keyed := &post{alerts: []*alert{plain("keyed")}, key: "k"}
	keyed.alerts[0].eventID = ""
	for _, p := range []*post{nameless, keyed} {
		l.sending(p)
		l.answered(p, []told{{status: "registered", id: "given"}})
	}
	require.Equal(t, []*post{l.posts[0], l.posts[1], keyed}, l.repeatable(), "neither an unanswered one nor one without a name")

	l.verifyLog(without(log, "one"))
	require.NotContains(t, l.repeatable(), l.posts[0], "what is lost would be registered once more")
}

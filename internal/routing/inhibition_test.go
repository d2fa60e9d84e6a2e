package routing_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/alerting"
	"alertd/internal/incident"
	"alertd/internal/matcher"
	"alertd/internal/routing"
)

// opening is an open incident that is as plain as possible.
type opening struct {
	number        incident.Number
	source, venue string
}

func (o opening) subject() *matcher.Subject {
	return &matcher.Subject{Severity: alerting.SeverityError, Category: alerting.CategoryRiskLimit, Source: o.source, Context: func(string) (string, bool) { return o.venue, true }}
}

// holds reports whether an inhibition has one incident hold back another.
func holds(i routing.Inhibition, by, other opening) bool {
	return i.While.Match.Source[0] == by.source && i.Hold.Match.Source[0] == other.source && (len(i.Equal) == 0 || by.venue == other.venue)
}

func TestInhibitionIsThatOfAPlainModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var inhibitions []routing.Inhibition
		for n := range rapid.IntRange(1, 5).Draw(t, "inhibitions") {
			i := routing.Inhibition{Name: fmt.Sprint(n), While: condition(sources.Draw(t, "while")), Hold: condition(sources.Draw(t, "hold"))}
			if rapid.Bool().Draw(t, "equal") {
				i.Equal = []string{"venue"}
			}
			inhibitions = append(inhibitions, i)
		}
		rules, err := routing.Compile(routing.Settings{Inhibitions: inhibitions}, nil, time.Hour, nil)
		require.NoError(t, err)
		open, standing := map[incident.Number]opening{}, routing.NewStanding(nil, nil)
		directly := func(by, other opening) bool {
			for _, i := range inhibitions {
				if holds(i, by, other) {
					return true
				}
			}
			return false
		}
		var reaches func(from, to opening, seen map[incident.Number]bool) bool
		reaches = func(from, to opening, seen map[incident.Number]bool) bool {
			seen[from.number] = true
			for _, next := range open {
				if !seen[next.number] && directly(from, next) && (next == to || reaches(next, to, seen)) {
					return true
				}
			}
			return false
		}
		t.Repeat(map[string]func(*rapid.T){
			"one is opened": func(t *rapid.T) {
				o := opening{incident.Number(len(open) + 1), sources.Draw(t, "source"), rapid.SampledFrom([]string{"XETR", "XLON"}).Draw(t, "venue")}
				for _, taken := open[o.number]; taken; _, taken = open[o.number] {
					o.number++
				}
				open[o.number] = o
				if inhibitor, inhibits := rules.InhibitorOf(&incident.Incident{Number: o.number}, o.subject()); inhibits {
					standing = standing.Clone()
					standing.Inhibit(inhibitor)
				}
			},
			"one is resolved": func(t *rapid.T) {
				if len(open) > 0 {
					number := incident.Number(rapid.IntRange(1, len(open)).Draw(t, "number"))
					delete(open, number)
					standing = standing.Clone()
					standing.Release(number)
				}
			},
			"": func(t *rapid.T) {
				for _, o := range open {
					held := false
					for _, by := range open {
						held = held || by != o && directly(by, o) && !reaches(o, by, map[incident.Number]bool{})
					}
					hold := rules.Hold(&incident.Incident{Number: o.number, Severity: alerting.SeverityError}, o.subject(), nil, standing, now)
					require.Equal(t, held, hold != nil, "%+v among %v, by %+v", o, open, inhibitions)
				}
			},
		})
	})
}

// One decision costs little, however many incidents hold back each other.
func TestManyIncidentsInACircleHoldBackNobodySoon(t *testing.T) {
	rules, err := routing.Compile(routing.Settings{Inhibitions: []routing.Inhibition{{Name: "feeds", While: condition("a"), Hold: condition("a")}}}, nil, time.Hour, nil)
	require.NoError(t, err)
	var inhibitors []routing.Inhibitor
	a := opening{source: "a"}
	for n := range 10_000 {
		inhibitor, _ := rules.InhibitorOf(&incident.Incident{Number: incident.Number(n + 1)}, a.subject())
		inhibitors = append(inhibitors, inhibitor)
	}
	standing := routing.NewStanding(nil, inhibitors)
	began := time.Now()
	for n := range 100 {
		require.Nil(t, rules.Hold(&incident.Incident{Number: incident.Number(n + 1)}, a.subject(), nil, standing, now))
	}
	require.Less(t, time.Since(began), 5*time.Second)
}

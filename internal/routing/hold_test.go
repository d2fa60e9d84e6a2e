package routing_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/calendar"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/routing"
)

// opened is an incident that people are to be told of, of a source and a severity.
func opened(source string, severity alerting.Severity) *incident.Incident {
	return &incident.Incident{Number: 12, Source: source, Category: alerting.CategoryRiskLimit, Severity: severity, News: incident.News{Reason: incident.Opened}}
}

// heldBy returns what holds an incident back, as it is told in its timeline; "": nothing.
func heldBy(rules *routing.Rules, standing *routing.Standing, i *incident.Incident, at time.Time) (holder string, until time.Time) {
	of := routing.SubjectAbout(i, nil)
	hold := rules.Hold(i, of, rules.PathOf(of, at), standing, at)
	if hold == nil {
		return "", time.Time{}
	}
	return hold.Holder, hold.Until
}

func compile(t *testing.T, s routing.Settings, policies ...delivery.Policy) *routing.Rules {
	t.Helper()
	rules, err := routing.Compile(s, policies, time.Hour, nil)
	require.NoError(t, err)
	return rules
}

// hours returns a calendar that is open on each day at these hours.
func hours(t *testing.T, hours string) *calendar.Calendar {
	t.Helper()
	c, err := calendar.New(calendar.Spec{TimeZone: "UTC", Hours: []string{hours}})
	require.NoError(t, err)
	return c
}

func TestWindowHoldsBackWhileItsCalendarIsOpen(t *testing.T) {
	rules := compile(t, routing.Settings{
		Calendars: map[string]*calendar.Calendar{"short": hours(t, "09:00-10:00"), "long": hours(t, "09:00-11:00")},
		Windows: []routing.Window{
			{Name: "a", Condition: condition("x"), During: "short"},
			{Name: "b", Condition: condition("x"), During: "long"},
			{Name: "c", Condition: condition("x"), During: "short"},
			{Name: "all", Condition: condition("y"), During: "short", AllowCritical: true},
		},
	})
	none := routing.NewStanding(nil, nil)
	for _, c := range []struct {
		source   string
		severity alerting.Severity
		after    time.Duration // 09:30
		holder   string
		until    time.Duration
	}{
		{"x", alerting.SeverityError, 0, "window b", 90 * time.Minute}, // the one that ends last
		{"x", alerting.SeverityError, 90 * time.Minute, "", 0},
		{"x", alerting.SeverityCritical, 0, "", 0},
		{"y", alerting.SeverityCritical, 0, "window all", 30 * time.Minute},
		{"z", alerting.SeverityError, 0, "", 0},
	} {
		holder, until := heldBy(rules, none, opened(c.source, c.severity), now.Add(c.after))
		require.Equal(t, c.holder, holder, "%+v", c)
		if holder != "" {
			require.Equal(t, c.until, until.Sub(now.Add(c.after)), "%+v", c)
		}
	}
}

func TestSilenceThatEndsLastHoldsBack(t *testing.T) {
	rules := compile(t, routing.Settings{})
	made := func(source string, lasts time.Duration, critical bool) routing.Silence {
		s, err := routing.NewSilence(routing.Silence{Condition: condition(source), Lasts: lasts, By: "ada", AllowCritical: critical}, now)
		require.NoError(t, err)
		return s
	}
	short, long, again, all := made("x", time.Hour, false), made("x", 2*time.Hour, false), made("x", time.Hour, false), made("y", time.Hour, true)
	standing := routing.NewStanding([]routing.Silence{short, long, again, all}, nil)
	for _, c := range []struct {
		source   string
		severity alerting.Severity
		holder   string
	}{
		{"x", alerting.SeverityError, long.Holder()}, {"x", alerting.SeverityCritical, ""}, {"y", alerting.SeverityCritical, all.Holder()}, {"z", alerting.SeverityError, ""},
	} {
		holder, _ := heldBy(rules, standing, opened(c.source, c.severity), now)
		require.Equal(t, c.holder, holder, "%+v", c)
	}
}

func TestIncidentDoesNotHoldBackItself(t *testing.T) {
	rules := compile(t, routing.Settings{Inhibitions: []routing.Inhibition{{Name: "same", While: condition("x"), Hold: condition("x")}}})
	i := opened("x", alerting.SeverityError)
	inhibitor, inhibits := rules.InhibitorOf(i, routing.SubjectAbout(i, nil))
	require.True(t, inhibits)
	holder, _ := heldBy(rules, routing.NewStanding(nil, []routing.Inhibitor{inhibitor}), i, now)
	require.Empty(t, holder)
}

func TestGroupWaitIsCountedFromTheFirstEvent(t *testing.T) {
	rules := compile(t, routing.Settings{Routes: []routing.Route{
		{Name: "x", Condition: condition("x"), GroupWait: time.Minute},
		{Name: "y", Condition: condition("y"), GroupWait: time.Minute, GroupWaitCritical: true},
	}})
	none, i := routing.NewStanding(nil, nil), opened("x", alerting.SeverityError)
	for _, c := range []struct {
		after, until time.Duration
		holder       string
	}{
		{0, time.Minute, routing.HeldByGroupWait},
		{20 * time.Second, time.Minute, routing.HeldByGroupWait},
		{-time.Hour, -time.Hour + time.Minute, routing.HeldByGroupWait}, // a clock is set back
		{-time.Hour + time.Minute, 0, ""},
	} {
		holder, until := heldBy(rules, none, i, now.Add(c.after))
		if holder != "" {
			i.Hold = &incident.Hold{Holder: holder, Until: until}
			require.Equal(t, c.until, until.Sub(now), "%+v", c)
		}
		require.Equal(t, c.holder, holder, "%+v", c)
	}
	holder, _ := heldBy(rules, none, opened("x", alerting.SeverityCritical), now)
	require.Empty(t, holder)
	holder, _ = heldBy(rules, none, opened("y", alerting.SeverityCritical), now)
	require.Equal(t, routing.HeldByGroupWait, holder)
}

func TestFirstRouteThatMatchesDecides(t *testing.T) {
	rules := compile(t, routing.Settings{
		Calendars: map[string]*calendar.Calendar{"day": hours(t, "09:00-17:00")},
		Routes: []routing.Route{
			{Name: "day", Condition: condition("x"), During: "day"},
			{Name: "night", Condition: condition("*"), Outside: "day"},
			{Name: "audit", Condition: condition("x", "y"), Continue: true},
			{Name: "last", Condition: condition("*"), GroupBy: []string{"source"}, ResolveAfter: time.Hour},
		},
	})
	for _, c := range []struct {
		source string
		after  time.Duration // 09:30
		want   []string
	}{
		{"x", 0, []string{"day"}}, {"x", 12 * time.Hour, []string{"night"}}, {"y", 0, []string{"audit", "last"}}, {"z", 0, []string{"last"}},
	} {
		var names []string
		for _, r := range rules.PathOf(routing.SubjectAbout(opened(c.source, alerting.SeverityError), nil), now.Add(c.after)) {
			names = append(names, r.Name)
		}
		require.Equal(t, c.want, names, "%+v", c)
	}
	require.Equal(t, time.Hour, rules.Terms(routing.SubjectAbout(opened("z", alerting.SeverityError), nil), now).ResolveAfter)
	require.Zero(t, rules.Terms(routing.SubjectAbout(opened(alerting.OwnSource, alerting.SeverityError), nil), now).ResolveAfter, "alertd says itself when it is over")
	alert := alerting.Alert{Severity: alerting.SeverityError, Category: alerting.CategoryRiskLimit, Source: alerting.OwnSource, Message: "x", DedupKey: "k", ReceivedAt: now}
	require.Equal(t, incident.ByDedupKey, rules.KeyOf(events(t, alert)[0]).Grouping, "no route groups what alertd says itself")
}

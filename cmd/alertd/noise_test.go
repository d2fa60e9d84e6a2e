package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// timeline returns what happened to the incident with a number, as "kind: reason".
func (s *scene) timeline(number int) (lines []string) {
	s.t.Helper()
	var found ofIncident
	s.alertd.get("/incidents/"+s.incident(number), &found)
	for _, e := range found.Timeline {
		lines = append(lines, e.Kind+": "+e.Reason)
	}
	return lines
}

// threeChannels is a configuration with the channels risk, ops and rest.
const threeChannels = `
[alerting]
enabled = true
min_severity = "info"
default_channels = ["rest"]
[alerting.channels]
risk = { kind = "console", enabled = true }
ops = { kind = "console", enabled = true }
rest = { kind = "console", enabled = true }
`

func TestRoutesSayWhoIsToldAndWhatIsAlike(t *testing.T) {
	onBothStores(t, threeChannels+`
[[alerting.routes]]
name = "audit"
match = { source = ["var_*"] }
not = { source = ["var_test"] }
channels = ["ops"]
group_by = ["source", "context.position"]
continue = true
[[alerting.routes]]
name = "risk"
match = { category = ["risk_limit"], source = ["var_*"] }
channels = ["risk"]
`, func(t *testing.T, s *scene) {
		s.post("var_gate", "error", "VaR is over", `"context":{"position":"BTC"}`)
		s.post("var_gate", "error", "something else", `"context":{"position":"BTC"}`)
		s.post("var_gate", "error", "VaR is over", `"context":{"position":"ETH"}`)
		s.post("var_test", "error", "VaR is over")
		s.post("feed", "error", "no prices")
		s.hears("ops: opened 1", "risk: opened 1", "ops: opened 2", "risk: opened 2", "risk: opened 3", "rest: opened 4")
		var found struct {
			Count, Generation           int
			GroupedBy                   string `json:"grouped_by"`
			Pattern, Route, Fingerprint string
		}
		s.alertd.get("/incidents/"+s.incident(1), &found)
		require.Equal(t, []any{2, "group_by", `{source="var_gate", context.position="BTC"}`, "audit"}, []any{found.Count, found.GroupedBy, found.Pattern, found.Route})
		require.Contains(t, s.timeline(1), "notified: told to ops, risk (route audit)")
	})
}

func TestRouteCollectsRepeatsAndResolvesWhenItIsQuiet(t *testing.T) {
	onBothStores(t, desk+`
[[alerting.routes]]
name = "risk"
match = { source = ["var_gate"] }
group_wait = "30s"
repeat_interval = "10m"
resolve_after = "30m"
`, func(t *testing.T, s *scene) {
		for range 5 {
			s.post("var_gate", "error", "VaR is over")
		}
		s.post("var_gate", "critical", "the gate is shut")
		s.hears("desk: opened 2") // what is critical does not wait
		s.passes(31 * time.Second)
		require.EqualValues(t, 5, s.next("desk: opened 1").Since)
		for range 3 {
			s.post("var_gate", "error", "VaR is over")
		}
		s.hears()
		s.passes(10 * time.Minute)
		update := s.next("desk: updated 1")
		require.EqualValues(t, 3, update.Since)
		require.Contains(t, update.Why, "still open: 3 events since")
		s.post("var_gate", "critical", "VaR is over")
		s.hears("desk: severity_raised 1")
		s.passes(29 * time.Minute)
		s.hears("desk: resolved 2")
		s.passes(2 * time.Minute)
		s.hears("desk: resolved 1")
		require.Contains(t, s.timeline(1), "resolved: resolved: no event for 30m0s")
	})
}

func TestAlertResolvesWhatItIsLike(t *testing.T) {
	onBothStores(t, desk, func(t *testing.T, s *scene) {
		s.post("feed", "error", "no prices", `"resolves":true`)
		s.post("feed", "error", "no prices")
		s.post("feed", "debug", "no prices", `"resolves":true`)
		s.post("feed", "error", "no prices", `"resolves":true`)
		s.hears("desk: opened 1", "desk: resolved 1")
		s.post("feed", "error", "no prices")
		s.hears("desk: opened 2")
		require.Contains(t, s.timeline(1), "resolved: resolved by event 3 from feed")
	})
}

func TestFlappingIsToldOnceAndOnceWhenItEnds(t *testing.T) {
	onBothStores(t, desk+"[alerting.flapping]\ncount = 3\nwithin = \"10m\"\n", func(t *testing.T, s *scene) {
		for range 6 {
			s.post("feed", "error", "no prices")
			s.post("feed", "error", "no prices", `"resolves":true`)
		}
		s.hears("desk: opened 1", "desk: resolved 1", "desk: opened 2", "desk: resolved 2", "desk: opened 3")
		require.Contains(t, s.timeline(3), "flapping: flapping: it was opened 3 times within 10m0s")
		s.passes(9 * time.Minute)
		s.hears()
		s.passes(2 * time.Minute)
		s.hears("desk: resolved 3")
		require.Contains(t, s.timeline(3), "resolved: flapping has ended: it has not changed for 10m0s, and is gone")
	})
}

func TestPromotionRaisesWhatComesOften(t *testing.T) {
	onBothStores(t, desk+`
[[alerting.promotions]]
name = "thrice"
match = { source = ["feed"] }
count = 3
within = "5m"
up = 1
[[alerting.promotions]]
name = "often"
match = { source = ["feed"] }
count = 6
within = "15m"
to = "critical"
`, func(t *testing.T, s *scene) {
		s.post("feed", "warning", "no prices")
		s.post("feed", "warning", "no prices")
		s.hears("desk: opened 1")
		s.passes(6 * time.Minute)
		for range 3 {
			s.post("feed", "warning", "no prices")
		}
		s.hears("desk: severity_raised 1")
		s.post("feed", "warning", "no prices")
		s.hears("desk: severity_raised 1")
		require.Contains(t, s.timeline(1), "promoted: promoted from warning to error: 3 events within 5m0s (promotion thrice)")
		require.Contains(t, s.timeline(1), "promoted: promoted from error to critical: 6 events within 15m0s (promotion often)")
	})
}

func TestRateLimitTellsTheRestInADigestAlsoAfterARestart(t *testing.T) {
	onBothStores(t, desk+"rate_limit = \"2/h\"\n", func(t *testing.T, s *scene) {
		s.post("feed", "error", "a")
		s.post("feed", "error", "b")
		s.hears("desk: opened 1", "desk: opened 2")
		s.restart()
		s.post("feed", "error", "c")
		s.post("feed", "error", "d")
		s.post("feed", "critical", "e")
		s.hears("desk: opened 5")
		require.Equal(t, []string{"desk digest"}, s.states(3))
		require.Contains(t, s.timeline(3), "notified: in a digest to desk (over the rate_limit of channel desk)")
		s.passes(31 * time.Minute)
		s.hears("desk: digest of 2")
		require.Equal(t, []string{"desk told"}, s.states(3))
		require.Contains(t, s.timeline(3), "notified: told to desk in a digest of 2 incidents")
	})
}

func TestTwoReplicasShareOneBucket(t *testing.T) {
	onBothStores(t, desk+"rate_limit = \"2/h\"\n", func(t *testing.T, s *scene) {
		other := s.alertd
		if !s.inBubble() { // an SQLite file has one alertd
			other = s.replica()
		}
		s.post("feed", "error", "a")
		other.post("feed", "error", "b")
		s.post("feed", "error", "c")
		other.post("feed", "error", "d")
		s.hears("desk: opened 1", "desk: opened 2")
	})
}

func TestStormTellsAllButTheWorstInDigests(t *testing.T) {
	onBothStores(t, desk+"[alerting.storm]\nthreshold = \"20/min\"\ndigest_every = \"5m\"\n", func(t *testing.T, s *scene) {
		var want []string
		for n := range 30 {
			s.post("feed", "error", fmt.Sprintf("no prices of %c", 'A'+n))
			if n < 19 {
				want = append(want, fmt.Sprintf("desk: opened %d", n+1))
			}
		}
		s.comes(func() bool { return len(s.messages()) >= 20 }, "alertd does not tell of the storm")
		storm := s.numbered("alertd")
		s.hears(append(want, fmt.Sprintf("desk: opened %d", storm))...)
		require.Contains(t, s.timeline(storm)[0], "opened by event")
		s.post("kill_switch", "critical", "halted")
		s.hears(fmt.Sprintf("desk: opened %d", s.numbered("kill_switch")))
		s.passes(5 * time.Minute)
		s.comes(func() bool { return len(s.messages()) >= 1 }, "no digest")
		s.passes(90 * time.Second)
		s.hears("desk: digest of 11", fmt.Sprintf("desk: resolved %d", storm))
		s.post("feed", "error", "no prices at all")
		s.hears(fmt.Sprintf("desk: opened %d", s.numbered("feed")))
	})
}

func TestWindowHoldsBackWhileItsCalendarIsOpen(t *testing.T) {
	onBothStores(t, desk, func(t *testing.T, s *scene) {
		now := s.now().UTC()
		s.toml += fmt.Sprintf(`
[[alerting.calendars]]
name = "nights"
time_zone = "UTC"
hours = ["%s-%s"]
[[alerting.windows]]
name = "nightly-batch"
match = { source = ["batch_*"] }
during = "nights"
[[alerting.routes]]
name = "by-day"
match = { source = ["var_gate"] }
outside = "nights"
channels = []
`, now.Add(-2*time.Minute).Format("15:04"), now.Add(10*time.Minute).Format("15:04"))
		s.restart()
		s.post("batch_1", "error", "late")
		s.post("batch_2", "critical", "failed")
		s.post("var_gate", "error", "VaR is over")
		s.hears("desk: opened 2", "desk: opened 3")
		require.Equal(t, []string{"desk held_back"}, s.states(1))
		s.passes(11 * time.Minute)
		s.hears("desk: opened 1")
		s.post("var_gate", "error", "VaR is far over")
		s.hears()
		require.Contains(t, strings.Join(s.timeline(4), "\n"), "told to nobody: route by-day leads to no channel")
	})
}

func TestInhibitionHoldsBackWhatAnotherExplains(t *testing.T) {
	onBothStores(t, desk+`
[[alerting.inhibitions]]
name = "halted"
while = { source = ["kill_switch"], min_severity = "critical" }
hold = { source = ["oms"] }
equal = ["context.venue"]
`, func(t *testing.T, s *scene) {
		s.post("kill_switch", "critical", "halted", `"context":{"venue":"XETR"}`)
		s.post("oms", "critical", "order rejected", `"context":{"venue":"XETR"}`)
		s.post("oms", "error", "order rejected", `"context":{"venue":"XLON"}`)
		s.hears("desk: opened 1", "desk: opened 3")
		require.Contains(t, s.timeline(2), "held_back: not told that it was opened: held back by incident 1 (inhibition halted)")
		s.post("kill_switch", "critical", "halted", `"context":{"venue":"XETR"}`, `"resolves":true`)
		s.hears("desk: resolved 1", "desk: opened 2")
	})
}

func TestTemplatesWordTheMessagesOfAChannelAndOfARoute(t *testing.T) {
	onBothStores(t, desk+`
[alerting.channels.desk.template]
title = "{{ .Source }} on {{ .Channel }}"
body = "{{ range 9 }}{{ $.Message }}{{ end }}"
[[alerting.routes]]
name = "gates"
match = { source = ["*_gate"] }
template = { title = "{{ .Route }}: {{ .Source }}" }
`, func(t *testing.T, s *scene) {
		told := func(what, title, body string) {
			t.Helper()
			n := s.nextMessage(what)
			require.Equal(t, []string{title, body}, []string{n.Worded.Title, n.Worded.Body})
			require.Empty(t, n.TemplateError)
		}
		s.post("feed", "error", "stale")
		told("desk: opened 1", "feed on desk", strings.Repeat("stale", 9))
		s.post("var_gate", "error", "x")
		told("desk: opened 2", "gates: var_gate", "xxxxxxxxx")
		s.post("router", "error", strings.Repeat("long ", 1600)+".")
		n := s.nextMessage("desk: opened 3")
		require.Equal(t, "body: it makes more than 65536 bytes of text", n.TemplateError)
		require.Empty(t, n.Worded)
		require.Contains(t, n.Body, "long long", "the built-in words")
		s.restart()
		s.post("feed", "critical", "stale")
		told("desk: severity_raised 1", "feed on desk", strings.Repeat("stale", 9))
	})
}

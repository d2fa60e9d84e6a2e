package delivery_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/delivery"
	"alertd/internal/incident"
)

// world is what a database would keep of one incident's story, and the channels that it is
// told to. Each step is a transaction: it loads the story and saves what has changed.
type world struct {
	t        require.TestingT
	now      time.Time
	rows     map[delivery.Number]delivery.Delivery
	timers   map[delivery.Number]time.Time
	notices  int
	sent     []string // what was delivered, as "channel notice reason"
	policies map[string]delivery.Policy
}

func newWorld(t require.TestingT, policies ...delivery.Policy) *world {
	w := &world{t: t, now: now, rows: map[delivery.Number]delivery.Delivery{}, timers: map[delivery.Number]time.Time{}, policies: map[string]delivery.Policy{}}
	for _, p := range policies {
		w.policies[p.Name] = p
	}
	return w
}

func (w *world) numbers() []delivery.Number {
	var numbers []delivery.Number
	for number := range w.rows {
		numbers = append(numbers, number)
	}
	slices.Sort(numbers)
	return numbers
}

// step loads the story, has it changed, and saves it.
func (w *world) step(f func(s *delivery.Story)) {
	s := delivery.NewStory(12)
	for _, number := range w.numbers() {
		s.Load(w.rows[number])
	}
	f(s)
	for _, d := range s.Changed() {
		w.rows[d.Number], w.timers[d.Number] = *d, d.WakeAt(w.now)
	}
	w.check()
}

// check holds what is true after each transaction.
func (w *world) check() {
	lines := map[string][]delivery.Delivery{}
	for _, number := range w.numbers() {
		d := w.rows[number]
		lines[d.Channel+d.Target] = append(lines[d.Channel+d.Target], d)
		require.Equal(w.t, d.Open(), !d.WakeAt(w.now).IsZero(), "a timer for what is open, and for nothing else")
		require.Equal(w.t, d.Open(), d.FinishedAt.IsZero())
		if d.Status == delivery.Waiting {
			require.True(w.t, d.WakeAt(w.now).After(w.now), "no timer runs out again and again")
		}
	}
	for _, line := range lines {
		slices.SortFunc(line, func(a, b delivery.Delivery) int { return a.Notice - b.Notice })
		first := true
		for i, d := range line {
			require.False(w.t, i > 0 && line[i-1].Notice == d.Notice, "a notice is told once")
			if d.Open() {
				require.False(w.t, !first && (d.Ready || d.Status == delivery.Sending), "only the first open one is sent")
				first = false
			}
			require.False(w.t, d.Ready && d.Status != delivery.Waiting)
		}
	}
}

func (w *world) plan(reason incident.Reason, names ...string) {
	w.notices++
	n := incident.Notice{Number: w.notices, Reason: reason, Incident: incident.Incident{Number: 12, Generation: 1}}
	w.step(func(s *delivery.Story) {
		for _, name := range names {
			d, _ := s.Plan(n, w.policies[name], "", w.mintIn(s), w.now)
			require.NotNil(w.t, d)
		}
	})
}

// mintIn numbers on from what the story has minted already.
func (w *world) mintIn(s *delivery.Story) delivery.Mint {
	return func() (delivery.ID, delivery.Number) {
		next := delivery.Number(len(w.rows))
		for _, d := range s.Changed() {
			next = max(next, d.Number)
		}
		return delivery.NewID(), next + 1
	}
}

// claim begins to send a delivery that is ready.
func (w *world) claim(number delivery.Number) {
	w.step(func(s *delivery.Story) { s.Claim(s.Find(number), delivery.NewID(), w.now.Add(20*time.Second)) })
}

// finish ends the attempt at a delivery.
func (w *world) finish(number delivery.Number, outcome channel.Outcome) {
	w.step(func(s *delivery.Story) {
		d := s.Find(number)
		_, why := s.Finish(d, channel.Result{Outcome: outcome, Error: outcome.String()}, w.policies[d.Channel].Retry, 0.5, w.now)
		if why != "" {
			w.giveUp(s, d, why)
		}
	})
	if d := w.rows[number]; d.Status == delivery.Delivered {
		w.sent = append(w.sent, fmt.Sprintf("%s %d %s", d.Channel, d.Notice, d.Reason))
	}
}

func (w *world) giveUp(s *delivery.Story, d *delivery.Delivery, why string) {
	var fallback *delivery.Policy
	if p, ok := w.policies[w.policies[d.Channel].Fallback]; ok {
		fallback = &p
	}
	s.GiveUp(d, why, fallback, w.mintIn(s), w.now)
}

// wake does what is due at its time.
func (w *world) wake(number delivery.Number, outlook delivery.Outlook) {
	w.step(func(s *delivery.Story) {
		d := s.Find(number)
		if why := s.Wake(d, outlook, w.now); why != "" {
			w.giveUp(s, d, why)
		}
	})
}

// pass lets time go on to the next timer, and does what is due.
func (w *world) pass(longest time.Duration, outlook delivery.Outlook) {
	next := w.now.Add(longest)
	for _, due := range w.timers {
		if !due.IsZero() && due.Before(next) {
			next = due
		}
	}
	if next.After(w.now) {
		w.now = next
	}
	for _, number := range w.numbers() {
		if due := w.timers[number]; !due.IsZero() && !due.After(w.now) {
			w.wake(number, outlook)
		}
	}
}

func (w *world) ready() []delivery.Number {
	return slices.DeleteFunc(w.numbers(), func(n delivery.Number) bool { return !w.rows[n].Ready })
}

// drain delivers everything that is open.
func (w *world) drain() {
	for range 1000 {
		for _, number := range w.numbers() {
			if w.rows[number].Status == delivery.Sending {
				w.finish(number, channel.Delivered)
			}
		}
		if ready := w.ready(); len(ready) > 0 {
			w.claim(ready[0])
			continue
		}
		if !slices.ContainsFunc(w.numbers(), func(n delivery.Number) bool { d := w.rows[n]; return d.Open() }) {
			return
		}
		w.pass(time.Hour, delivery.Working)
	}
	require.Fail(w.t, "something is never sent")
}

// toldOf is the plain model of what a target hears that could not be reached while all
// these things happened.
func toldOf(reasons []incident.Reason) []string {
	var line []int
	for later, reason := range reasons {
		heard := false
		line = slices.DeleteFunc(line, func(earlier int) bool {
			gone := reason.Overtakes(reasons[earlier]) && (heard || reason.Introduces())
			heard = heard || !gone
			return gone
		})
		line = append(line, later)
	}
	var told []string
	for _, i := range line {
		told = append(told, fmt.Sprintf("chat %d %s", i+1, reasons[i]))
	}
	return told
}

var reasonsGen = rapid.SampledFrom([]incident.Reason{incident.SeverityRaised, incident.Updated, incident.WasAcknowledged, incident.WasResolved})

func TestUnreachableTargetHearsWhatTheModelSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		reasons := append([]incident.Reason{incident.Opened}, rapid.SliceOfN(reasonsGen, 0, 8).Draw(t, "reasons")...)
		if rapid.Bool().Draw(t, "heard of it late") {
			reasons[0] = incident.SeverityRaised
		}
		w := newWorld(t, policy("chat"))
		for _, reason := range reasons {
			w.plan(reason, "chat")
		}
		w.drain()
		require.Equal(t, toldOf(reasons), w.sent)
	})
}

func TestStoryKeepsItsInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		short := func(p *delivery.Policy) { p.Retry.GiveUpAfter = 2 * time.Minute }
		w := newWorld(t,
			policy("chat", short, func(p *delivery.Policy) { p.Fallback = "mail" }),
			policy("page", short), policy("mail", short))
		w.plan(incident.Opened, "chat", "page")
		outcomes := rapid.SampledFrom([]channel.Outcome{channel.Delivered, channel.Transient, channel.Permanent})
		pick := func(of []delivery.Number) (delivery.Number, bool) {
			if len(of) == 0 {
				return 0, false
			}
			return rapid.SampledFrom(of).Draw(t, "which"), true
		}
		having := func(status delivery.Status) []delivery.Number {
			return slices.DeleteFunc(w.numbers(), func(n delivery.Number) bool { return w.rows[n].Status != status })
		}
		t.Repeat(map[string]func(t *rapid.T){
			"plan": func(t *rapid.T) { w.plan(reasonsGen.Draw(t, "reason"), "chat", "page") },
			"claim": func(*rapid.T) {
				if number, ok := pick(w.ready()); ok {
					w.claim(number)
				}
			},
			"finish": func(t *rapid.T) {
				if number, ok := pick(having(delivery.Sending)); ok {
					w.finish(number, outcomes.Draw(t, "outcome"))
				}
			},
			"release": func(*rapid.T) {
				if number, ok := pick(having(delivery.Sending)); ok {
					w.step(func(s *delivery.Story) { s.Release(s.Find(number), w.now) })
				}
			},
			"pass": func(t *rapid.T) {
				w.pass(time.Minute, rapid.SampledFrom([]delivery.Outlook{delivery.Working, delivery.Broken}).Draw(t, "outlook"))
			},
			"away": func(*rapid.T) { w.now = w.now.Add(time.Hour) },
			"retry": func(*rapid.T) {
				if number, ok := pick(having(delivery.Failed)); ok {
					w.step(func(s *delivery.Story) {
						d := s.Find(number)
						_, err := s.Retry(d, nil, w.policies[d.Channel], w.mintIn(s), w.now)
						if err != nil {
							known := (*alerting.Error)(nil)
							require.ErrorAs(t, err, &known)
							require.Equal(t, alerting.CodeConflict, known.Code)
						}
					})
				}
			},
			"": func(*rapid.T) {},
		})
		w.drain()
		told := map[string]int{}
		for _, sent := range w.sent {
			var name, reason string
			var notice int
			_, err := fmt.Sscanf(sent, "%s %d %s", &name, &notice, &reason)
			require.NoError(t, err)
			require.Greater(t, notice, told[name], "the order is kept on %s: %s", name, w.sent)
			told[name] = notice
		}
		for _, number := range w.numbers() { // what the channel failed to tell, its fallback was to tell
			d := w.rows[number]
			if d.Channel == "chat" && d.Status == delivery.Failed {
				require.True(t, slices.ContainsFunc(w.numbers(), func(n delivery.Number) bool {
					return w.rows[n].Channel == "mail" && w.rows[n].Notice >= d.Notice
				}), "notice %d", d.Notice)
			}
		}
	})
}

func TestMissedGiveUpLeavesOneMoreAttempt(t *testing.T) {
	for name, test := range map[string]struct {
		late    time.Duration
		outlook delivery.Outlook
		ready   bool
	}{
		"alertd was away":           {late: time.Minute, outlook: delivery.Working, ready: true},
		"alertd was there":          {late: time.Millisecond, outlook: delivery.Working},
		"the channel does not work": {late: time.Minute, outlook: delivery.Broken},
		"another replica has it":    {late: time.Minute, outlook: delivery.Unknown, ready: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, policy("chat", func(p *delivery.Policy) { p.Retry.GiveUpAfter = 2 * time.Second }))
			w.plan(incident.Opened, "chat")
			w.claim(1)
			w.now = w.now.Add(1900 * time.Millisecond)
			w.finish(1, channel.Transient)
			require.Equal(t, w.rows[1].GiveUpAt, w.rows[1].DueAt, "that attempt was the last")
			w.now = w.rows[1].GiveUpAt.Add(test.late)
			w.wake(1, test.outlook)
			require.Equal(t, test.ready, w.rows[1].Ready)
			require.Equal(t, !test.ready, w.rows[1].Status == delivery.Failed)
			if test.ready {
				w.claim(1)
				w.finish(1, channel.Transient)
				require.Equal(t, delivery.Failed, w.rows[1].Status, "and no second one")
			}
		})
	}
}

func TestRetryByHandIsFollowedByTheResolution(t *testing.T) {
	for name, end := range map[string]func(w *world){
		"planned anew":      func(*world) {},
		"superseded before": func(w *world) { w.plan(incident.WasResolved, "chat") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, policy("chat"))
			w.plan(incident.Opened, "chat")
			end(w)
			w.claim(1)
			w.finish(1, channel.Permanent)
			require.Empty(t, w.ready(), "who has heard nothing does not hear the end")
			resolution := incident.Notice{Number: 2, Reason: incident.WasResolved, Incident: incident.Incident{Number: 12}}
			w.step(func(s *delivery.Story) {
				_, err := s.Retry(s.Find(1), &resolution, w.policies["chat"], w.mintIn(s), w.now)
				require.NoError(t, err)
			})
			w.drain()
			require.Equal(t, []string{"chat 1 opened", "chat 2 resolved"}, w.sent)
		})
	}
}

func TestGoneChannelGivesUpAtOnce(t *testing.T) {
	w := newWorld(t, policy("chat", func(p *delivery.Policy) { p.Fallback = "mail" }), policy("mail"))
	w.plan(incident.Opened, "chat")
	w.wake(1, delivery.Gone)
	require.Equal(t, delivery.Failed, w.rows[1].Status)
	require.Equal(t, "channel chat is not configured any more", w.rows[1].Error)
	w.drain()
	require.Equal(t, []string{"mail 1 opened"}, w.sent)
}

func TestAcknowledgementVoidsReminders(t *testing.T) {
	reminder := delivery.Delivery{Generation: 1, Reason: incident.Updated}
	opening := delivery.Delivery{Generation: 1, Reason: incident.Opened}
	require.False(t, reminder.Void(1))
	require.True(t, reminder.Void(2))
	require.False(t, opening.Void(2), "that an incident was opened is always told")
}

func TestRescheduleTakesTheNewBackoff(t *testing.T) {
	w := newWorld(t, policy("chat", func(p *delivery.Policy) { p.Retry.Initial, p.Retry.Jitter = 5*time.Minute, false }))
	w.plan(incident.Opened, "chat")
	w.claim(1)
	w.finish(1, channel.Transient)
	require.Equal(t, w.now.Add(5*time.Minute), w.rows[1].DueAt)
	w.step(func(s *delivery.Story) {
		s.Reschedule(s.Find(1), delivery.Retry{Initial: 10 * time.Second, Max: time.Minute}, 0.5, w.now)
	})
	require.Equal(t, w.now.Add(10*time.Second), w.rows[1].DueAt)
	require.False(t, w.rows[1].Ready)
	w.pass(time.Minute, delivery.Working)
	require.True(t, w.rows[1].Ready)
}

func TestDigestsStandAlone(t *testing.T) {
	chat, mail := policy("chat"), policy("mail")
	s, minted := delivery.NewStory(incident.Digests), delivery.Number(0)
	mint := func() (delivery.ID, delivery.Number) {
		minted++
		return delivery.NewID(), minted
	}
	plan := func(number int, p delivery.Policy) *delivery.Delivery {
		d, superseded := s.Plan(incident.Notice{Number: number, Reason: incident.Digested}, p, "", mint, now)
		require.Empty(t, superseded)
		return d
	}
	first, second, later := plan(1, chat), plan(2, chat), plan(3, mail)
	s.Claim(first, delivery.NewID(), now.Add(time.Minute))
	s.Claim(later, delivery.NewID(), now.Add(time.Minute))
	s.GiveUp(first, "it is down", &mail, mint, now)
	require.True(t, second.Ready, "it needs no other before it")
	instead := s.Find(minted)
	require.Equal(t, []any{first.ID, "mail", 1, false}, []any{instead.FallbackFor, instead.Channel, instead.Notice, instead.Ready}, "though a later one is being sent there")
	_, why := s.Finish(later, channel.Result{Outcome: channel.Delivered}, mail.Retry, 0.5, now)
	require.Empty(t, why)
	require.True(t, instead.Ready)
}

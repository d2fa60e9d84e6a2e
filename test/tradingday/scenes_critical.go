package tradingday

import (
	"fmt"
	"time"

	"alertd/internal/alerting"
)

// outage is the failure of the market data of a venue.
func (s *script) outage() {
	const symbols, perCheck, check = 420, 35, 4 * time.Second
	feed := trouble{problem: "market data of XETR", category: alerting.CategoryDataQuality, source: "feed_handler"}
	began, over := at(11, 12, 0), at(11, 18, 50)
	for n := range symbols {
		symbol := symbolOf(n)
		t := feed.about(map[string]any{"symbol": symbol, "venue": "XETR"})
		t.kind, t.dedupKey = "SymbolStale", "stale:XETR:"+symbol
		// Those of one check become stale at once, and each is told of again every 30 s.
		stale := began + time.Duration(n/perCheck)*check
		for age := 0; stale+time.Duration(age)*time.Second < over; age += 30 {
			s.say(stale+time.Duration(age)*time.Second, t, alerting.SeverityError, "No tick of %s for %d s", symbol, age+30)
		}
		s.end(over+s.between(0, 10*time.Second), t, alerting.SeverityError, "Ticks of %s have come again", symbol)
	}
	down := feed.about(map[string]any{"venue": "XETR"})
	down.kind, down.dedupKey = "FeedDown", "feed:XETR"
	for now := began + 45*time.Second; now < over; now += time.Minute {
		stale := min(symbols, perCheck*(1+int((now-began)/check)))
		s.say(now, down, alerting.SeverityCritical, "Market data of XETR is down: %d of %d symbols are stale", stale, symbols)
	}
	s.end(over+12*time.Second, down, alerting.SeverityCritical, "Market data of XETR is back")
}

// symbolOf returns a symbol of three letters, another for each number.
func symbolOf(n int) string {
	return string([]byte{'A' + byte(n*7/26%26), 'A' + byte(n*7%26), 'A' + byte(n/26*11%26)})
}

// storm is the failure of a switch, which forty-eight components notice.
func (s *script) storm() {
	began, lasts := at(14, 30, 0), 2*time.Minute
	var sources []string
	for _, group := range []string{"pricing_engine", "risk_engine", "order_manager", "market_maker", "hedger", "quote_server"} {
		for n := range 8 {
			sources = append(sources, fmt.Sprintf("%s_%02d", group, n+1))
		}
	}
	for range 6500 {
		source := sources[s.rand.IntN(len(sources))]
		peer := sources[s.rand.IntN(len(sources))]
		// Most of it is in the middle.
		now := (s.between(began, began+lasts) + s.between(began, began+lasts)) / 2
		t := trouble{problem: "switch of rack 12", source: source, context: map[string]any{"peer": peer}}
		switch s.rand.IntN(5) {
		case 0:
			t.kind, t.category = "ConnectionLost", alerting.CategorySystemHealth
			s.say(now, t, alerting.SeverityError, "Connection to %s is lost, retry %d", peer, s.number(1, 30))
		case 1:
			t.kind, t.category = "HeartbeatLate", alerting.CategorySystemHealth
			s.say(now, t, alerting.SeverityWarning, "Heartbeat of %s is %d s late", peer, s.number(2, 90))
		case 2:
			t.kind, t.category = "OrderTimeout", alerting.CategoryExecutionError
			s.say(now, t, alerting.SeverityError, "Order %d to %s has timed out", s.number(100_000, 999_999), peer)
		case 3:
			t.kind, t.category = "PriceOld", alerting.CategoryDataQuality
			s.say(now, t, alerting.SeverityWarning, "Prices of %s are %d s old", peer, s.number(2, 90))
		case 4:
			t.kind, t.category = "QueueLong", alerting.CategoryPerformance
			s.say(now, t, alerting.SeverityWarning, "%d messages to %s wait", s.number(1000, 90_000), peer)
		}
	}
}

// halt is a kill switch, and the orders that are rejected because of it.
func (s *script) halt() {
	halted, stopped, resumed := at(15, 40, 0), at(15, 47, 0), at(16, 20, 0)
	t := trouble{
		problem: "halt of XEUR", kind: "TradingHalted", category: alerting.CategoryRiskLimit, source: "kill_switch",
		context: map[string]any{"venue": "XEUR"}, dedupKey: "halt:XEUR",
	}
	for now := halted; now < resumed; now += time.Minute {
		s.say(now, t, alerting.SeverityCritical, "Trading on XEUR is halted: the loss of the day is above its limit")
	}
	s.end(resumed, t, alerting.SeverityCritical, "Trading on XEUR is allowed again")

	reject := func(now time.Duration, venue, problem, explained string, strategy int) {
		source := fmt.Sprintf("strategy_%02d", strategy)
		s.say(now, trouble{
			problem: problem, explained: explained, kind: "OrderRejected", category: alerting.CategoryExecutionError, source: source,
			context: map[string]any{"venue": venue, "strategy": source},
		}, alerting.SeverityError, "Order %d on %s was rejected", s.number(100_000, 999_999), venue)
	}
	// The first orders are rejected a moment before the switch tells of itself, the last when
	// the strategies have been stopped by hand.
	for now := halted - 600*time.Millisecond; now < stopped; now += s.between(100*time.Millisecond, 400*time.Millisecond) {
		reject(now, "XEUR", "rejected orders on XEUR", "kill switch", s.number(1, 12))
	}
	for now := at(15, 48, 10); now < at(15, 56, 0); now += s.between(20*time.Second, 40*time.Second) {
		reject(now, "XETR", "rejected orders on XETR", "", 5)
	}
}

// emergencies are critical, and have nothing to do with anything else.
func (s *script) emergencies() {
	for _, e := range []struct {
		at      time.Duration
		trouble trouble
		says    string
	}{
		{at(8, 12, 31), trouble{kind: "MarginFileMissing", category: alerting.CategoryRiskLimit, source: "batch_margin_eurex"}, "The margin file of XEUR is missing: the account cannot trade at the open"},
		{at(9, 17, 4), trouble{kind: "LimitFileBroken", category: alerting.CategoryCompliance, source: "limit_loader"}, "The limits of desk macro cannot be read: its orders are not checked"},
		{at(10, 21, 48), trouble{kind: "FatFinger", category: alerting.CategoryPositionViolation, source: "position_gate"}, "An order of account 4711 is 400 times its usual size"},
		{at(11, 15, 20), trouble{kind: "PricingStopped", category: alerting.CategorySystemHealth, source: "pricing_engine_11"}, "Pricing of the options on DAX has stopped"},
		{at(12, 33, 9), trouble{kind: "DatabaseReadOnly", category: alerting.CategorySystemHealth, source: "position_db"}, "The database of positions takes no more writes"},
		{at(14, 30, 41), trouble{kind: "PositionBreak", category: alerting.CategoryPositionViolation, source: "recon"}, "The position of account 4711 differs from the clearer's by 25 contracts"},
		{at(14, 31, 2), trouble{kind: "HedgeMissing", category: alerting.CategoryRiskLimit, source: "hedger_02"}, "The delta of book options is not hedged: 14 m EUR are open"},
		{at(14, 31, 23), trouble{kind: "OrderLogFull", category: alerting.CategoryCompliance, source: "order_log"}, "The order log cannot be written: its disk is full"},
		{at(15, 51, 37), trouble{kind: "MarginCall", category: alerting.CategoryRiskLimit, source: "clearing"}, "The clearer calls for 3.2 m EUR of margin by 17:00"},
		{at(17, 8, 55), trouble{kind: "ReportRefused", category: alerting.CategoryCompliance, source: "regulator_gateway"}, "The regulator has refused the transaction report"},
	} {
		e.trouble.problem = e.says
		for n := range s.number(2, 4) {
			s.say(e.at+time.Duration(n)*time.Minute, e.trouble, alerting.SeverityCritical, "%s", e.says)
		}
	}
}

package tradingday

import (
	"fmt"
	"math"
	"time"

	"alertd/internal/alerting"
)

// latency says the same all day.
func (s *script) latency() {
	t := trouble{
		problem: "latency", kind: "LatencyHigh", category: alerting.CategoryPerformance, source: "latency_monitor",
		context: map[string]any{"host": "fra-12"},
	}
	for now := Begin + 2*time.Second; now < End; now += s.between(4*time.Second, 6*time.Second) {
		s.say(now, t, alerting.SeverityWarning, "Tick-to-trade latency %d.%d ms is above 10 ms", s.number(10, 14), s.number(1, 9))
	}
}

// batch is the end of the night's work, which is late.
func (s *script) batch() {
	for _, job := range []string{
		"eod_pnl", "eod_risk", "eod_greeks", "margin_eurex", "margin_ice", "margin_cme", "refdata_isin", "refdata_calendar", "refdata_curves",
		"settle_xetr", "settle_xeur", "settle_fx", "report_desk", "report_regulator", "report_clients", "archive_ticks", "archive_orders", "archive_logs",
		"backup_positions", "backup_limits", "scenario_2008", "scenario_rates", "scenario_fx", "fees",
	} {
		t := trouble{
			problem: "batch " + job, explained: "nightly batch", kind: "BatchJob", category: alerting.CategorySystemHealth,
			source: "batch_" + job, context: map[string]any{"job": job},
		}
		last := s.between(at(8, 10, 0), at(8, 28, 0))
		for now := s.between(Begin, Begin+time.Minute); now < last; now += s.between(30*time.Second, 80*time.Second) {
			if s.rand.IntN(4) == 0 {
				s.say(now, t, alerting.SeverityError, "Job %s failed with status %d and is tried again", job, s.number(1, 3))
				continue
			}
			s.say(now, t, alerting.SeverityWarning, "Job %s is late by %d min", job, int(now.Minutes())-465)
		}
	}
}

// start is the time at which the components start, before the open.
func (s *script) start() {
	for _, group := range []struct {
		name  string
		count int
		says  string
	}{
		{"pricing_engine", 20, "Reference price of %d instruments is missing"},
		{"risk_engine", 12, "Positions of %d accounts are not loaded yet"},
		{"order_manager", 8, "Connection to the gateway is not up, retry %d"},
		{"market_maker", 14, "Waiting for the quotes of %d instruments"},
		{"hedger", 6, "No position snapshot after %d s"},
	} {
		for n := range group.count {
			source := fmt.Sprintf("%s_%02d", group.name, n+1)
			t := trouble{
				problem: "start of " + source, kind: "NotReady", category: alerting.CategorySystemHealth, source: source,
				context: map[string]any{"phase": "start"}, dedupKey: "start:" + source,
			}
			ready := s.between(at(8, 57, 0), at(9, 4, 0))
			worst := alerting.SeverityWarning
			for now := s.between(at(8, 50, 0), at(8, 52, 0)); now < ready; now += s.between(20*time.Second, 45*time.Second) {
				severity := s.or(10, alerting.SeverityError, alerting.SeverityWarning)
				worst = max(worst, severity)
				s.say(now, t, severity, group.says, s.number(1, 40))
			}
			s.end(ready, t, worst, "It is ready")
		}
	}
}

// limits is the drift of the VaR of ten positions towards their limits, and back.
func (s *script) limits() {
	for _, p := range []struct {
		position string
		begins   time.Duration
		lasts    time.Duration
		peak     float64 // in per cent of the limit
	}{
		{"BTC-EUR", at(9, 30, 0), 105 * time.Minute, 118},
		{"ETH-EUR", at(9, 42, 0), 95 * time.Minute, 99},
		{"BUND-JUN", at(10, 5, 0), 60 * time.Minute, 88},
		{"DAX-JUN", at(10, 50, 0), 75 * time.Minute, 92},
		{"BRENT-MAY", at(12, 10, 0), 80 * time.Minute, 109},
		{"GOLD-JUN", at(12, 40, 0), 50 * time.Minute, 86},
		{"EURUSD-SPOT", at(13, 20, 0), 90 * time.Minute, 98},
		{"GAS-TTF", at(14, 5, 0), 110 * time.Minute, 127},
		{"SX5E-JUN", at(14, 40, 0), 70 * time.Minute, 90},
		{"JGB-JUN", at(15, 10, 0), 75 * time.Minute, 97},
	} {
		t := trouble{problem: "VaR of " + p.position, kind: "VaRNearLimit", category: alerting.CategoryRiskLimit, source: "var_gate", dedupKey: "var:" + p.position}
		for now := p.begins; now < p.begins+p.lasts; now += 20 * time.Second {
			// From 80 % to the peak and back, with a little noise.
			share := float64(now-p.begins) / float64(p.lasts)
			used := 80 + (p.peak-80)*math.Sin(math.Pi*share) + float64(s.number(-5, 5))/10
			severity := alerting.SeverityWarning
			switch {
			case used >= 100:
				severity = alerting.SeverityCritical
			case used >= 95:
				severity = alerting.SeverityError
			}
			current := t.about(map[string]any{"position": p.position, "used_percent": math.Round(used*10) / 10})
			s.say(now, current, severity, "VaR of %s is at %.1f %% of its limit", p.position, used)
		}
		s.end(p.begins+p.lasts, t.about(map[string]any{"position": p.position}), alerting.SeverityWarning, "VaR of %s is within its limit", p.position)
	}
}

// session is a FIX session that goes down and comes back, for forty minutes.
func (s *script) session() {
	t := trouble{
		problem: "FIX session CS-7", kind: "SessionDown", category: alerting.CategoryExecutionError, source: "fix_gateway_7",
		context: map[string]any{"session": "CS-7", "venue": "XPAR"}, dedupKey: "session:CS-7",
	}
	for minute := range 40 {
		down := at(13, 5+minute, s.number(0, 15))
		s.say(down, t, alerting.SeverityError, "FIX session CS-7 is down: no heartbeat for %d s", s.number(31, 44))
		s.say(down+9*time.Second, t, alerting.SeverityError, "FIX session CS-7 is down: no heartbeat for %d s", s.number(41, 54))
		s.end(down+s.between(20*time.Second, 40*time.Second), t, alerting.SeverityError, "FIX session CS-7 is up")
	}
}

// everyday is what happens on any day: small problems of single components.
func (s *script) everyday() {
	for _, k := range []struct {
		kind, says string
		category   alerting.Category
		severity   alerting.Severity
		sources    []string
	}{
		{"ReconciliationLate", "Reconciliation of account %s is late", alerting.CategoryCompliance, alerting.SeverityWarning, []string{"recon"}},
		{"PositionLarge", "Position of account %s is above its soft limit", alerting.CategoryPositionViolation, alerting.SeverityWarning, []string{"position_gate"}},
		{"ConcentrationHigh", "Account %s holds too much of one instrument", alerting.CategoryPositionViolation, alerting.SeverityError, []string{"position_gate"}},
		{"OrderRejected", "Order for account %s was rejected by the broker", alerting.CategoryExecutionError, alerting.SeverityError, []string{"order_manager_03", "order_manager_05"}},
		{"SlippageHigh", "Slippage of account %s is above 5 bp", alerting.CategoryExecutionError, alerting.SeverityWarning, []string{"order_manager_01", "order_manager_02"}},
		{"CurveOld", "Curve for account %s is of yesterday", alerting.CategoryDataQuality, alerting.SeverityWarning, []string{"curve_builder"}},
		{"BookingFailed", "Trade of account %s could not be booked", alerting.CategoryOther, alerting.SeverityError, []string{"booking"}},
		{"ApprovalMissing", "Trade of account %s has no approval", alerting.CategoryCompliance, alerting.SeverityWarning, []string{"compliance_gate"}},
		{"QuerySlow", "Query for account %s took too long", alerting.CategoryPerformance, alerting.SeverityWarning, []string{"warehouse"}},
	} {
		for range 14 {
			account, source := fmt.Sprint(s.number(4000, 9999)), k.sources[s.rand.IntN(len(k.sources))]
			t := trouble{
				problem: k.kind + " of account " + account, kind: k.kind, category: k.category, source: source,
				context: map[string]any{"account": account},
			}
			now := s.between(at(8, 30, 0), at(17, 40, 0))
			for range s.number(1, 5) {
				s.say(now, t, k.severity, k.says, account)
				now += s.between(10*time.Second, 4*time.Minute)
			}
		}
	}
}

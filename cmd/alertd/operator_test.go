package main

import (
	"encoding/json"
	"time"

	"alertd/test/tradingday"
)

// operator is what people and other programs do on the trading day, and what they are
// answered.
type operator struct {
	*replay
	explanation json.RawMessage
}

// rejected is an order that is rejected while trading is halted.
var rejected = map[string]any{
	"severity": "error", "category": "execution_error", "source": "strategy_03", "message": "Order 512774 on XEUR was rejected",
	"context": map[string]any{"venue": "XEUR", "strategy": "strategy_03"},
}

// acts returns what they do. The engine that computes the VaR pings every minute, except
// that it hangs from 12:40 to 12:48. Nothing is done at the very time of an alert, so that
// the order of what follows is the same each time.
func (o *operator) acts() []act {
	const aside = 50 * time.Millisecond
	var acts []act
	for at := tradingday.Begin; at < tradingday.End+time.Hour; at += time.Minute {
		if at > 12*time.Hour+40*time.Minute && at < 12*time.Hour+48*time.Minute {
			continue
		}
		acts = append(acts, act{at + aside, func() { o.post("/heartbeats/var-engine", struct{}{}) }})
	}
	latency := map[string]any{"match": map[string]any{"source": []string{"latency_monitor"}}, "duration": "3h30m", "by": "ada", "comment": "the network team is on it"}
	return append(acts,
		act{14*time.Hour + aside, func() { o.post("/silences", latency) }},
		act{15*time.Hour + 45*time.Minute + aside, func() { o.explanation = o.post("/explain", map[string]any{"alert": rejected}) }},
	)
}

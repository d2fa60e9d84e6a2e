package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	batchSize = 1000
	// incidents is how many a storm makes.
	incidents = 100
)

// stormBatches returns bodies of batches with so many events in all, of one source.
// Their messages are of 100 kinds, and have numbers, times and percentages that vary.
func stormBatches(source string, events int) [][]byte {
	random := rand.New(rand.NewPCG(5, 6)) //nolint:gosec // the same each time
	began := time.Date(2025, 12, 27, 10, 30, 0, 0, time.UTC)
	bodies := make([][]byte, 0, events/batchSize)
	for n := 0; n < events; {
		body := bytes.NewBuffer(make([]byte, 0, 256*batchSize))
		for range batchSize {
			_, _ = fmt.Fprintf(body, `{"severity": "error", "category": "risk_limit", "source": %q, "message": %q, `+
				`"context": {"position": "BTC-EUR", "current_var": %.4f, "limit": 0.03}}`+"\n",
				source, stormMessage(random, n, began.Add(time.Duration(n)*time.Millisecond)), random.Float64())
			n++
		}
		bodies = append(bodies, body.Bytes())
	}
	return bodies
}

// stormMessage returns a message of the kind n%100.
func stormMessage(random *rand.Rand, n int, at time.Time) string {
	measures := [...]string{"VaR", "Delta", "Vega", "Leverage", "Drawdown", "Exposure", "Concentration", "Slippage", "Margin use", "Turnover"}
	desks := [...]string{"rates", "credit", "equities", "crypto", "metals", "energy", "grains", "carry", "macro", "volatility"}
	return fmt.Sprintf("%s limit of the %s desk breached at %s: %.4f > %.2f, %+.2f%% in %dms",
		measures[n%10], desks[n/10%10], at.Format("15:04:05.000"), random.Float64(), random.Float64(), 100*random.Float64()-50, random.IntN(100_000))
}

package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/pgtest"
)

// BenchmarkOpenIncidents asks an alertd as users run it for the latest 1,000 of 10,000 open
// incidents, and acknowledges as many at once.
func BenchmarkOpenIncidents(b *testing.B) {
	for store, storage := range map[string]func() string{
		"SQLite":     func() string { return "" },
		"PostgreSQL": func() string { return fmt.Sprintf("[storage]\ndriver = \"postgres\"\ndsn = %q\n", pgtest.DSN(b)) },
	} {
		b.Run(store, func(b *testing.B) {
			p := start(b, "[alerting]\nenabled = true\n[alerting.channels.log]\nkind = \"logfile\"\nenabled = true\npath = \""+b.TempDir()+"/messages.ndjson\"\n"+storage())
			p.opens(10_000)
			const list = "/incidents?status=triggered,acknowledged&limit=1000"
			var page struct {
				Incidents []struct {
					ID string `json:"incident_id"`
				}
				NextCursor string `json:"next_cursor"`
			}
			b.Run("list", func(b *testing.B) {
				for b.Loop() {
					require.Equal(b, http.StatusOK, p.do(http.MethodGet, list, "").status)
				}
			})
			b.Run("acknowledge", func(b *testing.B) {
				var took time.Duration
				n, after := 0, ""
				for b.Loop() {
					if n++; n > 10 { // all are acknowledged
						b.Skip("with -benchtime 10x at most")
					}
					p.do(http.MethodGet, list+after, "").into(b, &page)
					after = "&cursor=" + page.NextCursor
					ids := make([]string, len(page.Incidents))
					for i, one := range page.Incidents {
						ids[i] = `"` + one.ID + `"`
					}
					began := time.Now()
					a := p.do(http.MethodPost, "/incidents/acknowledge", `{"by":"ada","incident_ids":[`+strings.Join(ids, ",")+`]}`)
					took += time.Since(began)
					require.Contains(b, a.body, `{"acknowledged":1000,"unchanged":0,"rejected":0`)
				}
				b.ReportMetric(float64(took.Milliseconds())/float64(n), "ms/call")
			})
		})
	}
}

// opens registers alerts that each open an incident, and waits until all have.
func (p *program) opens(incidents int) {
	p.tb.Helper()
	alerts := make([]string, incidents)
	for n := range alerts {
		alerts[n] = fmt.Sprintf(`{"severity":"error","category":"risk_limit","source":"var_gate","message":"VaR limit breached: 0.05 > 0.03 on book %d","dedup_key":"book %d","context":{"position":"BTC-EUR","venue":"XETR"}}`, n, n)
	}
	a := p.do(http.MethodPost, "/alerts", "["+strings.Join(alerts, ",")+"]", "Content-Type", "application/json")
	require.Equal(p.tb, http.StatusOK, a.status, a.body)
	eventually(p.tb, func() bool {
		var page struct{ Incidents []struct{ Number int } }
		p.do(http.MethodGet, "/incidents?limit=1", "").into(p.tb, &page)
		return len(page.Incidents) == 1 && page.Incidents[0].Number == incidents
	}, "all are open")
	require.Eventually(p.tb, func() bool {
		var page struct{ Deliveries []struct{} }
		p.do(http.MethodGet, "/deliveries?status=waiting,sending&limit=1", "").into(p.tb, &page)
		return len(page.Deliveries) == 0
	}, 2*time.Minute, 50*time.Millisecond, "all are told")
}

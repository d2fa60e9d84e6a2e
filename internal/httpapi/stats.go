package httpapi

import (
	"context"
	"net/http"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/incident"
	"alertd/internal/routing"
)

// statsAnswer is the seed's get_stats, then what an operator wants.
type statsAnswer struct {
	TotalEvents     int                       `json:"total_events"`
	BySeverity      map[alerting.Severity]int `json:"by_severity"`
	ByCategory      map[alerting.Category]int `json:"by_category"`
	AlertingEnabled bool                      `json:"alerting_enabled"`
	MinSeverity     alerting.Severity         `json:"min_severity"`
	BySource        map[string]int            `json:"by_source"`
	Buffer          bufferStats               `json:"buffer"`
	SinceStart      sinceStartStats           `json:"since_start"`
	History         historyStats              `json:"history"`
	Noise           noiseStats                `json:"noise"`
	Incidents       openStats                 `json:"incidents"`
	UptimeSeconds   float64                   `json:"uptime_seconds"`
}

// NoiseReader counts what people were spared. Safe for concurrent use.
type NoiseReader interface {
	// Counts returns what was counted since the database was made: "events" that were folded,
	// "incidents" that were opened, "messages" that were delivered, and "held REASON" for
	// each of [routing.HeldReasons].
	Counts(ctx context.Context) (map[string]int64, error)
}

// noiseStats is what people were told of, and what not, since the database was made.
type noiseStats struct {
	Events    int64            `json:"events"`
	Incidents int64            `json:"incidents"`
	Messages  int64            `json:"messages"`
	HeldBack  map[string]int64 `json:"held_back"`
}

func viewNoise(counts map[string]int64) noiseStats {
	stats := noiseStats{counts["events"], counts["incidents"], counts["messages"], map[string]int64{}}
	for _, reason := range routing.HeldReasons() {
		stats.HeldBack[reason] = counts["held "+reason]
	}
	return stats
}

// openStats is how many open incidents there are, by status and each severity.
type openStats struct {
	Triggered    map[alerting.Severity]int `json:"triggered"`
	Acknowledged map[alerting.Severity]int `json:"acknowledged"`
}

func viewOpen(open map[incident.Status]map[alerting.Severity]int) openStats {
	stats := openStats{make(map[alerting.Severity]int), make(map[alerting.Severity]int)}
	for _, severity := range alerting.Severities() {
		stats.Triggered[severity] = open[incident.Triggered][severity]
		stats.Acknowledged[severity] = open[incident.Acknowledged][severity]
	}
	return stats
}

type bufferStats struct {
	Size          int   `json:"size"`
	Capacity      int   `json:"capacity"`
	Bytes         int64 `json:"bytes"`
	BytesCapacity int64 `json:"bytes_capacity"`
}

type sinceStartStats struct {
	Registered uint64 `json:"registered"`
	Filtered   uint64 `json:"filtered"`
	Rejected   uint64 `json:"rejected"`
	Duplicate  uint64 `json:"duplicate"`
	Dispatched uint64 `json:"dispatched"`
}

// historyStats describes all events that can be asked for; the times are null
// if there are none.
type historyStats struct {
	Events int64   `json:"events"`
	Oldest *string `json:"oldest"`
	Newest *string `json:"newest"`
}

func (a *API) getStats(w *response, r *http.Request) error {
	extent, err := a.config.Manager.History(r.Context())
	if err != nil {
		return err
	}
	counts, err := a.config.Noise.Counts(r.Context())
	if err != nil {
		return err
	}
	open, err := a.config.Incidents.CountOpen(r.Context())
	if err != nil {
		return err
	}
	stats := a.config.Manager.Stats()
	history := historyStats{Events: extent.Events()}
	if extent.Events() > 0 {
		oldest, newest := alerting.FormatTime(extent.Oldest), alerting.FormatTime(extent.Newest)
		history.Oldest, history.Newest = &oldest, &newest
	}
	return w.sendJSON(http.StatusOK, statsAnswer{
		TotalEvents: stats.TotalEvents, BySeverity: stats.BySeverity, ByCategory: stats.ByCategory, BySource: stats.BySource,
		AlertingEnabled: stats.Enabled, MinSeverity: stats.MinSeverity,
		Buffer:     bufferStats{stats.BufferSize, stats.BufferCapacity, stats.BufferBytes, stats.BufferBytesCapacity},
		SinceStart: sinceStartStats(stats.SinceStart), History: history, Noise: viewNoise(counts), Incidents: viewOpen(open),
		UptimeSeconds: time.Since(a.started).Round(time.Millisecond).Seconds(),
	})
}

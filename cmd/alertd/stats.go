package main

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"alertd/internal/client"
)

func newStatsCommand() *cobra.Command {
	var flags remoteFlags
	cmd := &cobra.Command{
		Use: "stats", Short: "Show how many alerts a running alertd has taken",
		Long:    "Shows how many events there are, by severity, category and source.",
		Example: "  alertd stats\n  alertd stats --output json",
		Args:    noArguments, ValidArgsFunction: cobra.NoFileCompletions,
	}
	return flags.run(cmd, func(ctx context.Context, cmd *cobra.Command, alertd *client.Client, _ []string) error {
		answer, err := alertd.Get(ctx, "/stats", nil)
		if err != nil {
			return err
		}
		return flags.show(cmd, answer, showStats)
	})
}

func showStats(out screen, e element) {
	history, since, buffer := e.object("history"), e.object("since_start"), e.object("buffer")
	enabled := "off"
	if e.text("alerting_enabled") == "true" {
		enabled = "on"
	}
	uptime, _ := time.ParseDuration(e.text("uptime_seconds") + "s") // else 0
	noise := e.object("noise")
	var held []string
	for _, by := range counted(noise.object("held_back")) {
		held = append(held, by.text("count")+" by "+by.text("name"))
	}
	out.facts(
		"Alerting", enabled, "Least severity", e.text("min_severity"), "Running for", shortly(uptime),
		"Events kept", history.text("events"), "  oldest", history.text("oldest"), "  newest", history.text("newest"),
		"In memory", buffer.text("size")+" of "+buffer.text("capacity"),
		"Since the start", since.text("registered")+" registered, "+since.text("duplicate")+" duplicate, "+since.text("filtered")+" filtered, "+since.text("rejected")+" rejected",
		"Told", noise.text("messages")+" messages about "+noise.text("incidents")+" incidents of "+noise.text("events")+" events", "Held back", strings.Join(held, ", "),
	)
	for _, by := range []struct{ title, member string }{
		{"SEVERITY", "by_severity"}, {"CATEGORY", "by_category"}, {"SOURCE", "by_source"},
	} {
		out.section("events in memory by "+by.member[len("by_"):], []column{member(by.title, "name", 0, 0), number("EVENTS", "count")}, counted(e.object(by.member)))
	}
}

// counted returns names and counts that are not 0, the highest count first.
func counted(counts element) []element {
	var list []element
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		if counts.text(name) != "0" {
			list = append(list, element{"name": name, "count": counts[name]})
		}
	}
	slices.SortStableFunc(list, func(a, b element) int { return cmp.Compare(countOf(b), countOf(a)) })
	return list
}

func countOf(e element) int64 {
	number, _ := e["count"].(json.Number) // else ""
	count, _ := number.Int64()            // else 0
	return count
}

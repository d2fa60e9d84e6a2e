package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os/user"
	"strings"

	"github.com/spf13/cobra"

	"alertd/internal/client"
	"alertd/internal/incident"
)

var incidentColumns = []column{
	member("ID", "incident_id", 0, 0), number("NUMBER", "number"), moment("LAST SEEN", "last_seen").or(4), age("last_seen").or(1), member("STATUS", "status", 0, 0),
	member("SEVERITY", "severity", 0, 0), number("EVENTS", "count").or(3), member("SOURCE", "source", 0, 24).or(2), member("MESSAGE", "message", 0, 0),
}

// timelineColumns are those of what has happened to an incident.
var timelineColumns = []column{
	moment("TIME", "at"), member("WHAT", "kind", 0, 0), member("BY", "by", 0, 24), member("CHANNEL", "channel", 0, 24),
	member("REASON", "reason", 0, 0),
}

// recipientColumns are those of what channels know of an incident.
var recipientColumns = []column{
	member("CHANNEL", "channel", 0, 24), member("TARGET", "target", 0, 32).or(1), member("STATE", "state", 0, 0), moment("TOLD", "told_at"),
	moment("UNTIL", "until").or(2), member("REASON", "reason", 0, 0),
}

func newIncidentsCommand() *cobra.Command {
	statuses := namesOf(incident.Statuses())
	incidents := list{
		use: "incidents", short: "Show incidents of a running alertd, and act on them",
		long: "Shows the incidents that were opened last; a subcommand shows one in full or acts.\n\n" +
			"Times are in UTC. With --output json it prints one incident a line, as the API answers it.",
		example: "  alertd incidents --status triggered\n  alertd incidents show 019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a01\n" +
			"  alertd incidents ack 019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a01 --note looking",
		path: "/incidents", name: "incidents", columns: incidentColumns, pages: true,
		filters: []filter{
			{flag: "status", parameter: "status", usage: "only these `statuses`: " + strings.Join(statuses, ", "), values: statuses, several: true},
			minSeverityFilter, categoryFilter, sourceFilter, sinceFilter, textFilter,
		},
	}
	cmd := newListCommand(incidents)
	incidents.use, incidents.short, incidents.example = "list", "Show incidents", "  alertd incidents list --status triggered,acknowledged --since 8h"
	cmd.AddCommand(
		newListCommand(incidents), newIncidentCommand(),
		newActCommand("ack", "acknowledge", "Acknowledge incidents: somebody is at work, and reminders stop"),
		newActCommand("resolve", "resolve", "Resolve incidents: the next like event opens a new one"),
	)
	return cmd
}

// someIncidents wants ids of incidents, at most so many; 0 is any number.
func someIncidents(what string, most int) cobra.PositionalArgs {
	return someArguments(what, most, func(arg string) error {
		_, err := incident.ParseID(arg)
		return err
	})
}

func newIncidentCommand() *cobra.Command {
	var flags remoteFlags
	cmd := &cobra.Command{
		Use: "show ID", Short: "Show one incident in full",
		Long:    "Shows an incident, what each channel knows of it, what has happened to it, its last events and its last deliveries.",
		Example: "  alertd incidents show 019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a01",
		Args:    someIncidents("the id of one incident", 1), ValidArgsFunction: cobra.NoFileCompletions,
	}
	return flags.run(cmd, func(ctx context.Context, cmd *cobra.Command, alertd *client.Client, args []string) error {
		answer, err := alertd.Get(ctx, client.Path("incidents", args[0]), nil)
		if err != nil {
			return err
		}
		return flags.show(cmd, answer, showIncident)
	})
}

func showIncident(out screen, e element) {
	out.facts(
		"Incident", e.text("incident_id"), "Number", e.text("number"), "Status", e.text("status"), "Severity", e.text("severity"),
		"Category", e.text("category"), "Source", e.text("source"), "Message", e.text("message"), "Events", e.text("count"),
		"First seen", e.text("first_seen"), "Last seen", e.text("last_seen"),
		"Acknowledged", e.text("acknowledged_at"), "  by", e.text("acknowledged_by"), "Resolved", e.text("resolved_at"), "  by", e.text("resolved_by"),
		"Pattern", e.text("pattern"), "Route", e.text("route"), "Held back by", e.object("held").text("by"), "  until", e.object("held").text("until"),
	)
	out.section("what each channel knows", recipientColumns, e.list("channels"))
	out.section("timeline", timelineColumns, e.list("timeline"))
	out.section("last events, the newest first", eventColumns, e.list("events"))
	out.section("last deliveries, the newest first", deliveryColumns, e.list("deliveries"))
}

// newActCommand returns a command that acts on incidents.
func newActCommand(name, action, short string) *cobra.Command {
	incidents := list{columns: incidentColumns}
	var by, notes string
	cmd := &cobra.Command{
		Use: name + " ID...", Short: short,
		Long: short + ".\n\n--by is kept as the name of who does it; with a token its name comes first.\n" +
			"One that is refused does not stop those behind it; the exit status is the worst.",
		Example: fmt.Sprintf("  alertd incidents %s 019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a01 --by ada --note looking", name),
		Args:    someIncidents("the ids of one or more incidents", 0), ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().StringVar(&by, "by", "", "`name` of who does it (default: that of this machine's user)")
	cmd.Flags().StringVar(&notes, "note", "", "`text` to keep beside it")
	for _, flag := range []string{"by", "note"} {
		completeFlag(cmd, flag, nil, cobra.ShellCompDirectiveNoFileComp)
	}
	return incidents.run(cmd, func(ctx context.Context, cmd *cobra.Command, alertd *client.Client, args []string) error {
		if by == "" {
			by = userName()
		}
		body := map[string]string{"by": by}
		if notes != "" {
			body["note"] = notes
		}
		var changed []json.RawMessage
		refused := severally(ctx, cmd, args, func(id string) error {
			answer, err := alertd.Post(ctx, client.Path("incidents", id, action), body)
			if err == nil {
				changed = append(changed, answer)
			}
			return err
		})
		if err := incidents.answers(cmd, changed); err != nil {
			return err
		}
		return refused
	})
}

func userName() string {
	if current, err := user.Current(); err == nil && current.Username != "" {
		return current.Username
	}
	return "alertd"
}

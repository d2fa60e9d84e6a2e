package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"alertd/internal/client"
	"alertd/internal/delivery"
)

var deliveryColumns = []column{
	member("ID", "delivery_id", 0, 0), moment("PLANNED", "created_at").or(5), age("created_at").or(1), member("STATUS", "status", 0, 0),
	member("REASON", "reason", 0, 0).or(2), member("CHANNEL", "channel", 0, 24), member("TARGET", "target", 0, 32).or(3), number("ATTEMPTS", "attempt_count").or(4),
	member("ERROR", "error", 0, 0),
}

var attemptColumns = []column{
	number("ATTEMPT", "number"), moment("TIME", "time"), member("OUTCOME", "outcome", 0, 0), number("MS", "duration_ms"), number("CODE", "code"),
	member("ERROR", "error", 0, 0),
}

func newDeliveriesCommand() *cobra.Command {
	statuses := namesOf(delivery.Statuses())
	deliveries := list{
		use: "deliveries", short: "Show messages to channels of a running alertd, and send them again",
		long: "Shows the messages that were planned last; a subcommand shows one in full or sends it again.\n\n" +
			"Times are in UTC. With --output json it prints one delivery a line, as the API answers it.",
		example: "  alertd deliveries --status failed\n  alertd deliveries retry 019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a90",
		path:    "/deliveries", name: "deliveries", columns: deliveryColumns, pages: true,
		filters: []filter{
			{flag: "status", parameter: "status", usage: "only these `statuses`: " + strings.Join(statuses, ", "), values: statuses, several: true},
			{flag: "channel", parameter: "channel", usage: "only this `channel`"},
			{flag: "incident", parameter: "incident_id", usage: "only about the incident with this `id`"},
		},
	}
	cmd := newListCommand(deliveries)
	deliveries.use, deliveries.short, deliveries.example = "list", "Show messages to channels", "  alertd deliveries list --status failed,waiting --channel slack"
	cmd.AddCommand(newListCommand(deliveries), newDeliveryCommand(), newRetryCommand())
	return cmd
}

// someDeliveries wants ids of deliveries, at most so many; 0 is any number.
func someDeliveries(what string, most int) cobra.PositionalArgs {
	return someArguments(what, most, func(arg string) error {
		_, err := delivery.ParseID(arg)
		return err
	})
}

func newDeliveryCommand() *cobra.Command {
	var flags remoteFlags
	cmd := &cobra.Command{
		Use: "show ID", Short: "Show one message and each attempt to send it",
		Long:    "Shows a message to a channel and each attempt to send it.",
		Example: "  alertd deliveries show 019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a90",
		Args:    someDeliveries("the id of one delivery", 1), ValidArgsFunction: cobra.NoFileCompletions,
	}
	return flags.run(cmd, func(ctx context.Context, cmd *cobra.Command, alertd *client.Client, args []string) error {
		answer, err := alertd.Get(ctx, client.Path("deliveries", args[0]), nil)
		if err != nil {
			return err
		}
		return flags.show(cmd, answer, func(out screen, e element) {
			out.facts(
				"Delivery", e.text("delivery_id"), "Incident", e.text("incident_id"), "Incidents", digested(e), "Channel", e.text("channel"), "Target", e.text("target"),
				"Reason", e.text("reason"), "Status", e.text("status"), "Planned", e.text("created_at"), "Due", e.text("due_at"),
				"Finished", e.text("finished_at"), "Error", e.text("error"), "Fallback for", e.text("fallback_for"),
			)
			out.section("attempts", attemptColumns, e.list("attempts"))
		})
	})
}

// digested returns the ids of the incidents that a digest is about; "" for another message.
func digested(e element) string {
	ids, _ := e["incident_ids"].([]any) // else there are none
	if e.text("incident_id") != "" {
		return ""
	}
	var texts []string
	for _, id := range ids {
		texts = append(texts, fmt.Sprint(id))
	}
	return strings.Join(texts, ", ")
}

func newRetryCommand() *cobra.Command {
	deliveries := list{columns: deliveryColumns}
	cmd := &cobra.Command{
		Use: "retry ID...", Short: "Send failed messages again",
		Long: "Sends messages again that have failed.\n\n" +
			"One that is refused does not stop those behind it; the exit status is the worst.",
		Example: "  alertd deliveries retry 019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a90",
		Args:    someDeliveries("the ids of one or more deliveries", 0), ValidArgsFunction: cobra.NoFileCompletions,
	}
	return deliveries.run(cmd, func(ctx context.Context, cmd *cobra.Command, alertd *client.Client, args []string) error {
		var retried []json.RawMessage
		refused := severally(ctx, cmd, args, func(id string) error {
			answer, err := alertd.Post(ctx, client.Path("deliveries", id, "retry"), nil)
			if err == nil {
				retried = append(retried, answer)
			}
			return err
		})
		if err := deliveries.answers(cmd, retried); err != nil {
			return err
		}
		return refused
	})
}

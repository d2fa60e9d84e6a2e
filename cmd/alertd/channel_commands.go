package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"alertd/internal/client"
)

var channelColumns = []column{
	member("NAME", "name", 0, 32), member("KIND", "kind", 0, 0).or(2), member("ENABLED", "enabled", 0, 0).or(3), member("HEALTH", "health", 0, 0),
	number("SENT", "successes"), number("FAILED", "failures"), number("QUEUE", "queue"), member("BREAKER", "breaker", 0, 0).or(1),
	member("LAST ERROR", "last_error", 0, 0),
}

func newChannelsCommand() *cobra.Command {
	channels := list{
		use: "channels", short: "Show the channels of a running alertd, and test them",
		long: "Shows the channels and how each does; a subcommand sends a test message.\n\n" +
			"With --output json it prints one channel a line, as the API answers it.",
		example: "  alertd channels\n  alertd channels test slack", path: "/channels", name: "channels", columns: channelColumns,
	}
	cmd := newListCommand(channels)
	channels.use, channels.short, channels.example = "list", "Show the channels and how each does", "  alertd channels list"
	cmd.AddCommand(newListCommand(channels), newTestCommand())
	return cmd
}

func newTestCommand() *cobra.Command {
	var flags remoteFlags
	cmd := &cobra.Command{
		Use: "test NAME", Short: "Send a real test message by a channel",
		Long:    "Sends a real test message by a channel and waits for the outcome.\nExit status 1 if it was not delivered.",
		Example: "  alertd channels test slack",
		Args:    someArguments("the name of one channel", 1, func(string) error { return nil }), ValidArgsFunction: cobra.NoFileCompletions,
	}
	return flags.run(cmd, func(ctx context.Context, cmd *cobra.Command, alertd *client.Client, args []string) error {
		answer, err := alertd.Post(ctx, client.Path("channels", args[0], "test"), nil)
		if err != nil {
			return err
		}
		result, err := readElement(answer)
		if err != nil {
			return err
		}
		if err := flags.show(cmd, answer, func(out screen, e element) {
			out.facts(
				"Channel", e.text("channel"), "Outcome", e.text("outcome"), "Code", e.text("code"), "Error", e.text("error"),
				"Took", e.text("duration_ms")+" ms", "Delivery", e.text("delivery_id"),
			)
		}); err != nil {
			return err
		}
		if outcome := result.text("outcome"); outcome != "delivered" {
			return toldError{fmt.Errorf("the test message was not delivered: %s", outcome)}
		}
		return nil
	})
}

package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"alertd/internal/client"
)

var heartbeatColumns = []column{
	member("NAME", "name", 0, 0), member("STATUS", "status", 0, 0), moment("LAST SEEN", "last_seen").or(1), age("last_seen"),
	moment("DUE AT", "due_at").or(2), member("EVERY", "every", 0, 0).or(3), member("SEVERITY", "severity", 0, 0).or(4), member("MESSAGE", "message", 0, 0),
}

func newHeartbeatCommand() *cobra.Command {
	flags := list{
		use: "list", short: "Show the heartbeats and how each does", long: "Shows the components that must be heard of, and how each does.",
		example: "  alertd heartbeat list", path: "/heartbeats", name: "heartbeats", columns: heartbeatColumns,
	}
	var status, message string
	cmd := &cobra.Command{
		Use: "heartbeat NAME", Short: "Tell a running alertd that a component is alive",
		Long: "Pings a heartbeat of [[alerting.heartbeats]]: the component of this name is alive, or, with --status failing,\n" +
			"does not work. list shows all heartbeats.",
		Example:           "  alertd heartbeat nightly-var\n  alertd heartbeat nightly-var --status failing --message stuck\n  alertd heartbeat list",
		Args:              someArguments("the name of one heartbeat", 1, func(string) error { return nil }),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().StringVar(&status, "status", "ok", "`status`: ok or failing")
	cmd.Flags().StringVar(&message, "message", "", "`text` for people")
	completeFlag(cmd, "status", []string{"ok", "failing"}, cobra.ShellCompDirectiveNoFileComp)
	completeFlag(cmd, "message", nil, cobra.ShellCompDirectiveNoFileComp)
	flags.run(cmd, func(ctx context.Context, cmd *cobra.Command, alertd *client.Client, args []string) error {
		if status != "ok" && status != "failing" {
			return usageError{fmt.Errorf("--status: %q is not one of ok, failing", status)}
		}
		answer, err := alertd.Post(ctx, client.Path("heartbeats", args[0]), map[string]string{"status": status, "message": message})
		if err != nil {
			return err
		}
		return flags.show(cmd, answer, func(out screen, e element) {
			out.facts("Heartbeat", e.text("name"), "Status", e.text("status"), "Due at", e.text("due_at"))
		})
	})
	cmd.AddCommand(newListCommand(flags))
	return cmd
}

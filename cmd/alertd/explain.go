package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"alertd/internal/alerting"
	"alertd/internal/client"
	"alertd/internal/plaintext"
)

// explainFlags are the flags of alertd explain.
type explainFlags struct {
	remoteFlags
	alertFlags
	event, at string
}

var decisionColumns = []column{
	member("CHANNEL", "channel", 0, 24), member("TARGET", "target", 0, 32).or(2), member("NEWS", "news", 0, 0).or(1), member("DECISION", "decision", 0, 0),
	moment("UNTIL", "until"), member("REASON", "reason", 0, 0),
}

func newExplainCommand() *cobra.Command {
	var flags explainFlags
	cmd := &cobra.Command{
		Use:   "explain [MESSAGE...]",
		Short: "Say what an alert would do, and why, without sending it",
		Long: "Says which incident an alert would belong to, who would be told of it and when, and what holds it\n" +
			"back. The alert is made of the message and the flags, as by alertd send; or it is the one in --event\n" +
			"FILE, in the JSON of POST /alerts or GET /events; - is standard input.\n\n" +
			"It is explained as if it came now, or at --at. Nothing is changed by it.",
		Example: "  alertd explain --severity error --category risk_limit --source var_gate VaR limit breached\n" +
			"  alertd explain --event alert.json --at 90m",
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	flags.addAlert(cmd)
	cmd.Flags().StringVar(&flags.event, "event", "", "`file` with the alert; - is standard input")
	cmd.Flags().StringVar(&flags.at, "at", "", "`time` when it would come, such as 2026-01-31T08:00:00Z, or 90m for so much later (default now)")
	completeFlag(cmd, "event", []string{"json"}, cobra.ShellCompDirectiveFilterFileExt)
	completeFlag(cmd, "at", nil, cobra.ShellCompDirectiveNoFileComp)
	return flags.run(cmd, flags.explain)
}

// explain is the action of the command.
func (f *explainFlags) explain(ctx context.Context, cmd *cobra.Command, alertd *client.Client, args []string) error {
	question := map[string]any{}
	alert, err := f.read(cmd, args)
	if err != nil {
		return usageError{err}
	}
	question["alert"] = json.RawMessage(alert)
	if f.at != "" {
		at, err := parseFuture("--at", f.at, time.Now())
		if err != nil {
			return usageError{err}
		}
		question["at"] = at
	}
	answer, err := alertd.Post(ctx, "/explain", question)
	if err != nil {
		return err
	}
	return f.show(cmd, answer, showExplanation)
}

// read returns the alert as JSON.
func (f *explainFlags) read(cmd *cobra.Command, args []string) ([]byte, error) {
	given := slices.ContainsFunc(alertFlagNames, cmd.Flags().Changed)
	if slices.Equal(args, []string{"-"}) && f.event == "" {
		f.event, args = "-", nil
	}
	switch {
	case f.event != "" && (len(args) > 0 || given):
		return nil, errors.New("--event goes without a message and without the flags of an alert")
	case f.event != "":
		alert, err := readAlert(f.event, cmd.InOrStdin())
		if err != nil {
			return nil, fmt.Errorf("--event: %w", err)
		}
		return client.EncodeAlert(alert)
	case len(args) == 0:
		return nil, fmt.Errorf("there is no message; give one, or --event FILE; see %s --help", cmd.CommandPath())
	}
	alert, err := f.alert(strings.Join(args, " "))
	return alert.JSON, err
}

// parseFuture reads the time of a flag, or how much later it is than now, and returns it as
// the API takes it.
func parseFuture(flag, text string, now time.Time) (string, error) {
	if later, err := alerting.ParseDuration(text); err == nil {
		return alerting.FormatTime(now.Add(later)), nil
	}
	at, err := alerting.ParseTime(flag, text)
	if err != nil {
		return "", fmt.Errorf("%s: %q is not a time, must be RFC 3339 such as 2025-12-27T10:30:00Z, or how much later such as 90m or 7d", flag, text)
	}
	return alerting.FormatTime(at), nil
}

func showExplanation(out screen, e element) {
	words, _ := e["words"].([]any) // else there are none
	for _, sentence := range words {
		out.line("%s", sentence)
	}
	out.section("decisions", decisionColumns, e.list("decisions"))
	if text := e.text("text"); text != "" {
		out.line("")
		out.line("MESSAGE")
		for line := range strings.Lines(plaintext.Lines(text)) {
			out.line("  %s", strings.TrimSuffix(line, "\n"))
		}
	}
}

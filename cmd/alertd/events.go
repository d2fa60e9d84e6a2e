package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"alertd/internal/client"
)

// eventColumns are those of a table of events. A table that grows row by row has no age.
var eventColumns = []column{
	moment("TIME", "timestamp"), age("timestamp").or(1), member("SEVERITY", "severity", 8, 0), member("CATEGORY", "category", 15, 0).or(2),
	member("SOURCE", "source", 16, 24), member("MESSAGE", "message", 0, 0),
}

func newEventsCommand() *cobra.Command {
	l := list{path: "/events", name: "events", columns: eventColumns, pages: true}
	l.filters = []filter{
		minSeverityFilter, categoryFilter, sourceFilter, sinceFilter, untilFilter, textFilter,
		orderFilter,
	}
	var follow bool
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Show events of a running alertd",
		Long: "Shows the newest events. With --follow it shows the last of them, the oldest first, and then\n" +
			"each new one when it is registered, until Ctrl-C; it connects again by itself, without a gap.\n\n" +
			"Times are in UTC. With --output json it prints one event a line, as the API answers it.",
		Example: "  alertd events\n  alertd events --min-severity error --since 8h\n" +
			"  alertd events --follow --source var_gate --output json",
		Args: noArguments, ValidArgsFunction: cobra.NoFileCompletions,
	}
	query := l.addFilters(cmd)
	l.addLimit(cmd, 20, "show at most this `number`, with --follow before the new ones; 0 shows all, with --follow none")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with new events")
	return l.run(cmd, func(ctx context.Context, cmd *cobra.Command, alertd *client.Client, _ []string) error {
		parameters, err := query()
		switch {
		case err != nil:
			return err
		case !follow:
			return l.print(ctx, cmd, alertd, parameters)
		case parameters.Has("until") || parameters.Has("order"):
			return usageError{errors.New("--follow does not go with --until and --order")}
		}
		if err := l.follow(ctx, cmd, alertd, parameters); ctx.Err() == nil {
			return err
		}
		return nil // Ctrl-C is how it ends
	})
}

// follow shows the last events and then the new ones.
func (l *list) follow(ctx context.Context, cmd *cobra.Command, alertd *client.Client, query url.Values) error {
	out := newScreen(cmd.OutOrStdout())
	columns := slices.Delete(slices.Clone(l.columns), 1, 2) // the age
	first := true
	show := func(data []byte) error {
		if l.output == outputJSON {
			return out.json(data)
		}
		event, err := readElement(data)
		if err != nil {
			return err
		}
		out.append(columns, event, first)
		first = false
		return out.failure()
	}
	last, after, err := lastEvents(ctx, alertd, query, l.limit)
	if err != nil {
		return err
	}
	for _, event := range slices.Backward(last) {
		if err := show(event); err != nil {
			return err
		}
	}
	for message, err := range alertd.Follow(ctx, "/events/stream", query, strconv.FormatUint(after, 10), waiting(cmd.ErrOrStderr())) {
		if err == nil {
			err = showMessage(cmd, message, show)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// showMessage shows an event of the stream, or tells what the stream says about itself.
func showMessage(cmd *cobra.Command, message client.Message, show func([]byte) error) error {
	if message.Type == "alert" {
		return show(message.Data)
	}
	about, err := readElement(message.Data)
	if err == nil {
		note(cmd.ErrOrStderr(), "%s: %s", message.Type, about.text("reason"))
	}
	return err
}

// lastEvents returns the last events, the newest first, and the number after which the
// stream goes on. That is found out first, so that there is no gap.
func lastEvents(ctx context.Context, alertd *client.Client, query url.Values, limit int) (last []json.RawMessage, after uint64, err error) {
	number := func(data json.RawMessage) error {
		var event struct {
			Seq uint64 `json:"seq"`
		}
		if err := json.Unmarshal(data, &event); err != nil {
			return fmt.Errorf("the answer has an event without a number: %w", err)
		}
		after = max(after, event.Seq)
		return nil
	}
	for data, err := range alertd.All(ctx, "/events", "events", nil, 1) {
		if err == nil {
			err = number(data)
		}
		if err != nil {
			return nil, 0, err
		}
	}
	if limit == 0 {
		return nil, after, nil
	}
	for data, err := range alertd.All(ctx, "/events", "events", query, limit) {
		if err == nil {
			err = number(data)
		}
		if err != nil {
			return nil, 0, err
		}
		last = append(last, data)
	}
	return last, after, nil
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"alertd/internal/alerting"
	"alertd/internal/client"
	"alertd/internal/routing"
)

var silenceColumns = []column{
	member("ID", "silence_id", 0, 0), member("STATUS", "status", 0, 0), moment("ENDS", "ends_at"), member("BY", "by", 0, 24).or(2),
	number("HELD BACK", "held_back"), member("COMMENT", "comment", 0, 32).or(1), member("SILENCES", "condition", 0, 0),
}

// heldColumns are those of what a silence holds or has held back.
var heldColumns = []column{
	member("INCIDENT", "incident_id", 0, 0), number("NUMBER", "number"), moment("SINCE", "since"), number("HELD BACK", "held_back"), member("HELD", "held", 0, 0),
}

func newSilenceCommand() *cobra.Command {
	silences := list{
		use: "silence", short: "Hold back what people are told for a time",
		long: "Shows the silences that were made last; a subcommand makes, shows or ends one.\n\n" +
			"While a silence holds, people are not told of incidents that match: what there is to tell waits, and\n" +
			"is told once when it ends, if the incident is still open. Critical incidents are told all the same,\n" +
			"unless it was made with --allow-critical. Times are in UTC. With --output json it prints one silence a\n" +
			"line, as the API answers it.",
		example: "  alertd silence --active\n  alertd silence add --source 'var_*' --for 2h --comment recalibration\n" +
			"  alertd silence expire 019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a03",
		path: "/silences", name: "silences", columns: silenceColumns, pages: true,
		filters: []filter{{flag: "active", parameter: "active", usage: "only silences that hold now, or, with `false`, only the others", values: []string{"true", "false"}, bare: "true"}},
	}
	cmd := newListCommand(silences)
	silences.use, silences.short, silences.example = "list", "Show silences", "  alertd silence list --active"
	cmd.AddCommand(newListCommand(silences), newSilenceAddCommand(), newSilenceShowCommand(), newSilenceExpireCommand())
	return cmd
}

// someSilences wants ids of silences, at most so many; 0 is any number.
func someSilences(what string, most int) cobra.PositionalArgs {
	return someArguments(what, most, func(arg string) error {
		_, err := routing.ParseSilenceID(arg)
		return err
	})
}

// conditionFlags say what a silence is about, or, by names that begin with not-, what not.
type conditionFlags struct {
	severity, most, message    string
	categories, sources, pairs []string
}

func (f *conditionFlags) add(cmd *cobra.Command, prefix string) {
	only := "only incidents "
	if prefix != "" {
		only = "no incidents "
	}
	flags := cmd.Flags()
	flags.StringVar(&f.severity, prefix+"min-severity", "", only+"of this `severity` and above: "+strings.Join(severityNames(), ", "))
	flags.StringVar(&f.most, prefix+"max-severity", "", only+"of this `severity` and below")
	flags.StringSliceVar(&f.categories, prefix+"category", nil, only+"of these `categories`, separated by commas, or the flag several times")
	flags.StringArrayVar(&f.sources, prefix+"source", nil, only+"of sources like this `pattern`, in which * stands for any characters; may be given several times")
	flags.StringVar(&f.message, prefix+"message", "", only+"whose message has this regular `expression`")
	flags.StringArrayVar(&f.pairs, prefix+"context", nil, only+"with this `KEY=PATTERN` in the context; may be given several times")
	for name, values := range map[string][]string{
		"min-severity": severityNames(), "max-severity": severityNames(), "category": categoryNames(), "source": nil, "message": nil, "context": nil,
	} {
		completeFlag(cmd, prefix+name, values, cobra.ShellCompDirectiveNoFileComp)
	}
}

// spec returns what the flags say as the API takes it, nil if that is nothing.
func (f *conditionFlags) spec(prefix string) (map[string]any, error) {
	spec := map[string]any{}
	for name, value := range map[string]string{"min_severity": f.severity, "max_severity": f.most, "message": f.message} {
		if value != "" {
			spec[name] = value
		}
	}
	for name, values := range map[string][]string{"category": f.categories, "source": f.sources} {
		if len(values) > 0 {
			spec[name] = values
		}
	}
	members := map[string]string{}
	for _, pair := range f.pairs {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, fmt.Errorf("--%scontext: %q must be KEY=PATTERN", prefix, pair)
		}
		members[key] = value
	}
	if len(members) > 0 {
		spec["context"] = members
	}
	if len(spec) == 0 {
		return nil, nil
	}
	return spec, nil
}

// silenceFlags are the flags of alertd silence add.
type silenceFlags struct {
	match, not                         conditionFlags
	duration, until, from, comment, by string
	allowCritical, preview             bool
}

func newSilenceAddCommand() *cobra.Command {
	var flags silenceFlags
	silences := list{columns: silenceColumns, name: "incidents"}
	cmd := &cobra.Command{
		Use: "add", Short: "Make a silence",
		Long: "Makes a silence of the incidents that match, for some time or until a time. All that is given must\n" +
			"match; of the values of one flag any may. With --preview it makes none, and shows the open incidents\n" +
			"that it would hold back now.\n\n" +
			"--by is kept as the name of who makes it; with a token its name comes first.",
		Example: "  alertd silence add --source 'var_*' --not-context position=BTC-EUR --for 2h --comment recalibration\n" +
			"  alertd silence add --category data_quality --max-severity error --until 2026-01-31T08:00:00Z\n" +
			"  alertd silence add --message '(?i)stale' --preview",
		Args: noArguments, ValidArgsFunction: cobra.NoFileCompletions,
	}
	flags.match.add(cmd, "")
	flags.not.add(cmd, "not-")
	f := cmd.Flags()
	f.StringVar(&flags.duration, "for", "", "how `long`, such as 30m, 2h or 7d")
	f.StringVar(&flags.until, "until", "", "until this `time`, such as 2026-01-31T08:00:00Z")
	f.StringVar(&flags.from, "from", "", "from this `time` on, or so much later, such as 30m (default now)")
	f.StringVar(&flags.comment, "comment", "", "`text` that says why")
	f.StringVar(&flags.by, "by", "", "`name` of who makes it (default: that of this machine's user)")
	f.BoolVar(&flags.allowCritical, "allow-critical", false, "hold back critical incidents too")
	f.BoolVar(&flags.preview, "preview", false, "make none, and show what it would hold back now")
	for _, name := range []string{"for", "until", "from", "comment", "by"} {
		completeFlag(cmd, name, nil, cobra.ShellCompDirectiveNoFileComp)
	}
	return silences.run(cmd, func(ctx context.Context, cmd *cobra.Command, alertd *client.Client, _ []string) error {
		body, err := flags.body()
		if err != nil {
			return usageError{err}
		}
		if flags.preview {
			return silences.preview(ctx, cmd, alertd, body)
		}
		made, err := alertd.Post(ctx, "/silences", body)
		if err != nil {
			return err
		}
		return silences.answers(cmd, []json.RawMessage{made})
	})
}

// body returns the silence as the API takes it.
func (f *silenceFlags) body() (map[string]any, error) {
	body := map[string]any{"by": f.by, "comment": f.comment, "allow_critical": f.allowCritical}
	if f.by == "" {
		body["by"] = userName()
	}
	for name, part := range map[string]struct {
		prefix string
		flags  conditionFlags
	}{"match": {"", f.match}, "not": {"not-", f.not}} {
		spec, err := part.flags.spec(part.prefix)
		if err != nil {
			return nil, err
		}
		if spec != nil {
			body[name] = spec
		}
	}
	switch {
	case f.duration != "" && f.until != "":
		return nil, errors.New("--for does not go with --until")
	case f.duration == "" && f.until == "" && !f.preview:
		return nil, errors.New("how long? give --for or --until")
	case f.duration != "":
		if _, err := alerting.ParseDuration(f.duration); err != nil {
			return nil, fmt.Errorf("--for: %q is not a duration, must be one such as 30m, 2h or 7d", f.duration)
		}
		body["duration"] = f.duration
	case f.until != "":
		at, err := alerting.ParseTime("until", f.until)
		if err != nil {
			return nil, fmt.Errorf("--until: %q is not a time, must be RFC 3339 such as 2025-12-27T10:30:00Z", f.until)
		}
		body["ends_at"] = alerting.FormatTime(at)
	}
	if f.from != "" {
		at, err := parseFuture("--from", f.from, time.Now())
		if err != nil {
			return nil, err
		}
		body["starts_at"] = at
	}
	return body, nil
}

// preview shows what a silence would hold back.
func (l *list) preview(ctx context.Context, cmd *cobra.Command, alertd *client.Client, body any) error {
	answer, err := alertd.Post(ctx, "/silences/preview", body)
	if err != nil {
		return err
	}
	read, err := readElement(answer)
	if err != nil {
		return err
	}
	incidents, total := read.list("incidents"), read.text("total")
	if err := l.show(cmd, answer, func(out screen, _ element) {
		if len(incidents) > 0 {
			out.table(incidentColumns, incidents)
		}
	}); err != nil || l.output == outputJSON {
		return err
	}
	note(cmd.ErrOrStderr(), "a silence where %s would hold back %s of the open incidents now", read.text("condition"), total)
	return nil
}

func newSilenceShowCommand() *cobra.Command {
	var flags remoteFlags
	cmd := &cobra.Command{
		Use: "show ID", Short: "Show one silence, and what it holds back",
		Long:    "Shows a silence, and the incidents that it holds or has held back.",
		Example: "  alertd silence show 019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a03",
		Args:    someSilences("the id of one silence", 1), ValidArgsFunction: cobra.NoFileCompletions,
	}
	return flags.run(cmd, func(ctx context.Context, cmd *cobra.Command, alertd *client.Client, args []string) error {
		answer, err := alertd.Get(ctx, client.Path("silences", args[0]), nil)
		if err != nil {
			return err
		}
		return flags.show(cmd, answer, func(out screen, e element) {
			out.facts(
				"Silence", e.text("silence_id"), "Status", e.text("status"), "Silences", e.text("condition"), "Critical too", e.text("allow_critical"),
				"Begins", e.text("starts_at"), "Ends", e.text("ends_at"), "By", e.text("by"), "Comment", e.text("comment"), "Ended by", e.text("expired_by"),
				"Held back", e.text("held_back"),
			)
			out.section("incidents that it holds or has held back, the newest first", heldColumns, e.list("incidents"))
		})
	})
}

func newSilenceExpireCommand() *cobra.Command {
	silences := list{columns: silenceColumns}
	var by string
	cmd := &cobra.Command{
		Use: "expire ID...", Short: "End silences: what they hold back is told",
		Long: "Ends silences now. What they hold back is told, once, unless something else holds it.\n\n" +
			"One that is refused does not stop those behind it; the exit status is the worst.",
		Example: "  alertd silence expire 019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a03",
		Args:    someSilences("the ids of one or more silences", 0), ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().StringVar(&by, "by", "", "`name` of who ends them (default: that of this machine's user)")
	completeFlag(cmd, "by", nil, cobra.ShellCompDirectiveNoFileComp)
	return silences.run(cmd, func(ctx context.Context, cmd *cobra.Command, alertd *client.Client, args []string) error {
		if by == "" {
			by = userName()
		}
		var ended []json.RawMessage
		refused := severally(ctx, cmd, args, func(id string) error {
			answer, err := alertd.Delete(ctx, client.Path("silences", id), url.Values{"by": {by}})
			if err == nil {
				ended = append(ended, answer)
			}
			return err
		})
		if err := silences.answers(cmd, ended); err != nil {
			return err
		}
		return refused
	})
}

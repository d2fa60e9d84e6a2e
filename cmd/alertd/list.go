package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"alertd/internal/alerting"
	"alertd/internal/client"
	"alertd/internal/plaintext"
)

// list is a list of the API as a command.
type list struct {
	remoteFlags
	use, short, long, example string
	path                      string // of the API
	name                      string // of the list in its answer, and for people
	columns                   []column
	filters                   []filter
	pages                     bool // whether the API has it in pages
	limit                     int  // of elements, with pages; --limit sets it
}

// filter is a parameter of the API as a flag.
type filter struct {
	flag, short, parameter, usage string
	// values are those that there are; nil: any.
	values []string
	// several says that it may be given more than once.
	several bool
	// time says that it is a time, or how long ago it is.
	time bool
	// bare is the value of the flag without one; "": it needs one.
	bare string
}

// The filters that several lists have.
var (
	minSeverityFilter = filter{flag: "min-severity", parameter: "min_severity", usage: "only this `severity` and above: " + strings.Join(severityNames(), ", "), values: severityNames()}
	categoryFilter    = filter{flag: "category", parameter: "category", usage: "only these `categories`, separated by commas, or the flag several times", values: categoryNames(), several: true}
	sourceFilter      = filter{flag: "source", parameter: "source", usage: "only this `source`; may be given several times", several: true}
	textFilter        = filter{flag: "query", short: "q", parameter: "q", usage: "only messages with this `text`, in any case"}
	sinceFilter       = filter{flag: "since", parameter: "since", usage: "only since this `time`, such as 2026-01-31T08:00:00Z, or 90m for so long ago", time: true}
	orderFilter       = filter{flag: "order", parameter: "order", usage: "in this `order`: desc, the newest first, or asc", values: []string{"desc", "asc"}}
	untilFilter       = filter{flag: "until", parameter: "until", usage: "only before this `time`, or so long ago", time: true}
)

func severityNames() []string { return namesOf(alerting.Severities()) }
func categoryNames() []string { return namesOf(alerting.Categories()) }

func namesOf[T fmt.Stringer](values []T) []string {
	names := make([]string, len(values))
	for i, value := range values {
		names[i] = value.String()
	}
	return names
}

// newListCommand returns the command of a list.
func newListCommand(l list) *cobra.Command {
	cmd := &cobra.Command{
		Use: l.use, Short: l.short, Long: l.long, Example: l.example, Args: noArguments, ValidArgsFunction: cobra.NoFileCompletions,
	}
	query := l.addFilters(cmd)
	if l.pages {
		l.addLimit(cmd, 20, "show at most this `number`; 0 shows all")
	}
	return l.run(cmd, func(ctx context.Context, cmd *cobra.Command, alertd *client.Client, _ []string) error {
		parameters, err := query()
		if err != nil {
			return err
		}
		return l.print(ctx, cmd, alertd, parameters)
	})
}

func (l *list) addLimit(cmd *cobra.Command, most int, usage string) {
	cmd.Flags().IntVar(&l.limit, "limit", most, usage)
	completeFlag(cmd, "limit", nil, cobra.ShellCompDirectiveNoFileComp)
}

// addFilters adds the flags. The function that it returns makes the query of them once
// they are parsed; its errors are the user's.
func (l *list) addFilters(cmd *cobra.Command) func() (url.Values, error) {
	values := make([][]string, len(l.filters))
	for i, f := range l.filters {
		cmd.Flags().StringArrayVarP(&values[i], f.flag, f.short, nil, f.usage)
		cmd.Flags().Lookup(f.flag).NoOptDefVal = f.bare
		completeFlag(cmd, f.flag, f.values, cobra.ShellCompDirectiveNoFileComp)
	}
	return func() (url.Values, error) {
		if l.limit < 0 {
			return nil, usageError{fmt.Errorf("--limit: %d is not allowed, must be 0 or more", l.limit)}
		}
		query := url.Values{}
		for i, f := range l.filters {
			if len(values[i]) > 1 && !f.several {
				return nil, usageError{fmt.Errorf("--%s is given %d times, must be given once", f.flag, len(values[i]))}
			}
			for _, text := range values[i] {
				value, err := f.read(text, time.Now())
				if err != nil {
					return nil, usageError{fmt.Errorf("--%s: %w", f.flag, err)}
				}
				query.Add(f.parameter, value)
			}
		}
		return query, nil
	}
}

// read returns a value as the API takes it.
func (f filter) read(value string, now time.Time) (string, error) {
	if f.time {
		if ago, err := alerting.ParseDuration(value); err == nil {
			return alerting.FormatTime(now.Add(-ago)), nil
		}
		at, err := alerting.ParseTime(f.parameter, value)
		if err != nil {
			return "", fmt.Errorf("%q is not a time, must be RFC 3339 such as 2025-12-27T10:30:00Z, or how long ago such as 90m or 7d", value)
		}
		return alerting.FormatTime(at), nil
	}
	if f.values == nil {
		return value, nil
	}
	for name := range strings.SplitSeq(value, ",") {
		if !slices.Contains(f.values, strings.ToLower(name)) {
			return "", fmt.Errorf("%q is not one of %s", name, strings.Join(f.values, ", "))
		}
	}
	return value, nil
}

// chunk is how many rows of a table are laid out together, so that a list of any length
// takes little memory.
const chunk = 1000

// print asks for a list and shows it.
func (l *list) print(ctx context.Context, cmd *cobra.Command, alertd *client.Client, query url.Values) error {
	out := newScreen(cmd.OutOrStdout())
	var rows []element
	shown := 0
	for data, err := range l.elements(ctx, alertd, query) {
		if err != nil {
			return err
		}
		if shown == l.limit && l.limit > 0 {
			note(cmd.ErrOrStderr(), "there are more %s; --limit 0 shows all", l.name)
			break
		}
		shown++
		if l.output == outputJSON {
			if err := out.json(data); err != nil {
				return err
			}
			continue
		}
		row, err := readElement(data)
		if err != nil {
			return err
		}
		if rows = append(rows, row); len(rows) == chunk {
			out.table(l.columns, rows)
			rows = nil
		}
	}
	if len(rows) > 0 {
		out.table(l.columns, rows)
	}
	if shown == 0 {
		note(cmd.ErrOrStderr(), "there are no such %s", l.name)
	}
	return out.failure()
}

// elements asks for the elements of the list: one more than are wanted, which shows whether
// there are more.
func (l *list) elements(ctx context.Context, alertd *client.Client, query url.Values) iter.Seq2[json.RawMessage, error] {
	switch {
	case !l.pages:
		return alertd.List(ctx, l.path, l.name, query)
	case l.limit == 0:
		return alertd.All(ctx, l.path, l.name, query, 0)
	}
	return alertd.All(ctx, l.path, l.name, query, l.limit+1)
}

// note tells people something on standard error.
func note(out io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(out, "alertd: %s\n", plaintext.Lines(fmt.Sprintf(format, args...)))
}

// tell tells an error on standard error.
func tell(out io.Writer, err error) { note(out, "%s", err) }

// answers shows the objects that a command has got one by one, in the form of a list.
func (l *list) answers(cmd *cobra.Command, answers []json.RawMessage) error {
	out := newScreen(cmd.OutOrStdout())
	var rows []element
	for _, answer := range answers {
		if l.output == outputJSON {
			if err := out.json(answer); err != nil {
				return err
			}
			continue
		}
		row, err := readElement(answer)
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	if len(rows) > 0 {
		out.table(l.columns, rows)
	}
	return out.failure()
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"alertd/internal/alerting"
	"alertd/internal/store"
	"alertd/internal/transfer"
	"alertd/internal/wholefile"
)

// exportFlags select the events to export and the format.
type exportFlags struct {
	commonFlags
	since, until, format, output string
}

func newExportCommand() *cobra.Command {
	var flags exportFlags
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write the events of the log, also while alertd runs",
		Long: "Writes the events of the log, in its order.\n\n" +
			"ndjson is one event a line, as the API answers it; alertd import reads it. csv is for\n" +
			"people: a cell that a spreadsheet could read as a formula, because it begins with\n" +
			"= + - @, a tab or a line break, gets an apostrophe before it. Both show characters that\n" +
			"are not visible as escapes.\n\n" +
			"--since and --until select by timestamp.",
		Example: "  alertd export --output events.ndjson\n" +
			"  alertd export --since 2026-01-01T00:00:00Z --until 2026-02-01T00:00:00Z --format csv --output january.csv\n" +
			"  alertd export --config /etc/alertd/config.toml",
		Args:              noArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return flags.run(cmd) },
	}
	flags.addFile(cmd)
	cmd.Flags().StringVar(&flags.since, "since", "", "`time` of the first event to write, such as 2026-01-31T08:00:00Z")
	cmd.Flags().StringVar(&flags.until, "until", "", "`time` of the first event not to write any more")
	cmd.Flags().StringVar(&flags.format, "format", string(transfer.NDJSON), "`format`: ndjson or csv")
	cmd.Flags().StringVar(&flags.output, "output", "-", "`file` to write, which must not exist; - is standard output")
	completeFlag(cmd, "since", nil, cobra.ShellCompDirectiveNoFileComp)
	completeFlag(cmd, "until", nil, cobra.ShellCompDirectiveNoFileComp)
	completeFlag(cmd, "format", []string{string(transfer.NDJSON), string(transfer.CSV)}, cobra.ShellCompDirectiveNoFileComp)
	return cmd
}

// filter returns the filter that the flags describe.
func (f *exportFlags) filter() (alerting.Filter, error) {
	var filter alerting.Filter
	for _, bound := range []struct {
		flag, text string
		into       *time.Time
	}{{"--since", f.since, &filter.Since}, {"--until", f.until, &filter.Until}} {
		if bound.text == "" {
			continue
		}
		t, err := alerting.ParseTime(bound.flag, bound.text)
		if err != nil {
			return filter, usageError{err}
		}
		*bound.into = t
	}
	if !filter.Since.IsZero() && !filter.Until.IsZero() && !filter.Since.Before(filter.Until) {
		return filter, usageError{fmt.Errorf("--until: %s is not later than --since, must be", f.until)}
	}
	return filter, nil
}

func (f *exportFlags) run(cmd *cobra.Command) error {
	filter, err := f.filter()
	if err != nil {
		return err
	}
	format, err := transfer.ParseFormat(f.format)
	if err != nil {
		return usageError{fmt.Errorf("--format: %w", err)}
	}
	config, err := f.openNamed(cmd)
	if err != nil {
		return err
	}
	ctx, stop := untilSignal(cmd.Context())
	defer stop()
	exported, err := f.write(ctx, cmd.OutOrStdout(), config, filter, format)
	switch {
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("%w after %d events", errInterrupted, exported.Events)
	case errors.Is(err, syscall.EPIPE): // the reader has closed the pipe
		return nil
	case err != nil:
		return nameTaken(err)
	}
	if exported.Missed > 0 {
		_, err = fmt.Fprintf(cmd.ErrOrStderr(), "alertd: %d events were deleted by retention before they were read\n", exported.Missed)
	}
	return err
}

// write exports to standard output or to the file of --output.
func (f *exportFlags) write(ctx context.Context, stdout io.Writer, config store.Config, filter alerting.Filter, format transfer.Format) (exported transfer.Exported, err error) {
	log, err := store.OpenReadOnly(ctx, config)
	if err != nil {
		return exported, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	if f.output == "-" {
		return transfer.Export(ctx, log, filter, format, stdout)
	}
	file, err := wholefile.Create(f.output)
	if err != nil {
		return exported, err
	}
	defer func() { err = errors.Join(err, file.Discard()) }()
	if exported, err = transfer.Export(ctx, log, filter, format, file); err != nil {
		return exported, err
	}
	return exported, file.Commit()
}

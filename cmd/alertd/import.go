package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"alertd/internal/plaintext"
	"alertd/internal/store"
	"alertd/internal/transfer"
)

// importFlags say how a file is imported.
type importFlags struct {
	commonFlags
	skipInvalid bool
}

func newImportCommand() *cobra.Command {
	var flags importFlags
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Import the events of a file into the log",
		Long: "Reads an event or an alert a line, as alertd export writes them or as they are POSTed;\n" +
			"FILE - is standard input. Ids and times are kept, and min_severity does not apply. A\n" +
			"known event_id is a duplicate, so the same import may be run again; an alert without\n" +
			"an event_id gets a new one each time.\n\n" +
			"An invalid line ends the import, after all lines before it are in the log; with\n" +
			"--skip-invalid it is reported and skipped. A line may be as long as [server] max_body.\n" +
			"Ctrl-C ends the import between two transactions of up to 1000 events.\n\n" +
			"With SQLite alertd must not be running. With PostgreSQL it may be, and shows the events\n" +
			"at once. Events older than [storage] retention are deleted soon after.",
		Example: "  alertd import events.ndjson\n  alertd import --skip-invalid -\n" +
			"  alertd import --config /etc/alertd/config.toml events.ndjson",
		Args: oneFile,
		RunE: func(cmd *cobra.Command, args []string) error { return flags.run(cmd, args[0]) },
	}
	flags.addFile(cmd)
	cmd.Flags().BoolVar(&flags.skipInvalid, "skip-invalid", false, "report invalid lines and skip them")
	return cmd
}

func (f *importFlags) run(cmd *cobra.Command, name string) error {
	loaded, err := f.loadNamed(cmd)
	if err != nil {
		return err
	}
	file, size, err := openImport(cmd.InOrStdin(), name)
	if err != nil {
		return usageError{err}
	}
	defer func() { _ = file.Close() }() // only read from
	ctx, stop := untilSignal(cmd.Context())
	defer stop()

	bar := newImportBar(cmd.ErrOrStderr(), size)
	options := transfer.ImportOptions{
		MaxLine: loaded.Server.MaxBody, SkipInvalid: f.skipInvalid, Progress: bar.progress,
		Invalid: func(line *transfer.LineError) {
			bar.clear()
			_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "alertd: %s: %s\n", name, plaintext.Line(line.Error()))
		},
	}
	var imported transfer.Imported
	opened := false
	err = store.Use(ctx, storeConfig(loaded, warnings(cmd)), func(ctx context.Context, s *store.Store) (err error) {
		opened = true
		imported, err = transfer.Import(ctx, s, file, options)
		return err
	})
	bar.clear()
	if errors.Is(err, store.ErrInUse) {
		return fmt.Errorf("%w; stop it first, or POST plain alerts to its /alerts as NDJSON, up to 10000 at a time", err)
	}
	if !opened {
		return err
	}
	_, failed := fmt.Fprintf(cmd.OutOrStdout(), "imported %d, duplicates %d, invalid %d\n", imported.Events, imported.Duplicates, imported.Invalid)
	switch line, invalid := errors.AsType[*transfer.LineError](err); {
	case invalid:
		err = fmt.Errorf("%s: %w\n%s\n--skip-invalid passes over invalid lines", name, line, again(name, imported))
	case err != nil && ctx.Err() != nil:
		err = fmt.Errorf("%w\n%s", errInterrupted, again(name, imported))
	case err != nil:
		err = fmt.Errorf("%w\n%s", err, again(name, imported))
	}
	return errors.Join(err, failed)
}

// again says how to continue an import that ended early.
func again(name string, imported transfer.Imported) string {
	next := imported.Lines + 1
	switch {
	case imported.Lines == 0:
		return "nothing was imported"
	case imported.WithoutID == 0:
		return fmt.Sprintf("what comes before line %d is in the log; the same import may be run again", next)
	}
	return fmt.Sprintf("what comes before line %d is in the log; as %d of these alerts have no event_id, they would be registered again: "+
		"go on at that line, such as by tail -n +%[1]d %[3]s | alertd import -", next, imported.WithoutID, name)
}

// openImport returns the file to import and its size, or -1 for an unknown size.
func openImport(stdin io.Reader, name string) (io.ReadCloser, int64, error) {
	if name == "-" {
		return io.NopCloser(stdin), -1, nil
	}
	file, err := os.Open(name) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a folder, must be a file", name)
	}
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	if !info.Mode().IsRegular() {
		return file, -1, nil
	}
	return file, info.Size(), nil
}

// importBar shows the progress of an import on a terminal, and nothing elsewhere.
type importBar struct{ bar *progressbar.ProgressBar }

func newImportBar(out io.Writer, size int64) importBar {
	if !isTerminal(out) {
		return importBar{}
	}
	return importBar{progressbar.NewOptions64(size,
		progressbar.OptionSetWriter(out),
		progressbar.OptionSetDescription("importing"),
		progressbar.OptionShowBytes(true),
		progressbar.OptionShowCount(), // it also makes the bar draw where the size is unknown
		progressbar.OptionUseIECUnits(true),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetSpinnerChangeInterval(0), // otherwise it starts a goroutine
		progressbar.OptionClearOnFinish(),
	)}
}

func (b importBar) progress(bytes int64) {
	if b.bar != nil {
		_ = b.bar.Set64(bytes) // it is for show
	}
}

func (b importBar) clear() {
	if b.bar != nil {
		_ = b.bar.Clear() // it is for show
	}
}

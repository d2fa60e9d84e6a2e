package main

import (
	"errors"
	"fmt"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"alertd/internal/store"
)

func newBackupCommand() *cobra.Command {
	var flags commonFlags
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the SQLite database, also while alertd runs",
		Long: "Copies the database of [storage] to FILE, as it is at one moment, and checks the copy.\n" +
			"FILE must not exist; it appears once it is complete, checked and on disk. alertd may\n" +
			"be running. To restore the copy, stop alertd and replace [storage] path by FILE;\n" +
			"docs/operations.md has the steps.\n\n" +
			"For PostgreSQL use pg_dump, or continuous archiving (point-in-time recovery).",
		Example: "  alertd backup /var/backups/alertd.db\n  alertd backup --config /etc/alertd/config.toml alertd-2026-01-31.db",
		Args:    oneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			config, err := flags.openNamed(cmd)
			if err != nil {
				return err
			}
			ctx, stop := untilSignal(cmd.Context())
			defer stop()
			copied, err := store.Backup(ctx, config, args[0])
			switch {
			case errors.Is(err, store.ErrNotSQLite):
				return usageError{errors.New("[storage] driver is postgres, and backup is for SQLite; use pg_dump, " +
					"or continuous archiving (point-in-time recovery); see docs/operations.md")}
			case err != nil && ctx.Err() != nil:
				return fmt.Errorf("%w; %s was not written", errInterrupted, args[0])
			case err != nil:
				return nameTaken(err)
			}
			events := "no events"
			if n := copied.Extent.Events(); n > 0 {
				events = fmt.Sprintf("events %d to %d", copied.Extent.First, copied.Extent.Last)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "ok: %s holds %s in %s\n", args[0], events, humanize.IBytes(uint64(copied.Bytes))) //nolint:gosec // a size
			return err
		},
	}
	flags.addFile(cmd)
	return cmd
}

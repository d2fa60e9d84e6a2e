package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"alertd/internal/store"
)

func newMigrateCommand() *cobra.Command {
	var flags commonFlags
	var check bool
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the schema of the database up to date, or check it",
		Long: "Runs the pending migrations, as alertd does when it starts. With SQLite alertd must not be\n" +
			"running.\n\n" +
			"With --check nothing is changed, and alertd may be running: exit status 0 if the schema is\n" +
			"up to date, 1 if migrations are pending, if there is no database yet, or if a newer alertd\n" +
			"has migrated the schema.",
		Example:           "  alertd migrate --check\n  alertd migrate --config /etc/alertd/config.toml",
		Args:              noArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := flags.openNamed(cmd)
			if err != nil {
				return err
			}
			ctx, stop := untilSignal(cmd.Context())
			defer stop()
			work := store.Migrate
			if check {
				work = store.CheckSchema
			}
			schema, err := work(ctx, config)
			if err != nil && schema.Newest == 0 { // the schema could not be read
				return err
			}
			_, failed := fmt.Fprintf(cmd.OutOrStdout(), "schema version %d, newest %d\n", schema.Version, schema.Newest)
			switch {
			case err != nil || failed != nil:
				return errors.Join(err, failed)
			case !schema.Pending():
				return nil
			case check:
				return errors.New("migrations are pending; alertd migrate runs them, and so does alertd when it starts")
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "migrated to version %d\n", schema.Newest)
			return err
		},
	}
	flags.addFile(cmd)
	cmd.Flags().BoolVar(&check, "check", false, "change nothing and say how the schema stands")
	return cmd
}

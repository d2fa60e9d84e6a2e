package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/spf13/cobra"

	"alertd/internal/audit"
	"alertd/internal/plaintext"
	"alertd/internal/store"
	"alertd/internal/wholefile"
)

func newAuditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "The log of who did what: verify it, or write it to a file",
		Long: "The audit log has a record of each change that a person, a token or alertd itself has made.\n" +
			"Each record has the hash of the one before it.",
		Example: "  alertd audit verify\n  alertd audit export audit.ndjson",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usageError{fmt.Errorf("which one? see %s --help", cmd.CommandPath())}
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.AddCommand(newAuditListCommand(), newAuditVerifyCommand(), newAuditExportCommand())
	return cmd
}

// auditVerifyFlags say what is verified.
type auditVerifyFlags struct {
	commonFlags
	remote remoteFlags
	heads  []string
}

func newAuditVerifyCommand() *cobra.Command {
	var flags auditVerifyFlags
	cmd := &cobra.Command{
		Use:   "verify [FILE]",
		Short: "Find the first record that was changed, removed or moved",
		Long: "Walks the chain of the audit log in the database of [storage], also while alertd runs, or in\n" +
			"FILE, an export; FILE - is standard input. With --url it walks the log that a running alertd\n" +
			"answers. It prints how many records there are, and the head:\n" +
			"the number and the hash of the last one. If a record was changed, removed or moved, it names\n" +
			"the first, with exit status 1.\n\n" +
			"Who can write to the database can also cut off the end of the log, or make all of it anew. Note\n" +
			"the head elsewhere now and then, and give it to --head: then both are found.",
		Example: "  alertd audit verify --config /etc/alertd/config.toml\n" +
			"  alertd audit verify --head 1204:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n" +
			"  alertd audit verify audit.ndjson\n" +
			"  alertd audit verify --url https://alerts.example.com --token-file admin.token",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError{fmt.Errorf("verify takes one file, not %d; see %s --help", len(args), cmd.CommandPath())}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			noted, err := flags.noted()
			if err != nil {
				return err
			}
			ctx, stop := untilSignal(cmd.Context())
			defer stop()
			var seen audit.Verified
			switch {
			case flags.remote.url != "" && len(args) == 1:
				return usageError{errors.New("verify takes either a file or --url")}
			case flags.remote.url != "":
				seen, err = flags.remote.verifyRemote(ctx, cmd, noted)
			case len(args) == 1:
				seen, err = verifyExport(ctx, cmd.InOrStdin(), args[0], noted)
			default:
				seen, err = flags.verifyDatabase(ctx, cmd, noted)
			}
			if err != nil && ctx.Err() != nil {
				return errInterrupted
			}
			return sayVerified(cmd.OutOrStdout(), seen, err)
		},
	}
	flags.addFile(cmd)
	flags.remote.addAddress(cmd, "`address` of a running alertd to ask, also unix:/PATH (default: the database)")
	cmd.Flags().StringArrayVar(&flags.heads, "head", nil, "a head that was noted, as `NUMBER:HASH`; repeatable")
	completeFlag(cmd, "head", nil, cobra.ShellCompDirectiveNoFileComp)
	return cmd
}

// noted returns the marks of --head.
func (f *auditVerifyFlags) noted() ([]audit.Mark, error) {
	marks := make([]audit.Mark, len(f.heads))
	for i, text := range f.heads {
		var err error
		if marks[i], err = audit.ParseMark(text); err != nil {
			return nil, usageError{fmt.Errorf("--head: %q %w", text, err)}
		}
	}
	return marks, nil
}

// sayVerified prints what was verified, or returns an error that names the first broken
// record.
func sayVerified(out io.Writer, seen audit.Verified, err error) error {
	if broken, is := errors.AsType[*audit.BrokenError](err); is {
		return fmt.Errorf("the audit log is not as it was written: %w", broken)
	}
	if err != nil {
		return err
	}
	if seen.Records == 0 {
		_, err = fmt.Fprintln(out, "ok: 0 records")
		return err
	}
	_, err = fmt.Fprintf(out, "ok: %d records, from %d to %d, head %s\n", seen.Records, seen.First, seen.Head.Number, seen.Head)
	return err
}

func (f *auditVerifyFlags) verifyDatabase(ctx context.Context, cmd *cobra.Command, noted []audit.Mark) (seen audit.Verified, err error) {
	config, err := f.openNamed(cmd)
	if err != nil {
		return seen, err
	}
	log, err := store.OpenReadOnly(ctx, config)
	if err != nil {
		return seen, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	return log.VerifyAudit(ctx, noted...)
}

func verifyExport(ctx context.Context, stdin io.Reader, name string, noted []audit.Mark) (audit.Verified, error) {
	file, _, err := openImport(stdin, name)
	if err != nil {
		return audit.Verified{}, usageError{err}
	}
	defer func() { _ = file.Close() }() // only read from
	return verifyLines(ctx, file, noted)
}

// verifyLines verifies an export, one record a line. Empty lines say nothing.
func verifyLines(ctx context.Context, in io.Reader, noted []audit.Mark) (audit.Verified, error) {
	v := audit.NewVerifier(noted...)
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20) // a record is far smaller
	for n := 1; lines.Scan(); n++ {
		if err := ctx.Err(); err != nil {
			return v.Verified(), err
		}
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		var record audit.Record
		err := record.UnmarshalJSON(line)
		if err != nil {
			err = &audit.BrokenError{Number: v.Verified().Head.Number + 1, Why: fmt.Sprintf("was changed: line %d %s", n, err)}
		} else {
			err = v.Next(record)
		}
		if err != nil {
			return v.Verified(), err
		}
	}
	if err := lines.Err(); err != nil {
		return v.Verified(), fmt.Errorf("read the export: %w", err)
	}
	return v.Verified(), v.End()
}

func newAuditExportCommand() *cobra.Command {
	var flags commonFlags
	cmd := &cobra.Command{
		Use:   "export [FILE]",
		Short: "Write the records of the audit log, also while alertd runs",
		Long: "Writes the records of the audit log in their order, one a line (NDJSON), as GET /audit answers\n" +
			"them. FILE must not exist; without it, or with -, they go to standard output. alertd audit\n" +
			"verify reads it.",
		Example: "  alertd audit export audit.ndjson\n  alertd audit export --config /etc/alertd/config.toml",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError{fmt.Errorf("export takes one file, not %d; see %s --help", len(args), cmd.CommandPath())}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			config, err := flags.openNamed(cmd)
			if err != nil {
				return err
			}
			ctx, stop := untilSignal(cmd.Context())
			defer stop()
			name := "-"
			if len(args) == 1 {
				name = args[0]
			}
			unreadable, err := exportAudit(ctx, config, cmd.OutOrStdout(), name)
			switch {
			case err != nil && ctx.Err() != nil:
				return errInterrupted
			case errors.Is(err, syscall.EPIPE): // the reader has closed the pipe
				return nil
			case err != nil:
				return nameTaken(err)
			case unreadable > 0:
				return fmt.Errorf("%d records cannot be read and were left out; alertd audit verify names the first", unreadable)
			}
			return nil
		},
	}
	flags.addFile(cmd)
	return cmd
}

// exportAudit writes the audit log to a file, or to standard output if that is called -. It
// returns how many records cannot be read.
func exportAudit(ctx context.Context, config store.Config, stdout io.Writer, name string) (unreadable int, err error) {
	log, err := store.OpenReadOnly(ctx, config)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	if name == "-" {
		return writeRecords(ctx, log, stdout)
	}
	file, err := wholefile.Create(name)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Discard()) }()
	if unreadable, err = writeRecords(ctx, log, file); err != nil {
		return unreadable, err
	}
	return unreadable, file.Commit()
}

func writeRecords(ctx context.Context, log *store.Reader, out io.Writer) (unreadable int, err error) {
	lines := bufio.NewWriter(out)
	err = log.AuditLog(ctx, func(record audit.Record, broken error) error {
		if broken != nil {
			unreadable++
			return nil //nolint:nilerr // it is counted, and the others are written
		}
		line, err := record.MarshalJSON()
		if err != nil {
			return err
		}
		_, err = lines.WriteString(plaintext.EscapeJSON(string(line)) + "\n")
		return err
	})
	return unreadable, errors.Join(err, lines.Flush())
}

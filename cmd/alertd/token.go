package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"alertd/internal/access"
	"alertd/internal/alerting"
	"alertd/internal/config"
)

func newTokenCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "token",
		Short:             "Make a token for a program or a person",
		Long:              "A token says who makes a request: Authorization: Bearer TOKEN. alertd keeps its hash alone.",
		Example:           "  alertd token new --name desk --role operator\n  alertd token hash <token.txt",
		Args:              noArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usageError{fmt.Errorf("new or hash? see %s --help", cmd.CommandPath())}
		},
	}
	cmd.AddCommand(newTokenNewCommand(), newTokenHashCommand())
	return cmd
}

func newTokenNewCommand() *cobra.Command {
	var entry access.Entry
	var role, expires string
	cmd := &cobra.Command{
		Use:   "new --name NAME --role ROLE",
		Short: "Make a token and its entry for the configuration",
		Long: "Prints the token in the first line: it is shown this once, so keep it. The other lines are the entry to\n" +
			"paste into the configuration, with the token's hash. SIGHUP or POST /-/reload takes it over.\n\n" +
			"To replace a token, add an entry of the same name, reload, give the new token to its owner, remove\n" +
			"the old entry, and reload. To revoke one, remove its entry and reload.",
		Example: "  alertd token new --name desk --role operator\n" +
			"  alertd token new --name var-gate --role ingest --source 'var_*' --expires 90d",
		Args:              noArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			entry.Role = access.Role(role)
			var err error
			if entry.Expires, err = expiry(expires, time.Now()); err != nil {
				return usageError{err}
			}
			secret := access.NewSecret()
			entry.Hash = secret.Hash()
			table, err := config.FormatEntry(entry)
			if err == nil {
				err = checkEntry(table)
			}
			if err != nil {
				return usageError{err}
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n\n# The token of %s is in the first line. Keep it: it is not shown again. This is its entry:\n\n%s",
				secret.Reveal(), entry.Name, table)
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&entry.Name, "name", "", "`name` of its owner, as the audit log has it")
	flags.StringVar(&role, "role", "", "what it may do: `role` ingest, read, operator or admin")
	flags.StringArrayVar(&entry.Sources, "source", nil, "`pattern` of the sources that it may send alerts for, such as 'var_*'; may be repeated")
	flags.StringVar(&expires, "expires", "", "`when` it stops being valid: after a duration such as 90d, or at a time such as 2027-01-01T00:00:00Z")
	completeFlag(cmd, "name", nil, cobra.ShellCompDirectiveNoFileComp)
	completeFlag(cmd, "role", roleNames(), cobra.ShellCompDirectiveNoFileComp)
	completeFlag(cmd, "source", nil, cobra.ShellCompDirectiveNoFileComp)
	completeFlag(cmd, "expires", nil, cobra.ShellCompDirectiveNoFileComp)
	return cmd
}

func roleNames() []cobra.Completion {
	var names []cobra.Completion
	for _, role := range access.Roles() {
		names = append(names, string(role))
	}
	return names
}

// expiry returns when a token expires, zero for never.
func expiry(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		var d time.Duration
		d, err = alerting.ParseDuration(text)
		at = now.Add(d).Truncate(time.Second)
	}
	if err != nil || !at.After(now) {
		return time.Time{}, fmt.Errorf("--expires: %q is not allowed, must be a duration such as 90d, or a time to come such as 2027-01-01T00:00:00Z", text)
	}
	return at.UTC(), nil
}

// checkEntry reads an entry as the configuration does. Its problems name the flags.
func checkEntry(table string) error {
	_, err := config.Parse([]byte(table), config.Options{})
	problems, ok := errors.AsType[config.Problems](err)
	if !ok {
		return err
	}
	lines := make([]string, len(problems))
	for i, problem := range problems {
		flag := strings.TrimPrefix(problem.Key, "server.tokens[0].")
		if strings.HasPrefix(flag, "sources") {
			flag = "source"
		}
		lines[i] = "--" + flag + ": " + problem.Message
	}
	return errors.New(strings.Join(lines, "\n"))
}

// maxTokenLine is how much of standard input is read for a token, in bytes.
const maxTokenLine = 4096

func newTokenHashCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "hash",
		Short:             "Print the hash of the token on standard input",
		Long:              "Reads a token from the first line of standard input and prints its hash, as the configuration has it.",
		Example:           "  alertd token hash <token.txt",
		Args:              noArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			line, err := bufio.NewReader(io.LimitReader(cmd.InOrStdin(), maxTokenLine)).ReadString('\n')
			if err != nil && !errors.Is(err, io.EOF) {
				return fmt.Errorf("read standard input: %w", err)
			}
			secret, err := access.ParseSecret(strings.TrimSpace(line))
			if err != nil {
				return usageError{fmt.Errorf("the first line of standard input %w", err)}
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), secret.Hash())
			return err
		},
	}
}

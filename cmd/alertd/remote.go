package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"alertd/internal/access"
	"alertd/internal/client"
)

// remoteHelp ends the help of each command that asks a running alertd.
const remoteHelp = "\n\nThe address is --url or ALERTD_URL, the token that of --token-file or in ALERTD_TOKEN.\n" +
	"Exit status: 0 done, 1 refused, 2 usage, 3 alertd is not reachable or cannot answer now."

// The forms of --output.
const (
	outputTable = "table"
	outputJSON  = "json"
)

// remoteFlags say which alertd to ask, and how to show what it answers.
type remoteFlags struct {
	url, tokenFile, caFile, certFile, keyFile, output string
	plainHTTP                                         bool
	timeout                                           time.Duration
}

// add adds all flags.
func (f *remoteFlags) add(cmd *cobra.Command) {
	f.addAddress(cmd, "`address` of alertd, also unix:/PATH (default $ALERTD_URL, or else http://127.0.0.1:8080)")
	cmd.Flags().StringVarP(&f.output, "output", "o", outputTable, "`form` of the output: table or json")
	completeFlag(cmd, "output", []string{outputTable, outputJSON}, cobra.ShellCompDirectiveNoFileComp)
}

// addAddress adds the flags that say which alertd to ask.
func (f *remoteFlags) addAddress(cmd *cobra.Command, usage string) {
	flags := cmd.Flags()
	flags.StringVar(&f.url, "url", "", usage)
	flags.StringVar(&f.tokenFile, "token-file", "", "`file` with the token (default: the token in $ALERTD_TOKEN)")
	flags.StringVar(&f.caFile, "ca-file", "", "`file` of certificates in PEM to trust beside the system's (default $ALERTD_CA_FILE)")
	flags.StringVar(&f.certFile, "cert-file", "", "`file` of a client certificate in PEM")
	flags.StringVar(&f.keyFile, "key-file", "", "`file` of its key in PEM")
	flags.BoolVar(&f.plainHTTP, "plain-http", false, "send the token to another machine without TLS")
	flags.DurationVar(&f.timeout, "timeout", 30*time.Second, "how long to wait for an answer")
	for _, name := range []string{"url", "timeout"} {
		completeFlag(cmd, name, nil, cobra.ShellCompDirectiveNoFileComp)
	}
}

// action is what a command does with an alertd.
type action func(ctx context.Context, cmd *cobra.Command, alertd *client.Client, args []string) error

// run adds the flags to a command and makes it act until a signal.
func (f *remoteFlags) run(cmd *cobra.Command, act action) *cobra.Command {
	f.add(cmd)
	cmd.Long += remoteHelp
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if f.output != outputTable && f.output != outputJSON {
			return usageError{fmt.Errorf("--output: %q is not one of %s, %s", f.output, outputTable, outputJSON)}
		}
		alertd, err := f.open(cmd)
		if err != nil {
			return usageError{err}
		}
		defer alertd.Close()
		ctx, stop := untilSignal(cmd.Context())
		defer stop()
		err = act(ctx, cmd, alertd, args)
		if err != nil && ctx.Err() != nil {
			return errInterrupted
		}
		return err
	}
	return cmd
}

// open returns a client. Each error is a mistake of the user.
func (f *remoteFlags) open(cmd *cobra.Command) (*client.Client, error) {
	config := client.Config{
		URL: orEnvironment(f.url, "ALERTD_URL", "http://127.0.0.1:8080"), CAFile: orEnvironment(f.caFile, "ALERTD_CA_FILE", ""),
		CertFile: f.certFile, KeyFile: f.keyFile, PlainHTTP: f.plainHTTP, Timeout: f.timeout,
	}
	if f.timeout <= 0 {
		return nil, fmt.Errorf("--timeout: %s is not longer than 0s, must be", f.timeout)
	}
	var err error
	if config.Token, err = f.token(cmd); err != nil {
		return nil, err
	}
	alertd, err := client.New(config)
	if err != nil {
		return nil, fmt.Errorf("address of alertd: %w", err)
	}
	return alertd, nil
}

func orEnvironment(value, variable, otherwise string) string {
	for _, text := range []string{value, os.Getenv(variable)} {
		if text != "" {
			return text
		}
	}
	return otherwise
}

// token returns the token of --token-file, or else of the environment, or none. No error
// quotes it.
func (f *remoteFlags) token(cmd *cobra.Command) (access.Secret, error) {
	text, from := os.Getenv("ALERTD_TOKEN"), "ALERTD_TOKEN"
	if f.tokenFile != "" {
		from = f.tokenFile
		data, err := os.ReadFile(f.tokenFile)
		if err != nil {
			return access.Secret{}, fmt.Errorf("--token-file: %w", err)
		}
		text = string(data)
		if info, err := os.Stat(f.tokenFile); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o007 != 0 {
			_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "alertd: warning: %s can be read by every user of this machine; chmod 600 it\n", f.tokenFile)
		}
	}
	if text = strings.TrimSpace(text); text == "" && f.tokenFile == "" {
		return access.Secret{}, nil
	}
	token, err := access.ParseSecret(text)
	if err != nil {
		return access.Secret{}, fmt.Errorf("what %s has %w", from, err)
	}
	return token, nil
}

// show prints one answer: its JSON, or what table writes of it.
func (f *remoteFlags) show(cmd *cobra.Command, answer json.RawMessage, table func(screen, element)) error {
	out := newScreen(cmd.OutOrStdout())
	if f.output == outputJSON {
		return out.json(answer)
	}
	read, err := readElement(answer)
	if err == nil {
		table(out, read)
		err = out.failure()
	}
	return err
}

// severally does something to each argument. It tells each error when it happens; the one
// that it returns has the worst exit status.
func severally(ctx context.Context, cmd *cobra.Command, args []string, do func(arg string) error) error {
	var worst error
	for _, arg := range args {
		err := do(arg)
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return err
		}
		tell(cmd.ErrOrStderr(), fmt.Errorf("%s: %w", arg, err))
		if worst == nil || exitCode(err) > exitCode(worst) {
			worst = toldError{err}
		}
	}
	return worst
}

// someArguments wants at least one argument, and checks each of them.
func someArguments(what string, most int, check func(string) error) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 || most > 0 && len(args) > most {
			return usageError{fmt.Errorf("needs %s; see %s --help", what, cmd.CommandPath())}
		}
		var problems []error
		for _, arg := range args {
			if err := check(arg); err != nil {
				problems = append(problems, fmt.Errorf("%q: %w", arg, err))
			}
		}
		if len(problems) > 0 {
			return usageError{errors.Join(problems...)}
		}
		return nil
	}
}

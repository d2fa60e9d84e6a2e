package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"alertd/internal/access"
	"alertd/internal/client"
	"alertd/internal/config"
	"alertd/internal/httpapi"
)

// The exit codes.
const (
	exitOK    = 0
	exitError = 1 // the command failed
	exitUsage = 2 // the command line or the configuration is wrong
	exitAway  = 3 // alertd is not reachable, or cannot answer now
)

// usageError is a mistake on the command line or in the configuration.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// toldError is an error that is already on standard error.
type toldError struct{ error }

func (e toldError) Unwrap() error { return e.error }

// run is the whole program. It returns the exit code. It ends with ctx or by a signal.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRootCommand(stdout, stderr)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	if _, told := errors.AsType[toldError](err); !told {
		tell(stderr, err)
	}
	return exitCode(err)
}

// exitCode returns the exit code of an error.
func exitCode(err error) int {
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	if client.Temporary(err) {
		return exitAway
	}
	return exitError
}

// commonFlags are the flags of the commands that read the configuration.
type commonFlags struct {
	config, section, listen string
}

func (f *commonFlags) options() config.Options {
	return config.Options{Path: f.config, Section: f.section, Listen: f.listen}
}

// add adds all flags.
func (f *commonFlags) add(cmd *cobra.Command) {
	f.addFile(cmd)
	cmd.Flags().StringVar(&f.listen, "listen", "", "`address` to listen on, in place of [server] listen; port 0 takes a free one")
	completeFlag(cmd, "listen", nil, cobra.ShellCompDirectiveNoFileComp)
}

// addFile adds the flags that choose the configuration.
func (f *commonFlags) addFile(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.config, "config", config.DefaultPath, "configuration `file`")
	cmd.Flags().StringVar(&f.section, "section", "alerting", "`name` of the table with the alerting settings")
	completeFlag(cmd, "config", []string{"toml"}, cobra.ShellCompDirectiveFilterFileExt)
	completeFlag(cmd, "section", nil, cobra.ShellCompDirectiveNoFileComp)
}

// completeFlag sets the completions of a flag.
func completeFlag(cmd *cobra.Command, name string, values []cobra.Completion, directive cobra.ShellCompDirective) {
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, directive)) // it fails only for a flag that does not exist
}

func newRootCommand(stdout, stderr io.Writer) *cobra.Command {
	root := newServeCommand(stderr)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.Use = "alertd"
	root.Short = "A durable alert service for trading risk systems"
	root.Long = "alertd takes alerts over HTTP, keeps them, and shows them. Without a subcommand it serves."
	root.Example = "  alertd\n  alertd --config /etc/alertd/config.toml --listen 127.0.0.1:9000\n  alertd check-config"
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
	})
	serve := newServeCommand(stderr)
	root.AddCommand(
		serve, newCheckConfigCommand(), newVersionCommand(), newHealthcheckCommand(),
		newBackupCommand(), newExportCommand(), newImportCommand(), newMigrateCommand(), newTokenCommand(), newTemplateCommand(), newAuditCommand(),
		newSendCommand(), newExplainCommand(), newEventsCommand(), newIncidentsCommand(), newSilenceCommand(), newChannelsCommand(), newDeliveriesCommand(), newHeartbeatCommand(), newStatsCommand(),
	)
	addCobrasCommands(root)
	return root
}

// addCobrasCommands adds help and completion and makes them refuse unknown arguments, as
// our own commands do. completion writes to the output that root has now.
func addCobrasCommands(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			cmd.Args = knownCommand
		case "completion":
			cmd.Args = noArguments
			cmd.RunE = func(cmd *cobra.Command, _ []string) error {
				return usageError{fmt.Errorf("which shell? must be one of bash, fish, powershell, zsh; see %s --help", cmd.CommandPath())}
			}
			for _, shell := range cmd.Commands() {
				shell.Args = noArguments
			}
		}
	}
}

// knownCommand accepts the name of a command.
func knownCommand(cmd *cobra.Command, args []string) error {
	if _, unknown, err := cmd.Root().Find(args); err != nil || len(unknown) > 0 {
		return usageError{fmt.Errorf("there is no help for %q; see %s --help", strings.Join(args, " "), cmd.Root().CommandPath())}
	}
	return nil
}

// noArguments is cobra.NoArgs as a usage error.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("unknown command or argument %q; see %s --help", args[0], cmd.CommandPath())}
	}
	return nil
}

func newCheckConfigCommand() *cobra.Command {
	var section string
	cmd := &cobra.Command{
		Use:   "check-config [FILE]",
		Short: "Check the configuration and say what would be on",
		Long:  "Reads the configuration as serve does, with the same environment, and starts nothing.\nExit status 2 if it has errors.",
		Example: "  alertd check-config\n  alertd check-config /etc/alertd/config.toml\n" +
			"  alertd check-config --section custom_alerts my.toml",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError{fmt.Errorf("check-config takes one file, not %d; see %s --help", len(args), cmd.CommandPath())}
			}
			return nil
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return []cobra.Completion{"toml"}, cobra.ShellCompDirectiveFilterFileExt
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			options := config.Options{Path: config.DefaultPath, Section: section}
			if len(args) == 1 {
				options.Path = args[0]
			}
			loaded, err := config.Load(options)
			if err != nil {
				return usageError{fmt.Errorf("%s is not valid:\n%w", options.Path, err)}
			}
			describe(cmd.OutOrStdout(), loaded)
			return nil
		},
	}
	cmd.Flags().StringVar(&section, "section", "alerting", "`name` of the table with the alerting settings")
	completeFlag(cmd, "section", nil, cobra.ShellCompDirectiveNoFileComp)
	return cmd
}

// describe prints a summary of a configuration.
func describe(out io.Writer, c config.Config) {
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(out, format+"\n", args...) }
	onOff := func(on bool) string {
		if on {
			return "on"
		}
		return "off"
	}
	if c.Found {
		line("%s is valid", c.Path)
	} else {
		line("%s does not exist; without it:", c.Path)
	}
	line("  listen        %s", c.Server.Listen)
	line("  access        %s", accessOf(c.Server))
	line("  alerting      %s", onOff(c.Alerting.Enabled))
	line("  min_severity  %s", c.Alerting.MinSeverity)
	line("  buffer_size   %d", c.Alerting.BufferSize)
	for _, channel := range c.Channels {
		line("  channel       %s: %s", channel.Policy.Name, onOff(channel.Policy.Enabled))
	}
	if len(c.Channels) == 0 {
		line("  channels      none")
	}
	for _, rule := range rulesOf(c.Noise) {
		line("  %s", rule)
	}
	for _, h := range c.Heartbeats {
		line("  heartbeat     %s: every %s, grace %s", h.Name, config.FormatDuration(h.Every), config.FormatDuration(h.Grace))
	}
	if c.Watchdog.URL != "" {
		line("  watchdog      every %s", config.FormatDuration(c.Watchdog.Every))
	}
	for _, warning := range c.Warnings {
		line("  warning       %s", warning)
	}
}

// accessOf says who may do something.
func accessOf(s config.Server) string {
	var ways []string
	if len(s.Tokens) > 0 {
		numbers := make(map[access.Role]int)
		for _, token := range s.Tokens {
			numbers[token.Role]++
		}
		var roles []string
		for _, role := range slices.Backward(access.Roles()) {
			if numbers[role] > 0 {
				roles = append(roles, fmt.Sprintf("%d %s", numbers[role], role))
			}
		}
		noun := "tokens"
		if len(s.Tokens) == 1 {
			noun = "token"
		}
		ways = append(ways, fmt.Sprintf("%d %s (%s)", len(s.Tokens), noun, strings.Join(roles, ", ")))
	}
	if s.OIDC.Issuer != "" {
		ways = append(ways, "people by "+s.OIDC.Issuer)
	}
	if len(ways) == 0 {
		return "anonymous: everybody may do everything"
	}
	return strings.Join(ways, "; ")
}

func newVersionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:               "version",
		Short:             "Print the version",
		Example:           "  alertd version\n  alertd version --json",
		Args:              noArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			build := buildInfo()
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(build)
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "alertd %s (commit %s, %s)\n", build.Version, build.Commit, build.GoVersion)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// buildInfo returns the version that the linker has set, or else the one that Go recorded.
func buildInfo() httpapi.BuildInfo {
	build := httpapi.BuildInfo{Version: version, Commit: commit, BuiltAt: builtAt, GoVersion: runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok && build.Version == "" {
		build.Version = info.Main.Version
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				build.Commit = setting.Value
			}
		}
	}
	if build.Version == "" || build.Version == "(devel)" {
		build.Version = "dev"
	}
	if build.Commit == "" {
		build.Commit = "unknown"
	}
	return build
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"alertd/internal/alerting"
	"alertd/internal/client"
	"alertd/internal/spool"
)

// sendFlags are the flags of alertd send.
type sendFlags struct {
	remoteFlags
	alertFlags
	retryFor     time.Duration
	spool, drain string
}

// alertFlags are the fields of one alert.
type alertFlags struct {
	severity, category, source, contextJSON, dedupKey, timestamp, eventID string
	context                                                               []string
	resolves                                                              bool
}

// alertFlagNames are those of alertFlags.
var alertFlagNames = []string{"severity", "category", "source", "context", "context-json", "dedup-key", "resolves", "timestamp", "event-id"}

// addAlert adds the flags.
func (f *alertFlags) addAlert(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.severity, "severity", "", "`severity`: "+strings.Join(severityNames(), ", "))
	flags.StringVar(&f.category, "category", "", "`category`: "+strings.Join(categoryNames(), ", "))
	flags.StringVar(&f.source, "source", "", "`name` of the component that reports")
	flags.StringArrayVar(&f.context, "context", nil, "`KEY=VALUE` of the context; may be given several times")
	flags.StringVar(&f.contextJSON, "context-json", "", "the context as a JSON `object`")
	flags.StringVar(&f.dedupKey, "dedup-key", "", "`text` that says which alerts are alike")
	flags.BoolVar(&f.resolves, "resolves", false, "resolve the open incident of such alerts; opens none, at any severity")
	flags.StringVar(&f.timestamp, "timestamp", "", "`time` when it happened, such as 2026-01-31T08:00:00Z (default now)")
	flags.StringVar(&f.eventID, "event-id", "", "`UUID` of the event (default a new one)")
	for name, values := range map[string][]string{
		"severity": severityNames(), "category": categoryNames(), "source": nil, "context": nil, "context-json": nil, "dedup-key": nil,
		"timestamp": nil, "event-id": nil,
	} {
		completeFlag(cmd, name, values, cobra.ShellCompDirectiveNoFileComp)
	}
}

func newSendCommand() *cobra.Command {
	var flags sendFlags
	cmd := &cobra.Command{
		Use:   "send [MESSAGE...]",
		Short: "Send alerts to a running alertd until it has taken them",
		Long: "Sends one alert with the message and the flags; or, without a message or with -, an alert a\n" +
			"line of standard input, as POST /alerts takes them, of any number. It prints the event_id of\n" +
			"each. An alert gets an event_id and the time now unless it has them, so that it may be sent\n" +
			"again and is registered once.\n\n" +
			"If alertd is not reachable or cannot take it at the moment, send tries again for --retry-for.\n" +
			"With --spool it then writes the alerts to files in DIR, says so, and that is exit status 0:\n" +
			"they are on disk. Each send --drain DIR sends them, the oldest first, and removes what alertd\n" +
			"has taken. What alertd refuses for good is moved to DIR/refused.\n\n" +
			"A value of --context is a number or a boolean if it reads as one in JSON, and else a text.",
		Example: "  alertd send --severity error --category risk_limit --source var_gate --context limit=0.03 VaR limit breached\n" +
			"  alertd send --spool /var/spool/alertd -\n  alertd send --drain /var/spool/alertd",
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f := cmd.Flags()
	flags.addAlert(cmd)
	f.DurationVar(&flags.retryFor, "retry-for", time.Minute, "how long to try again; 0s tries once")
	f.StringVar(&flags.spool, "spool", "", "`folder` to keep alerts in that alertd cannot take")
	f.StringVar(&flags.drain, "drain", "", "`folder` of --spool to send and empty")
	completeFlag(cmd, "retry-for", nil, cobra.ShellCompDirectiveNoFileComp)
	for _, name := range []string{"spool", "drain"} {
		completeFlag(cmd, name, nil, cobra.ShellCompDirectiveFilterDirs)
	}
	return flags.run(cmd, flags.send)
}

// send is the action of the command.
func (f *sendFlags) send(ctx context.Context, cmd *cobra.Command, alertd *client.Client, args []string) error {
	if f.retryFor < 0 {
		return usageError{fmt.Errorf("--retry-for: %s is not allowed, must be 0s or more", f.retryFor)}
	}
	given := slices.ContainsFunc(alertFlagNames, cmd.Flags().Changed)
	s := &shipment{
		flags: f, out: newScreen(cmd.OutOrStdout()), err: cmd.ErrOrStderr(),
		sender: client.Sender{Client: alertd, RetryFor: f.retryFor, Waiting: waiting(cmd.ErrOrStderr())},
	}
	switch lines := len(args) == 0 || slices.Equal(args, []string{"-"}); {
	case f.drain != "" && (len(args) > 0 || given || f.spool != ""):
		return usageError{errors.New("--drain goes without a message, without the flags of an alert, and without --spool")}
	case f.drain != "":
		return s.drain(ctx, f.drain)
	case len(args) == 0 && readsTerminal(cmd.InOrStdin()):
		return usageError{fmt.Errorf("there is no message; give one, or - to type an alert a line as JSON; see %s --help", cmd.CommandPath())}
	case lines && given:
		return usageError{errors.New("the flags of an alert need a message; alerts on standard input have their own fields")}
	case lines:
		return s.lines(ctx, cmd.InOrStdin())
	}
	alert, err := f.alert(strings.Join(args, " "))
	if err != nil {
		return usageError{err}
	}
	return s.verdict(s.ship(ctx, []numbered{{alert, 0}}))
}

// waiting tells why something is tried again, unless it told the same last time.
func waiting(out io.Writer) func(error, time.Duration) {
	told := ""
	return func(err error, _ time.Duration) {
		if text := err.Error(); text != told {
			note(out, "%s; trying again", text)
			told = text
		}
	}
}

func readsTerminal(in io.Reader) bool {
	file, ok := in.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// alert returns the alert of a message and the flags.
func (f *alertFlags) alert(message string) (client.Alert, error) {
	members, err := f.members()
	if err != nil {
		return client.Alert{}, err
	}
	fields := map[string]any{"message": message, "context": members, "resolves": f.resolves}
	for name, value := range map[string]string{
		"severity": f.severity, "category": f.category, "source": f.source, "dedup_key": f.dedupKey, "timestamp": f.timestamp, "event_id": f.eventID,
	} {
		if value != "" {
			fields[name] = value
		}
	}
	data, err := json.Marshal(fields)
	if err != nil {
		return client.Alert{}, err
	}
	alert, err := client.NewAlert(data, time.Now())
	if known, ok := errors.AsType[*alerting.Error](err); ok {
		return alert, errors.New("this alert is not valid:" + client.FieldLines(known.Fields))
	}
	return alert, err
}

// members returns the context as JSON. The members of --context-json come first.
func (f *alertFlags) members() (json.RawMessage, error) {
	var members []string
	if inner := strings.TrimSpace(f.contextJSON); inner != "" {
		var object map[string]json.RawMessage
		if err := json.Unmarshal([]byte(inner), &object); err != nil || object == nil {
			return nil, errors.New(`--context-json: must be a JSON object such as {"limit": 0.03}`)
		}
		if inner = strings.TrimSpace(inner[1 : len(inner)-1]); inner != "" {
			members = append(members, inner)
		}
	}
	for _, pair := range f.context {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, fmt.Errorf("--context: %q must be KEY=VALUE", pair)
		}
		name, err := json.Marshal(key)
		if err != nil {
			return nil, err
		}
		text, err := contextValue(value)
		if err != nil {
			return nil, err
		}
		members = append(members, string(name)+":"+string(text))
	}
	return json.RawMessage("{" + strings.Join(members, ",") + "}"), nil
}

// contextValue returns a value as JSON: a number or a boolean as it is, anything else as a
// text.
func contextValue(value string) ([]byte, error) {
	var read any
	if json.Unmarshal([]byte(value), &read) == nil {
		switch read.(type) {
		case float64, bool:
			return []byte(value), nil
		}
	}
	return json.Marshal(value)
}

// drain sends what a folder has.
func (s *shipment) drain(ctx context.Context, path string) error {
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return usageError{fmt.Errorf("--drain: %s is not a folder", path)}
	}
	dir, err := spool.Open(path)
	if err != nil {
		return err
	}
	drained, err := dir.Drain(ctx, s.sender.Send, func(r spool.Refused) {
		note(s.err, "refused, and kept in %s%s", r.File, client.FieldLines(r.Errors))
	})
	if s.flags.output == outputJSON {
		s.print(map[string]int{"sent": drained.Sent, "refused": drained.Refused})
	} else {
		s.out.line("sent %d, refused %d", drained.Sent, drained.Refused)
	}
	if err != nil {
		err = fmt.Errorf("%w\nwhat was not sent stays in %s", err, path)
	}
	s.refused = drained.Refused > 0
	return s.verdict(err)
}

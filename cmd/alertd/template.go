package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/client"
	"alertd/internal/config"
	"alertd/internal/incident"
	"alertd/internal/plaintext"
	"alertd/internal/template"
)

func newTemplateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "template",
		Short:             "Show messages in the words of the configuration",
		Long:              "Templates word the messages of a channel or a route: see docs/templates.md.",
		Example:           "  alertd template render --channel slack --reason resolved",
		Args:              noArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usageError{fmt.Errorf("render? see %s --help", cmd.CommandPath())}
		},
	}
	cmd.AddCommand(newRenderCommand())
	return cmd
}

// renderFlags are the flags of alertd template render.
type renderFlags struct {
	commonFlags
	channel, route, event, reason string
}

func newRenderCommand() *cobra.Command {
	var flags renderFlags
	cmd := &cobra.Command{
		Use:   "render --channel NAME",
		Short: "Print a message as it would arrive",
		Long: "Prints the title and the body of a message of a channel, in the words of its templates, and what the\n" +
			"channel would send: JSON, indented here, or a mail, or lines. It reads the configuration alone, sends\n" +
			"nothing, and asks no running alertd; the channel may be off.\n\n" +
			"The message is about a sample alert, or the one in --event FILE, in the JSON of POST /alerts or GET\n" +
			"/events; - is standard input. A digest is about it and others.\n\n" +
			"Exit status 1 if a template fails: the message is the built-in one then, and says why.",
		Example: "  alertd template render --channel slack\n" +
			"  alertd template render --channel email --route risk --event alert.json --reason resolved",
		Args:              noArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return flags.render(cmd) },
	}
	flags.addFile(cmd)
	f := cmd.Flags()
	f.StringVar(&flags.channel, "channel", "", "`name` of the channel")
	f.StringVar(&flags.route, "route", "", "`name` of the route that the incident took; without it none")
	f.StringVar(&flags.event, "event", "", "`file` with the alert that the message is about")
	f.StringVar(&flags.reason, "reason", incident.Opened.String(), "`reason` of the message: "+strings.Join(reasonNames(), ", "))
	completeFlag(cmd, "channel", nil, cobra.ShellCompDirectiveNoFileComp)
	completeFlag(cmd, "route", nil, cobra.ShellCompDirectiveNoFileComp)
	completeFlag(cmd, "event", []string{"json"}, cobra.ShellCompDirectiveFilterFileExt)
	completeFlag(cmd, "reason", reasonNames(), cobra.ShellCompDirectiveNoFileComp)
	return cmd
}

func reasonNames() []string {
	var names []string
	for _, reason := range incident.Reasons() {
		names = append(names, reason.String())
	}
	return names
}

// render is the action of the command.
func (f *renderFlags) render(cmd *cobra.Command) error {
	if !slices.Contains(reasonNames(), f.reason) {
		return usageError{fmt.Errorf("--reason: %q is not allowed, must be one of %s", f.reason, strings.Join(reasonNames(), ", "))}
	}
	loaded, err := config.Load(f.options())
	if err != nil {
		return usageError{fmt.Errorf("%s is not valid:\n%w", f.config, err)}
	}
	c, err := f.channelIn(loaded)
	if err == nil {
		err = f.checkRoute(loaded)
	}
	if err != nil {
		return usageError{err}
	}
	event := template.SampleEvent(alerting.SeverityCritical)
	if f.event != "" {
		if event, err = f.read(cmd.InOrStdin()); err != nil {
			return usageError{fmt.Errorf("--event: %w", err)}
		}
	}
	words, err := template.New(c.Template)
	if err == nil && f.route != "" {
		var route *template.Template
		route, err = template.New(loaded.RouteTemplates[f.route])
		words = route.Over(words)
	}
	if err != nil {
		return err
	}
	const key = "019b5f2c-8000-7000-8000-000000000001"
	notice := template.Sample(incident.Reason(f.reason), event)
	notice.Route = f.route
	n := channel.Render(key, notice, loaded.Server.PublicURL)
	n.Channel = c.Policy.Name
	n = words.Apply(n)
	if err := showRendered(cmd.OutOrStdout(), c, n); err != nil {
		return err
	}
	if n.TemplateError != "" {
		return fmt.Errorf("the template of channel %s has failed: %s", c.Policy.Name, n.TemplateError)
	}
	return nil
}

// channelIn returns the channel that is asked for.
func (f *renderFlags) channelIn(loaded config.Config) (config.Channel, error) {
	c, found := loaded.Channel(f.channel)
	var names []string
	for _, known := range loaded.Channels {
		names = append(names, known.Policy.Name)
	}
	switch {
	case found:
		return c, nil
	case !loaded.Found:
		return c, fmt.Errorf("%s does not exist", f.config)
	case len(names) == 0:
		return c, fmt.Errorf("%s has no channels", f.config)
	default:
		return c, fmt.Errorf("--channel: %q is not a channel, must be one of %s", f.channel, strings.Join(names, ", "))
	}
}

// checkRoute returns an error if there is no such route.
func (f *renderFlags) checkRoute(loaded config.Config) error {
	if f.route == "" {
		return nil
	}
	var names []string
	for _, known := range loaded.Noise.Routes {
		if known.Name == f.route {
			return nil
		}
		names = append(names, known.Name)
	}
	if len(names) == 0 {
		return fmt.Errorf("--route: %s has no routes", f.config)
	}
	return fmt.Errorf("--route: %q is not a route, must be one of %s", f.route, strings.Join(names, ", "))
}

// maxEvent is how much of an alert's file is read, in bytes.
const maxEvent = 1 << 20

// read returns the event of the alert in the file.
func (f *renderFlags) read(stdin io.Reader) (*alerting.Event, error) {
	alert, err := readAlert(f.event, stdin)
	if err != nil {
		return nil, err
	}
	draft, err := alerting.NewDraft(alert, time.Now())
	if err != nil {
		return nil, err
	}
	return draft.Finish(1), nil
}

// readAlert returns the alert in a file, in the JSON of POST /alerts or GET /events; - is
// standard input.
func readAlert(path string, stdin io.Reader) (alerting.Alert, error) {
	in := stdin
	if path != "-" {
		file, err := os.Open(path) //nolint:gosec // G304: the user's own choice
		if err != nil {
			return alerting.Alert{}, errors.New(plaintext.Line(err.Error()))
		}
		defer func() { _ = file.Close() }() // it is only read
		in = file
	}
	data, err := io.ReadAll(io.LimitReader(in, maxEvent))
	if err != nil {
		return alerting.Alert{}, err
	}
	alert, err := alerting.DecodeRecord(data)
	if invalid, ok := errors.AsType[*alerting.Error](err); ok && len(invalid.Fields) > 0 {
		return alert, errors.New("this alert is not valid:" + client.FieldLines(invalid.Fields))
	}
	return alert, err
}

// showRendered prints a message and what a channel sends for it. Texts are indented, so
// that no line of them looks like one of alertd's.
func showRendered(out io.Writer, c config.Channel, n channel.Notification) error {
	var text strings.Builder
	part := func(title, value string) {
		value = plaintext.Lines(strings.TrimRight(value, "\r\n"))
		fmt.Fprintf(&text, "%s:\n  %s\n\n", title, strings.ReplaceAll(value, "\n", "\n  "))
	}
	part("Title", n.Subject(math.MaxInt))
	part("Body", n.Body)
	payload, err := preview(c, n)
	if err != nil {
		part("A channel of kind "+c.Policy.Kind+" cannot send it yet", err.Error())
	} else {
		part("A channel of kind "+c.Policy.Kind+" sends", payload)
	}
	_, err = io.WriteString(out, strings.TrimSuffix(text.String(), "\n"))
	return err
}

// preview returns what a channel sends, in a form that can be read.
func preview(c config.Channel, n channel.Notification) (string, error) {
	payload, err := c.Settings.Preview(n)
	if err != nil {
		return "", err
	}
	var lines []string
	for line := range bytes.Lines(payload) {
		value := jsontext.Value(line)
		if value.Kind() != '{' || !value.IsValid() { // it is text
			return string(payload), nil
		}
		if err := value.Indent(jsontext.WithIndent("  ")); err != nil {
			return "", err
		}
		lines = append(lines, plaintext.EscapeJSON(string(value)))
	}
	return strings.Join(lines, "\n"), nil
}

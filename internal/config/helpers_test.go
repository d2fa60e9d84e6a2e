package config_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/config"
)

// env is an environment. Other variables are not set.
type env map[string]string

func (e env) lookup(name string) (string, bool) {
	value, ok := e[name]
	return value, ok
}

// parse reads content as the file alertd.toml.
func parse(content string, environment env) (config.Config, error) {
	return config.Parse([]byte(content), config.Options{Path: "alertd.toml", LookupEnv: environment.lookup})
}

// requireGood returns the configuration, which must be valid.
func requireGood(tb testing.TB, content string, environment env) config.Config {
	tb.Helper()
	c, err := parse(content, environment)
	require.NoError(tb, err)
	return c
}

// requireProblems wants exactly these problems, in this order.
func requireProblems(tb testing.TB, content string, environment env, want ...string) {
	tb.Helper()
	c, err := parse(content, environment)
	requireProblemsIn(tb, err, want...)
	require.Zero(tb, c)
}

func requireProblemsIn(tb testing.TB, err error, want ...string) {
	tb.Helper()
	var problems config.Problems
	require.ErrorAs(tb, err, &problems)
	require.Equal(tb, strings.Join(want, "\n"), err.Error())
	require.Len(tb, problems, len(want))
}

// redactedText returns a text of the redacted configuration, "" if there is none at the path.
func redactedText(c config.Config, path ...string) string {
	text, _ := redactedValue(c, path...).(string)
	return text
}

// redactedValue returns a value of the redacted configuration, nil if there is none at the path.
func redactedValue(c config.Config, path ...string) any {
	var value any = c.Redacted()
	for _, name := range path {
		table, _ := value.(map[string]any)
		value = table[name]
	}
	return value
}

// names returns the names of the channels.
func names(c config.Config) []string {
	var names []string
	for _, channel := range c.Channels {
		names = append(names, channel.Policy.Name)
	}
	return names
}

// raw returns a channel's table as it was read, nil if there is no such channel.
func raw(c config.Config, name string) map[string]any {
	channel, _ := c.Channel(name)
	return channel.Raw
}

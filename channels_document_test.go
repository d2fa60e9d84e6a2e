package alertd_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"alertd/internal/channel"
	"alertd/internal/channel/channeltest"
	"alertd/internal/channel/console"
	"alertd/internal/channel/logfile"
	"alertd/internal/channel/webhook"
	"alertd/internal/config"
	"alertd/internal/delivery"
	"alertd/internal/incident"
)

const channelsDocument = "docs/channels.md"

// kindsShown returns the document's section on each kind.
func kindsShown(tb testing.TB) map[string]string {
	tb.Helper()
	shown := map[string]string{}
	for _, part := range strings.Split(readFile(tb, channelsDocument), "\n## ")[1:] {
		heading, text, _ := strings.Cut(part, "\n")
		if regexp.MustCompile(`^[a-z]+$`).MatchString(heading) {
			shown[heading] = text
		}
	}
	return shown
}

// commonSection returns its section on the keys of all kinds.
func commonSection(tb testing.TB) string {
	tb.Helper()
	_, text, found := strings.Cut(readFile(tb, channelsDocument), "\n## Keys of every channel\n")
	require.True(tb, found)
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}

// knownKeys returns the keys that the configuration lists when it refuses an unknown one.
func knownKeys(tb testing.TB, content string) []string {
	tb.Helper()
	_, err := config.Parse([]byte(content), config.Options{})
	require.Error(tb, err)
	list := regexp.MustCompile(`must be one of (.*)`).FindStringSubmatch(err.Error())
	require.NotNil(tb, list, "%v", err)
	return strings.Split(list[1], ", ")
}

func knownKeysOf(tb testing.TB, kind string) []string {
	tb.Helper()
	return knownKeys(tb, "[alerting.channels."+kind+"]\n\"~\" = 1\n")
}

// environment has the variables that the document uses.
func environment(name string) (string, bool) {
	value, ok := map[string]string{
		"SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T00000000/B00000000/x", "SLACK_BOT_TOKEN": "xoxb-0123456789",
		"SMTP_USER": "alertd", "SMTP_PASSWORD": "p", "PAGERDUTY_ROUTING_KEY": "0123456789abcdef0123456789abcdef",
		"ALERT_WEBHOOK_URL": "https://example.com/alerts", "ALERT_WEBHOOK_SECRET": secret, "RECEIVER_TOKEN": "t",
		"TELEGRAM_BOT_TOKEN": "123456789:AAEabcdefghijklmnopqrstuvwxyz012345",
	}[name]
	return value, ok
}

// configured reads the TOML of a part of the document, which must be valid, and returns the
// channels of each block.
func configured(tb testing.TB, text string) (channels []config.Channel, keys []string) {
	tb.Helper()
	for _, b := range blocks(text) {
		if b.language != "toml" {
			continue
		}
		loaded, err := config.Parse([]byte(b.text), config.Options{LookupEnv: environment})
		require.NoError(tb, err, "%s\n%s", b.name(), b.text)
		require.Len(tb, loaded.Channels, 1)
		channels = append(channels, loaded.Channels[0])
		var file struct {
			Alerting struct{ Channels map[string]map[string]any }
		}
		require.NoError(tb, toml.Unmarshal([]byte(b.text), &file))
		for _, table := range file.Alerting.Channels {
			keys = slices.AppendSeq(keys, maps.Keys(table))
			if retry, ok := table["retry"].(map[string]any); ok {
				for key := range retry {
					keys = append(keys, "retry."+key)
				}
			}
		}
	}
	slices.Sort(keys)
	return channels, slices.Compact(keys)
}

func TestChannelsDocumentHasEveryKindAndKey(t *testing.T) {
	shown := kindsShown(t)
	require.ElementsMatch(t, knownKeys(t, "[alerting.channels.x]\nkind = \"~\"\n"), slices.Collect(maps.Keys(shown)))

	common := knownKeysOf(t, "console") // it has no keys of its own
	_, keys := configured(t, commonSection(t))
	for _, key := range knownKeys(t, "[alerting.channels.console]\nretry = { \"~\" = 1 }\n") {
		require.Contains(t, keys, "retry."+key)
	}
	require.Subset(t, keys, common)

	for kind, text := range shown {
		t.Run(kind, func(t *testing.T) {
			own := func(keys []string) []string {
				return slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return slices.Contains(common, key) })
			}
			channels, keys := configured(t, text)
			require.NotEmpty(t, channels)
			for _, c := range channels {
				require.Equal(t, kind, c.Policy.Kind)
				require.True(t, c.Policy.Enabled)
			}
			require.ElementsMatch(t, own(knownKeysOf(t, kind)), own(keys))
			for _, part := range []string{"**What arrives", "**Limits.**", "**Repeats**", "**Test**: `POST /channels/" + kind + "/test`"} {
				require.Contains(t, text, part)
			}
		})
	}
}

func TestChannelsDocumentHasDefaults(t *testing.T) {
	channels, _ := configured(t, commonSection(t))
	require.Len(t, channels, 1)
	got, want := channels[0].Policy, delivery.DefaultPolicy()
	want.Name, want.Kind, want.Enabled = got.Name, got.Kind, true
	want.Categories, want.Sources = got.Categories, got.Sources // examples, not defaults
	require.Equal(t, want, got)
}

// blockOf returns the only block of a language in a kind's section.
func blockOf(tb testing.TB, kind, language string) string {
	tb.Helper()
	var found []string
	for _, b := range blocks(kindsShown(tb)[kind]) {
		if b.language == language {
			found = append(found, b.text)
		}
	}
	require.Len(tb, found, 1, "%s in %s", language, kind)
	return found[0]
}

func TestDocumentedConsoleLineArrives(t *testing.T) {
	var out bytes.Buffer
	result := console.New(console.Config{}, console.NewOutput(&out, false)).Send(t.Context(), channeltest.Notification(incident.Opened))
	require.Equal(t, channel.Delivered, result.Outcome)
	require.Equal(t, blockOf(t, "console", "text"), out.String())
}

func TestDocumentedLogfileQueryWorks(t *testing.T) {
	const path = "/var/log/alertd/alerts.jsonl"
	own := filepath.Join(t.TempDir(), "alerts.jsonl")
	c, err := logfile.New(logfile.Config{Path: own}, &logfile.Files{})
	require.NoError(t, err)
	for _, reason := range []incident.Reason{incident.Opened, incident.SeverityRaised} {
		require.Equal(t, channel.Delivered, c.Send(t.Context(), channeltest.Notification(reason)).Outcome)
	}
	require.NoError(t, c.Close())
	question := blockOf(t, "logfile", "sh")
	require.Contains(t, question, path)
	answer, err := command(t.Context(), "bash", "-c", strings.ReplaceAll(question, path, own)).CombinedOutput()
	require.NoError(t, err, "%s", answer)
	require.Equal(t, "2025-12-27T10:32:00.123456Z severity_raised var_gate: VaR limit breached: 0.0733 > 0.0300\n", string(answer))
}

// message is a received webhook.
type message struct {
	header http.Header
	body   []byte
}

// sent returns a message as a channel sends it.
func sent(tb testing.TB, reason incident.Reason) message {
	tb.Helper()
	var m message
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			m = message{r.Header, body}
		}
	}))
	defer server.Close()
	c, err := webhook.New(webhook.Config{URL: server.URL, Secret: secret})
	require.NoError(tb, err)
	require.Equal(tb, channel.Delivered, c.Send(tb.Context(), channeltest.Notification(reason)).Outcome)
	require.NoError(tb, c.Close())
	require.NotEmpty(tb, m.body)
	return m
}

func TestDocumentedWebhookArrives(t *testing.T) {
	var want bytes.Buffer
	require.NoError(t, json.Compact(&want, []byte(blockOf(t, "webhook", "json"))))
	require.Equal(t, want.String(), string(sent(t, incident.Opened).body))
}

// forgeries are messages that alertd did not send, or sent long ago.
func forgeries(tb testing.TB, m message) map[string]message {
	tb.Helper()
	with := func(name, value string) message {
		header := m.header.Clone()
		header.Set(name, value)
		return message{header, m.body}
	}
	hook, err := standardwebhooks.NewWebhook(secret)
	require.NoError(tb, err)
	before := time.Now().Add(-6 * time.Minute)
	signature, err := hook.Sign(m.header.Get("webhook-id"), before, m.body)
	require.NoError(tb, err)
	old := with("webhook-timestamp", unix(before))
	old.header.Set("webhook-signature", signature)
	return map[string]message{
		"an old message":     old,
		"another body":       {m.header, bytes.Replace(m.body, []byte("var_gate"), []byte("var_date"), 1)},
		"another id":         with("webhook-id", "msg_1"),
		"another time":       with("webhook-timestamp", "1766831400"),
		"no time":            with("webhook-timestamp", ""),
		"another signature":  with("webhook-signature", "v1,"+strings.Repeat("A", 43)+"="),
		"no signature":       with("webhook-signature", ""),
		"another's version":  with("webhook-signature", strings.Replace(m.header.Get("webhook-signature"), "v1,", "v2,", 1)),
		"a part of the real": with("webhook-signature", strings.TrimSuffix(m.header.Get("webhook-signature"), "=")),
	}
}

// TestDocumentedReceiversVerifySignatures runs them on a message of a channel and on
// forgeries of it.
func TestDocumentedReceiversVerifySignatures(t *testing.T) {
	verifiers := map[string]func(t *testing.T, m message) bool{
		"Python": verifyInPython, "Go": goVerifier(t), "shell": verifyInShell,
	}
	m := sent(t, incident.WasAcknowledged)
	rotating := message{m.header.Clone(), m.body}
	rotating.header.Set("webhook-signature", "v1,"+strings.Repeat("A", 43)+"= "+m.header.Get("webhook-signature"))
	for language, verify := range verifiers {
		t.Run(language, func(t *testing.T) {
			require.True(t, verify(t, m))
			require.True(t, verify(t, rotating), "one signature that fits is enough")
			for name, forged := range forgeries(t, m) {
				require.False(t, verify(t, forged), name)
			}
		})
	}
}

func verifyInPython(t *testing.T, m message) bool {
	t.Helper()
	headers := map[string]string{}
	for name := range m.header {
		headers[strings.ToLower(name)] = m.header.Get(name)
	}
	data, err := json.Marshal(headers)
	require.NoError(t, err)
	cmd := command(t.Context(), "python3", "-c", blockOf(t, "webhook", "python")+
		"\n\nimport json, sys\nprint(verify(sys.argv[1], json.loads(sys.argv[2]), sys.stdin.buffer.read()))", secret, string(data))
	cmd.Stdin = bytes.NewReader(m.body)
	output, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", output)
	require.Contains(t, []string{"True\n", "False\n"}, string(output))
	return string(output) == "True\n"
}

func verifyInShell(t *testing.T, m message) bool {
	t.Helper()
	cmd := command(t.Context(), "bash", "-c", blockOf(t, "webhook", "sh"))
	cmd.Dir = t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(cmd.Dir, "body.json"), m.body, 0o600))
	cmd.Env = append(cmd.Env, "SECRET="+secret, "ID="+m.header.Get("webhook-id"),
		"TIMESTAMP="+m.header.Get("webhook-timestamp"), "SIGNATURE="+m.header.Get("webhook-signature"))
	output, err := cmd.CombinedOutput()
	require.Empty(t, string(output))
	return err == nil
}

// around is what a program needs around the receiver of the document: it hands on what
// it is given, and prints the answer's status.
const around = `package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
)

func main() {
	var m struct {
		Header http.Header
		Body   []byte
	}
	if err := json.NewDecoder(os.Stdin).Decode(&m); err != nil {
		panic(err)
	}
	handler, err := receiver(os.Args[1], func(string, []byte) error { return nil })
	if err != nil {
		panic(err)
	}
	r, answer := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(m.Body)), httptest.NewRecorder()
	r.Header = m.Header
	handler.ServeHTTP(answer, r)
	fmt.Print(answer.Code)
}
`

func goVerifier(t *testing.T) func(t *testing.T, m message) bool {
	t.Helper()
	directory := t.TempDir()
	binary, main, document := filepath.Join(directory, "receiver"), filepath.Join(directory, "main.go"), filepath.Join(directory, "document.go")
	require.NoError(t, os.WriteFile(main, []byte(around), 0o600))
	require.NoError(t, os.WriteFile(document, []byte(blockOf(t, "webhook", "go")), 0o600))
	output, err := command(t.Context(), "go", "build", "-o", binary, main, document).CombinedOutput()
	require.NoError(t, err, "%s", output)
	return func(t *testing.T, m message) bool {
		t.Helper()
		input, err := json.Marshal(map[string]any{"Header": m.header, "Body": m.body})
		require.NoError(t, err)
		cmd := command(t.Context(), binary, secret)
		cmd.Stdin = bytes.NewReader(input)
		output, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", output)
		require.Contains(t, []string{"204", "401"}, string(output))
		return string(output) == "204"
	}
}

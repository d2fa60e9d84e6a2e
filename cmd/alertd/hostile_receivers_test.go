package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/channel/email/smtptest"
	"alertd/internal/channel/pagerduty/pagerdutytest"
	"alertd/internal/channel/slack/slacktest"
	"alertd/internal/channel/telegram/telegramtest"
	"alertd/internal/config"
)

// receiver is the other side of channels of one kind.
type receiver struct {
	// channels is their TOML, by name.
	channels map[string]string
	// gather adds what has arrived.
	gather func(o *outputs)
}

// receiverOf opens the other side of each kind of channel.
var receiverOf = map[string]func(t *testing.T) receiver{
	"slack": openSlack, "telegram": openTelegram, "email": openMail, "pagerduty": openPagerDuty, "webhook": openWebhooks, "logfile": openLogfile,
	"console": func(*testing.T) receiver { return receiver{map[string]string{"console": ""}, func(*outputs) {}} }, // the daemon's own output
}

// openReceivers opens the other side of every kind, and returns a configuration with channels
// to all of them.
func openReceivers(t *testing.T) ([]receiver, string) {
	t.Helper()
	toml := "[server]\naccess_log = \"all\"\nstream_heartbeat = \"100ms\"\nlogin_failure_rate = \"\"\naddress_rate = \"\"\n[alerting]\nenabled = true\n"
	var receivers []receiver
	for _, kind := range kindsOfChannels(t) {
		require.Contains(t, receiverOf, kind, "nothing looks at what arrives by channels of this kind")
		r := receiverOf[kind](t)
		for name, settings := range r.channels {
			toml += fmt.Sprintf("[alerting.channels.%s]\nkind = %q\nenabled = true\nretry = { give_up_after = \"1s\" }\n%s\n", name, kind, settings)
		}
		receivers = append(receivers, r)
	}
	return receivers, toml
}

// kindsOfChannels returns the kinds that the configuration knows. It lists them when it
// refuses another one.
func kindsOfChannels(tb testing.TB) []string {
	tb.Helper()
	_, err := config.Parse([]byte("[alerting.channels.x]\nkind = \"unknown\"\n"), config.Options{})
	require.Error(tb, err)
	list := regexp.MustCompile(`must be one of (.*)`).FindStringSubmatch(err.Error())
	require.NotNil(tb, list, "%v", err)
	return strings.Split(list[1], ", ")
}

func serveHTTP(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func openSlack(t *testing.T) receiver {
	const path, bot, channel = "/services/T01234567/B01234567/abcdefghijklmnopqrstuvwx", "xoxb-0123456789-abcdefghijkl", "C0123456789"
	server := slacktest.New(slacktest.Workspace{Token: bot, WebhookPath: path, WebhookChannel: channel, Channels: []slacktest.Channel{{ID: channel, Name: "alerts"}}})
	url := serveHTTP(t, server)
	return receiver{map[string]string{
		"slack_webhook": fmt.Sprintf("api_url = %q\nwebhook_url = \"https://hooks.slack.com%s\"\nmention = []", url, path),
		"slack_bot":     fmt.Sprintf("api_url = %q\nbot_token = %q\nchannel = %q\nmention = []", url, bot, channel),
	}, func(o *outputs) {
		require.Empty(t, server.Refused())
		for _, m := range server.Messages() {
			name := "slack, by bot"
			if m.Webhook {
				name = "slack, by webhook"
			}
			o.add("channels", name, inSlack, strings.Join(append(m.Texts(), m.Text), "\n"))
		}
	}}
}

func openTelegram(t *testing.T) receiver {
	const token, chat = "123456789:AAEabcdefghijklmnopqrstuvwxyz012345", -1001234567890
	server := telegramtest.New(telegramtest.Bot{Token: token, Chats: []telegramtest.Chat{{ID: chat, Name: "alerts"}}})
	return receiver{
		map[string]string{"telegram": fmt.Sprintf("api_url = %q\nbot_token = %q\nchat_id = \"%d\"", serveHTTP(t, server), token, chat)},
		func(o *outputs) {
			require.Empty(t, server.Refused())
			for _, m := range server.Messages() {
				line := func(kind, text string) string {
					return kind + ": " + strings.ReplaceAll(text, "\n", "\n    ") + "\n"
				}
				text := line("text", m.Text)
				for _, e := range m.Entities {
					text += line(e.Type, e.Text)
				}
				o.add("channels", "telegram", inTelegram, text)
			}
		},
	}
}

func openPagerDuty(t *testing.T) receiver {
	const key = "R0123456789abcdefghijklmnopqrstu"
	server := pagerdutytest.New(key)
	requests, url := recorded(t, server)
	return receiver{map[string]string{"pagerduty": fmt.Sprintf("api_url = %q\nrouting_key = %q", url, key)}, func(o *outputs) {
		require.Empty(t, server.Refused())
		for _, body := range requests() {
			o.add("channels", "pagerduty", asPeopleJSON, body)
		}
	}}
}

// openWebhooks opens a receiver that takes every message, and one that refuses each with the
// content that the message tells of.
func openWebhooks(t *testing.T) receiver {
	taken, takes := recorded(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	refuses := serveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // a cut body has no content
		w.WriteHeader(http.StatusBadRequest)
		for _, c := range hostileContents {
			if bytes.Contains(body, []byte(c.word())) {
				_, _ = io.WriteString(w, c.text) // alertd may have enough of it
			}
		}
	}))
	return receiver{map[string]string{"webhook": fmt.Sprintf("url = %q", takes), "refused": fmt.Sprintf("url = %q", refuses)}, func(o *outputs) {
		for _, body := range taken() {
			o.add("channels", "webhook", asJSON, body)
		}
	}}
}

// recorded starts a server and records the bodies of the requests to it.
func recorded(t *testing.T, handler http.Handler) (bodies func() []string, url string) {
	t.Helper()
	var mu sync.Mutex
	var all []string
	url = serveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		mu.Lock()
		all = append(all, string(body))
		mu.Unlock()
		r.Body = io.NopCloser(bytes.NewReader(body))
		handler.ServeHTTP(w, r)
	}))
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(all)
	}, url
}

func openLogfile(t *testing.T) receiver {
	path := filepath.Join(t.TempDir(), "alerts.jsonl")
	return receiver{map[string]string{"logfile": fmt.Sprintf("path = %q", path)}, func(o *outputs) {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		o.add("channels", "logfile", asLines, string(data))
	}}
}

func openMail(t *testing.T) receiver {
	const to = "risk@example.com"
	server, err := smtptest.Start(t.Context(), smtptest.Config{UTF8: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	settings := fmt.Sprintf("smtp_host = %q\nsmtp_port = %d\ntls = \"none\"\nfrom = \"alertd@example.com\"\nto = [%q]", server.Host(), server.Port(), to)
	return receiver{map[string]string{"email": settings}, func(o *outputs) {
		for _, m := range server.Messages() {
			require.Equal(t, []string{to}, m.To, "somebody else gets it")
			header, _, _ := strings.Cut(strings.ReplaceAll(string(m.Data), "\r\n", "\n"), "\n\n")
			o.add("channels", "email", inHeaders, regexp.MustCompile(`\n[ \t]+`).ReplaceAllString(header, " "))
			read, err := mail.ReadMessage(bytes.NewReader(m.Data))
			require.NoError(t, err)
			subject, err := new(mime.WordDecoder).DecodeHeader(read.Header.Get("Subject"))
			require.NoError(t, err)
			o.add("channels", "email", inMail, subject)
			addParts(t, o, read)
		}
	}}
}

// addParts adds the text and the HTML of a mail.
func addParts(t *testing.T, o *outputs, m *mail.Message) {
	t.Helper()
	_, parameters, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	require.NoError(t, err)
	var kinds []string
	for parts := multipart.NewReader(m.Body, parameters["boundary"]); ; {
		part, err := parts.NextPart()
		if err == io.EOF { //nolint:errorlint // NextPart returns it as it is
			break
		}
		require.NoError(t, err)
		var content io.Reader = part
		if strings.EqualFold(part.Header.Get("Content-Transfer-Encoding"), "base64") {
			content = base64.NewDecoder(base64.StdEncoding, part)
		}
		text, err := io.ReadAll(content)
		require.NoError(t, err)
		kind, _, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
		require.NoError(t, err)
		kinds = append(kinds, kind)
		read := strings.ReplaceAll(string(text), "\r\n", "\n")
		o.add("channels", "email", map[string]medium{"text/plain": inMail, "text/html": asHTML}[kind], read)
	}
	require.Equal(t, []string{"text/plain", "text/html"}, kinds, "the message has other parts")
}

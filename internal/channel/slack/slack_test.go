package slack_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/channel/channeltest"
	"alertd/internal/channel/slack"
	"alertd/internal/channel/slack/slacktest"
	"alertd/internal/channel/standin"
	"alertd/internal/incident"
)

func TestTheLifeOfAnIncidentIsOneThread(t *testing.T) {
	server, ch := bot(t)
	thread := ""
	for step, want := range []struct {
		reason        incident.Reason
		color, header string
		root          string // its colour after it
		broadcast     bool
	}{
		{incident.Opened, "#e8770c", "[ERROR] var_gate", "#e8770c", false},
		{incident.SeverityRaised, "#d00000", "[CRITICAL] var_gate", "#d00000", true},
		{incident.Updated, "#d00000", "[CRITICAL] var_gate", "#d00000", false},
		{incident.WasAcknowledged, "#2f6fde", "[ACKNOWLEDGED] var_gate", "#2f6fde", false},
		{incident.WasResolved, "#2e9d48", "[RESOLVED] var_gate", "#2e9d48", false},
	} {
		before := thread
		thread = tell(t, ch, want.reason, before)
		if before != "" {
			assert.Equal(t, before, thread, "the thread is that of the first message")
		}
		messages := server.Messages()
		require.Len(t, messages, step+1)
		root, message := messages[0], messages[step]
		assert.Equal(t, alerts+"/"+root.TS, thread)
		assert.Equal(t, want.color, message.Color(), want.reason)
		assert.True(t, strings.HasPrefix(message.Header(), want.header), message.Header())
		assert.Equal(t, want.broadcast, message.Broadcast, want.reason)
		assert.Equal(t, want.root, root.Color(), "after %s", want.reason)
		assert.True(t, strings.HasPrefix(root.Header(), want.header), root.Header())
		assert.Equal(t, step, root.Updates)
		assert.Empty(t, root.Thread)
		if step > 0 {
			assert.Equal(t, root.TS, message.Thread)
		}
	}
	assert.Empty(t, server.Refused())
}

func TestGrownIncidentStaysAcknowledged(t *testing.T) {
	server, ch := bot(t)
	thread := tell(t, ch, incident.Opened, "")
	n := channeltest.Notification(incident.Updated)
	n.Thread, n.Notice.Incident.Status, n.Notice.Incident.AcknowledgedBy = thread, incident.Acknowledged, "ada"
	require.Equal(t, channel.Delivered, ch.Send(t.Context(), channeltest.Rendered(n)).Outcome)
	root := server.Messages()[0]
	assert.Equal(t, "#2f6fde", root.Color())
	assert.True(t, strings.HasPrefix(root.Header(), "[ACKNOWLEDGED] "), root.Header())
}

func TestOnlyNewlyCriticalMentions(t *testing.T) {
	for _, severity := range alerting.Severities() {
		for _, reason := range channeltest.Reasons() {
			n := channeltest.Notification(reason)
			n.Notice.Incident.Severity = severity
			want := []string(nil)
			if severity == alerting.SeverityCritical && (reason == incident.Opened || reason == incident.SeverityRaised) {
				want = []string{"<!channel>", "<!here>", "<@U0123456>", "<!subteam^S0123456>"}
			}
			server := slacktest.New(workspace())
			config := byWebhook(serve(t, server))
			config.Mention = []string{"channel", "here", "U0123456", "S0123456"}
			result := open(t, config).Send(t.Context(), channeltest.Rendered(n))
			require.Equal(t, channel.Delivered, result.Outcome, result.Error)
			assert.Equal(t, want, server.Messages()[0].Mentions(), "%s, %s", severity, reason)
		}
	}
}

func TestNoMentionByDefault(t *testing.T) {
	server := slacktest.New(workspace())
	config := byWebhook(serve(t, server))
	config.Mention = nil
	tell(t, open(t, config), incident.SeverityRaised, "")
	assert.Empty(t, server.Messages()[0].Mentions())
}

func TestUpdatedRootMentionsNobody(t *testing.T) {
	server, ch := bot(t)
	thread := tell(t, ch, incident.SeverityRaised, "")
	require.NotEmpty(t, server.Messages()[0].Mentions())
	tell(t, ch, incident.WasAcknowledged, thread)
	assert.Empty(t, server.Messages()[0].Mentions())
}

func TestDeletedRootIsPostedAnew(t *testing.T) {
	server, ch := bot(t)
	thread := tell(t, ch, incident.Opened, "")
	server.Delete(alerts, server.Messages()[0].TS)
	again := tell(t, ch, incident.SeverityRaised, thread)
	messages := server.Messages()
	require.Len(t, messages, 2)
	assert.Empty(t, messages[1].Thread)
	assert.Equal(t, alerts+"/"+messages[1].TS, again)
	for _, word := range []string{"message_not_found", "thread_not_found", "channel_not_found"} {
		server, ch := bot(t)
		thread := tell(t, ch, incident.Opened, "")
		server.SetTrouble(standin.Trouble{Only: "chat.update", Words: word})
		again := tell(t, ch, incident.WasResolved, thread)
		assert.NotEqual(t, thread, again, word)
		assert.Empty(t, server.Messages()[1].Thread, word)
	}
}

// Slack answers so if the first message was deleted between the two calls.
func TestReplyToDeletedRootBeginsThread(t *testing.T) {
	server, ch := bot(t)
	thread := tell(t, ch, incident.Opened, "")
	server.SetTrouble(standin.Trouble{Only: "chat.update", Words: "cant_update_message"})
	server.Delete(alerts, server.Messages()[0].TS)
	again := tell(t, ch, incident.WasResolved, thread)
	assert.Equal(t, alerts+"/"+server.Messages()[1].TS, again)
}

func TestForeignThreadIsNotJoined(t *testing.T) {
	for _, thread := range []string{"", "x", "<mail@example.com>", alerts, alerts + "/", other + "/1766831400.000001", alerts + "/1.2/3"} {
		server := slacktest.New(workspace())
		config := byBot(serve(t, server))
		config.Channel = alerts
		tell(t, open(t, config), incident.WasResolved, thread)
		require.Len(t, server.Messages(), 1, thread)
		assert.Empty(t, server.Messages()[0].Thread, thread)
		assert.Empty(t, server.Refused(), thread)
	}
}

func TestLinkNeedsPublicURL(t *testing.T) {
	for url, want := range map[string][]string{
		"":                             nil,
		"javascript:alert(1)":          nil,
		"https://alerts.example.com/1": {"<https://alerts.example.com/1|Open in alertd>"},
		"https://alerts.example.com/?a=1&b=<x>|y":                 {"<https://alerts.example.com/?a=1&amp;b=%3Cx%3E%7Cy|Open in alertd>"},
		"https://alerts.example.com/" + strings.Repeat("x", 3000): nil,
	} {
		server, ch := bot(t)
		n := channeltest.Notification(incident.Opened)
		n.URL = url
		result := ch.Send(t.Context(), n)
		require.Equal(t, channel.Delivered, result.Outcome, result.Error)
		assert.Equal(t, want, server.Messages()[0].Links(), url)
	}
}

func TestWhatIsTooLongIsCutAndMarked(t *testing.T) {
	server, ch := bot(t)
	n := channeltest.Opened(alerting.SeverityError, "var_gate", strings.Repeat("<😀>", 2000), `{"long":"`+strings.Repeat("é", 1000)+`","next":1}`)
	require.Equal(t, channel.Delivered, ch.Send(t.Context(), n).Outcome)
	message := server.Messages()[0]
	assert.True(t, strings.HasSuffix(message.Header(), "…"), message.Header())
	assert.NotContains(t, message.Header(), "&…")
	for _, text := range []string{"<😀>…", "é…", "next: 1"} {
		assert.Contains(t, strings.ReplaceAll(message.String(), "<😀…", "<😀>…"), text)
	}
}

// The last character alone is too much, as it is sent as five.
func TestWideLastCharacterIsCut(t *testing.T) {
	server, ch := bot(t)
	for n, want := range map[int]string{134: "x&amp;", 135: "xx…", 138: "xx…", 139: "xx…"} {
		text := strings.Repeat("x", n) + "&" // after 11 characters of [ERROR] s:
		result := ch.Send(t.Context(), channeltest.Opened(alerting.SeverityError, "s", text, "{}"))
		require.Equal(t, channel.Delivered, result.Outcome, server.Refused())
		messages := server.Messages()
		assert.True(t, strings.HasSuffix(messages[len(messages)-1].Header(), want), "%d: %s", n, messages[len(messages)-1].Header())
	}
}

func TestDetailsThatDoNotFitAreCounted(t *testing.T) {
	server, ch := bot(t)
	var members []string
	for i := range 27 {
		members = append(members, `"k`+string(rune('a'+i%26))+strings.Repeat("x", i/26)+`":`+"1")
	}
	n := channeltest.Opened(alerting.SeverityError, "var_gate", "breached", "{"+strings.Join(members, ",")+"}")
	n.Notice.Context.Cut = true
	require.Equal(t, channel.Delivered, ch.Send(t.Context(), channeltest.Rendered(n)).Outcome)
	assert.Contains(t, server.Messages()[0].String(), "7 more details · the context is longer than this · ")
}

func TestMessageIsShownWholeOnce(t *testing.T) {
	for text, want := range map[string]int{"breached": 1, "breached\nagain": 2, strings.Repeat("breached ", 20): 2} {
		server, ch := bot(t)
		require.Equal(t, channel.Delivered, ch.Send(t.Context(), channeltest.Opened(alerting.SeverityError, "var_gate", text, "{}")).Outcome)
		shown := 0
		for _, text := range server.Messages()[0].Texts() {
			if strings.Contains(text, "breached") {
				shown++
			}
		}
		assert.Equal(t, want, shown, text)
	}
}

func TestLastBlockHasDeliveryID(t *testing.T) {
	server, ch := bot(t)
	n := channeltest.Notification(incident.Opened)
	require.Equal(t, channel.Delivered, ch.Send(t.Context(), n).Outcome)
	assert.Contains(t, string(server.Messages()[0].Attachments), `"block_id":"delivery-`+n.Key+`"`)
}

func TestInvalidConfigNamesKeysWithoutSecrets(t *testing.T) {
	secret := "https://hooks.slack.com" + hookPath
	for name, c := range map[string]struct {
		config slack.Config
		want   []string // the fields
	}{
		"a webhook":             {slack.Config{WebhookURL: secret}, nil},
		"a bot":                 {slack.Config{BotToken: token, Channel: alerts, Mention: []string{"here", "everyone", "W0123456"}}, nil},
		"nothing":               {slack.Config{}, []string{"webhook_url"}},
		"both":                  {slack.Config{WebhookURL: secret, BotToken: token, Channel: alerts}, []string{"webhook_url"}},
		"no channel":            {slack.Config{BotToken: token}, []string{"channel"}},
		"a channel of no bot":   {slack.Config{WebhookURL: secret, Channel: alerts}, []string{"channel"}},
		"no URL":                {slack.Config{WebhookURL: hookPath}, []string{"webhook_url"}},
		"no token":              {slack.Config{BotToken: "abcdefghijkl", Channel: alerts}, []string{"bot_token"}},
		"a token of two lines":  {slack.Config{BotToken: token + "\nx", Channel: alerts}, []string{"bot_token"}},
		"a channel of words":    {slack.Config{BotToken: token, Channel: "two words"}, []string{"channel"}},
		"another API":           {slack.Config{WebhookURL: secret, APIURL: "ftp://x"}, []string{"api_url"}},
		"a mention by name":     {slack.Config{WebhookURL: secret, Mention: []string{"@ada", "U0123456"}}, []string{"mention"}},
		"a mention that breaks": {slack.Config{WebhookURL: secret, Mention: []string{"U0123456> <!channel"}}, []string{"mention"}},
		"many mentions":         {slack.Config{WebhookURL: secret, Mention: strings.Fields(strings.Repeat("here ", 21))}, []string{"mention"}},
		"all of it": {
			slack.Config{BotToken: "x", APIURL: "x", Mention: []string{""}},
			[]string{"bot_token", "channel", "api_url", "mention"},
		},
	} {
		err := c.config.Validate()
		if c.want == nil {
			require.NoError(t, err, name)
			continue
		}
		var invalid *alerting.Error
		require.ErrorAs(t, err, &invalid, name)
		var fields []string
		for _, f := range invalid.Fields {
			fields = append(fields, f.Field)
			assert.NotContains(t, f.Message, "abcdefghijkl", name)
		}
		assert.Equal(t, c.want, fields, name)
		_, err = slack.New(c.config)
		require.Error(t, err, name)
	}
}

func TestConfigChecksOutbound(t *testing.T) {
	config := slack.Config{WebhookURL: "https://hooks.slack.com" + hookPath}
	config.Outbound.Proxy, config.Outbound.CAFile = "nowhere", "/does/not/exist.pem"
	var invalid *alerting.Error
	require.ErrorAs(t, config.Validate(), &invalid)
	require.Len(t, invalid.Fields, 2)
	assert.Equal(t, "proxy", invalid.Fields[0].Field)
	assert.Equal(t, "ca_file", invalid.Fields[1].Field)
}

func TestTemplatesWordTheMessage(t *testing.T) {
	server := slacktest.New(workspace())
	ch := open(t, byWebhook(serve(t, server)))
	for _, n := range []channel.Notification{channeltest.Worded(), channeltest.Unworded()} {
		require.Equal(t, channel.Delivered, ch.Send(t.Context(), n).Outcome)
	}
	written := func(m slacktest.Message) string {
		text, err := json.Marshal(m)
		require.NoError(t, err)
		return string(text)
	}
	worded, failed := written(server.Messages()[0]), written(server.Messages()[1])
	assert.Contains(t, worded, "[ERROR] "+channeltest.Title)
	assert.Contains(t, worded, `Limit 0.0300\nVaR 0.0512`)
	assert.NotContains(t, worded, "template failed")
	assert.Contains(t, failed, "template failed: "+channeltest.TemplateError)
	assert.Contains(t, failed, "var_gate: VaR limit breached")
}

func TestPreviewIsWhatIsSent(t *testing.T) {
	for _, reason := range channeltest.Reasons() {
		n := channeltest.Notification(reason)
		sent := channeltest.Requests(t, func(address string) channel.Channel { return open(t, byWebhook(address)) }, n)
		shown, err := slack.Config{Mention: []string{"channel"}}.Preview(n)
		require.NoError(t, err)
		require.Len(t, sent, 1)
		assert.Equal(t, string(shown), sent[0], reason)
	}
}

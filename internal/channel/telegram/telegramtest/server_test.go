package telegramtest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"alertd/internal/channel/standin"
	"alertd/internal/channel/telegram/telegramtest"
)

func bot() telegramtest.Bot {
	return telegramtest.Bot{
		Token: "1:a", Chats: []telegramtest.Chat{{ID: -10, Name: "alerts"}, {ID: -20, Blocked: true}, {ID: -30, MovedTo: -10}},
		Now: func() time.Time { return time.Unix(1766831400, 0) },
	}
}

func post(tb testing.TB, s *telegramtest.Server, path, body string) (int, string) {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Code, strings.TrimSpace(w.Body.String())
}

const path = "/bot1:a/sendMessage"

func html(tb testing.TB, text string) string {
	tb.Helper()
	body, err := json.Marshal(map[string]any{"chat_id": "-10", "text": text, "parse_mode": "HTML"})
	require.NoError(tb, err)
	return string(body)
}

func TestMessageIsTaken(t *testing.T) {
	s := telegramtest.New(bot())
	code, body := post(t, s, path, html(t, `<b>A &amp; B</b> <a href="https://x.com/?a=1&amp;b=2">here</a>`))
	assert.Equal(t, http.StatusOK, code)
	assert.Equal(t, `{"ok":true,"result":{"message_id":1,"date":1766831400,"chat":{"id":-10},"text":"A \u0026 B here"}}`, body)
	code, body = post(t, s, path, `{"chat_id":"@Alerts","text":"a < b","disable_notification":true,"reply_parameters":{"message_id":1},"link_preview_options":{"is_disabled":true}}`)
	assert.Equal(t, http.StatusOK, code, body)
	code, _ = post(t, s, path, `{"chat_id":-10,"text":"x","reply_parameters":{"message_id":9,"allow_sending_without_reply":true}}`)
	assert.Equal(t, http.StatusOK, code)
	messages := s.Messages()
	assert.Equal(t, []telegramtest.Entity{
		{Type: "bold", Text: "A & B"}, {Type: "text_link", Text: "here", URL: "https://x.com/?a=1&b=2"},
	}, messages[0].Entities)
	assert.True(t, messages[0].Preview)
	assert.Equal(t, telegramtest.Message{Chat: -10, ID: 2, Text: "a < b", HTML: "a < b", ReplyTo: 1, Silent: true}, messages[1])
	assert.Zero(t, messages[2].ReplyTo)
}

func TestInvalidRequestsAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		path, body string
		status     int
		says       string
	}{
		"another path":        {"/1:a/sendMessage", `{}`, 404, "Not Found"},
		"another token":       {"/bot1:b/sendMessage", `{}`, 401, "Unauthorized"},
		"another method":      {"/bot1:a/shout", `{}`, 404, "method not found"},
		"no JSON":             {path, `{`, 400, "can't parse JSON"},
		"an unknown field":    {path, `{"chat_id":-10,"text":"x","colour":1}`, 400, "colour"},
		"no UTF-8":            {path, "{\"chat_id\":-10,\"text\":\"\xff\"}", 400, "UTF-8"},
		"no chat":             {path, `{"text":"x"}`, 400, "chat_id is empty"},
		"another chat":        {path, `{"chat_id":-11,"text":"x"}`, 400, "chat not found"},
		"blocked":             {path, `{"chat_id":-20,"text":"x"}`, 403, "Forbidden: bot was kicked"},
		"moved":               {path, `{"chat_id":-30,"text":"x"}`, 400, `"parameters":{"migrate_to_chat_id":-10}`},
		"no text":             {path, `{"chat_id":-10,"text":" "}`, 400, "message text is empty"},
		"another mode":        {path, `{"chat_id":-10,"text":"x","parse_mode":"Word"}`, 400, "unsupported parse_mode"},
		"a reply to nothing":  {path, `{"chat_id":-10,"text":"x","reply_parameters":{"message_id":9}}`, 400, "message to be replied not found"},
		"an unknown tag":      {path, html(t, "<h1>x</h1>"), 400, `unsupported start tag \"h1\" at byte offset 0`},
		"a lone <":            {path, html(t, "1 < 2"), 400, "unsupported start tag at byte offset 2"},
		"a lone >":            {path, html(t, "1 > 2"), 400, "not escaped at byte offset 2"},
		"a lone &":            {path, html(t, "a & b"), 400, "not escaped at byte offset 2"},
		"half an entity":      {path, html(t, "a &am"), 400, "not escaped at byte offset 2"},
		"no end":              {path, html(t, "<b>x"), 400, `can't find end tag corresponding to start tag \"b\"`},
		"the wrong end":       {path, html(t, "<b><i>x</b></i>"), 400, "unmatched end tag at byte offset 7"},
		"a link to a script":  {path, html(t, `<a href="javascript:x">x</a>`), 400, "wrong attribute"},
		"a link to nowhere":   {path, html(t, `<a>x</a>`), 400, "wrong attribute"},
		"a tag with a class":  {path, html(t, `<b class="x">x</b>`), 400, "wrong attribute"},
		"a control character": {path, html(t, "a\u0007"), 400, "control character"},
		"too long":            {path, html(t, strings.Repeat("😀", 2048)+"x"), 400, "message is too long"},
		"too many tags":       {path, html(t, strings.Repeat("<b>x</b>", 101)), 400, "more than 100 tags"},
	} {
		s := telegramtest.New(bot())
		code, body := post(t, s, c.path, c.body)
		assert.Equal(t, c.status, code, name)
		assert.True(t, strings.HasPrefix(body, fmt.Sprintf(`{"ok":false,"error_code":%d,"description":"`, c.status)), "%s: %s", name, body)
		said := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(body)
		assert.Contains(t, said, c.says, name)
		assert.Empty(t, s.Messages(), name)
		assert.Len(t, s.Refused(), 1, name)
	}
	s := telegramtest.New(bot())
	for _, good := range []string{strings.Repeat("😀", 2048), strings.Repeat("&lt;", 4096), strings.Repeat("<b>x</b>", 100), "<pre>\n\t</pre>x"} {
		code, body := post(t, s, path, html(t, good))
		assert.Equal(t, http.StatusOK, code, body)
	}
}

func TestEntitiesAreFoundInText(t *testing.T) {
	s := telegramtest.New(bot())
	for text, want := range map[string]string{
		"@ada": "mention", "see #tag": "hashtag", "$USD": "cashtag", "/stop": "bot_command", "https://x.com": "url", "x.com": "url",
		"a@x.com": "email", "+1 212 555 0123": "phone_number", "<b>@ada</b>": "mention",
	} {
		_, body := post(t, s, path, html(t, text))
		messages := s.Messages()
		types := ""
		for _, e := range messages[len(messages)-1].Entities {
			types += e.Type + " "
		}
		assert.Contains(t, types, want, "%s: %s", text, body)
		_, _ = post(t, s, path, html(t, "<code>"+text+"</code>"))
		messages = s.Messages()
		if !strings.Contains(text, "<") {
			assert.Equal(t, []telegramtest.Entity{{Type: "code", Text: text}}, messages[len(messages)-1].Entities, text)
		}
	}
}

func TestTroubleIsWhatItWasToldToBe(t *testing.T) {
	s := telegramtest.New(bot())
	s.SetTrouble(standin.Trouble{Status: http.StatusTooManyRequests, RetryAfter: "7"})
	code, body := post(t, s, path, html(t, "x"))
	assert.Equal(t, http.StatusTooManyRequests, code)
	assert.Equal(t, `{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 7","parameters":{"retry_after":7}}`, body)
	s.SetTrouble(standin.Trouble{Status: http.StatusBadGateway})
	code, _ = post(t, s, path, html(t, "x"))
	assert.Equal(t, http.StatusBadGateway, code)
	s.SetDown(true)
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() { post(t, s, path, html(t, "x")) })
	assert.Empty(t, s.Messages())
	s.SetTrouble(standin.Trouble{Lost: true})
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() { post(t, s, path, html(t, "x")) })
	assert.Len(t, s.Messages(), 1, "what is lost is the answer")
	s.SetDown(false)
	s.Delete(-10, 1)
	assert.Empty(t, s.Messages())
}

func TestLimitedChatTakesOneMessageASecond(t *testing.T) {
	b := bot()
	at := time.Unix(1766831400, 0)
	b.Limited, b.Now = true, func() time.Time { return at }
	s := telegramtest.New(b)
	for after, want := range []int{http.StatusOK, http.StatusTooManyRequests, http.StatusOK} {
		at = at.Add([]time.Duration{0, 999 * time.Millisecond, time.Millisecond}[after])
		code, _ := post(t, s, path, html(t, "x"))
		assert.Equal(t, want, code, after)
	}
}

func TestClientThatLeavesHasSentNothing(t *testing.T) {
	s := telegramtest.New(bot())
	s.SetTrouble(standin.Trouble{Delay: time.Hour})
	ctx, leave := context.WithCancel(t.Context())
	leave()
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, path, strings.NewReader(html(t, "x")))
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() { s.ServeHTTP(httptest.NewRecorder(), r) })
	assert.Empty(t, s.Messages())
}

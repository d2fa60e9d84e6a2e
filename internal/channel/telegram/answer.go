package telegram

import (
	"bytes"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"alertd/internal/channel"
	"alertd/internal/channel/outbound"
)

// said is an answer of the Bot API.
type said struct {
	OK     bool `json:"ok"`
	Result struct {
		MessageID int64 `json:"message_id"`
		Chat      struct {
			ID int64 `json:"id"`
		} `json:"chat"`
	} `json:"result"`
	Description string `json:"description"`
	Parameters  struct {
		MigrateTo  int64   `json:"migrate_to_chat_id"`
		RetryAfter float64 `json:"retry_after"` // seconds
	} `json:"parameters"`
}

// mostRetryAfter bounds what Telegram may ask for.
const mostRetryAfter = 24 * time.Hour

// judge says what became of a message that there is an answer to, and the new id of
// the chat if it has one.
func (c *Channel) judge(answer outbound.Answer, result channel.Result) (judged channel.Result, moved string) {
	var s said
	err := json.Unmarshal(answer.Body, &s, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	switch {
	case result.Outcome == channel.Delivered && err == nil && s.OK && s.Result.MessageID != 0:
		result.Thread = fmt.Sprintf("%d/%d", s.Result.Chat.ID, s.Result.MessageID)
		return result, ""
	case result.Outcome == channel.Delivered && bytes.HasPrefix(answer.Body, []byte(`{"ok":true,`)):
		return result, "" // it was taken; the rest of the answer was lost
	case result.Outcome == channel.Delivered:
		// It is no answer of Telegram's, but for example of a proxy.
		result.Outcome = channel.Transient
		result.Error = "answered " + strconv.Itoa(answer.Status) + " " + http.StatusText(answer.Status) + ", but not that the message was taken"
		if quote := c.client.Quote(answer.Body); quote != "" {
			result.Error += ": " + quote
		}
		return result, ""
	}
	if err != nil || s.Description == "" {
		return result, ""
	}
	result.Error = "Telegram says " + c.client.Quote([]byte(s.Description)) + advice(answer.Status, s.Description)
	if wait := s.Parameters.RetryAfter; result.Outcome == channel.Transient && wait > 0 {
		asked := time.Duration(math.Ceil(min(wait, mostRetryAfter.Seconds()))) * time.Second
		result.RetryAfter = max(result.RetryAfter, asked)
	}
	if s.Parameters.MigrateTo != 0 && result.Outcome == channel.Permanent {
		moved = strconv.FormatInt(s.Parameters.MigrateTo, 10)
	}
	return result, moved
}

// advice says what to do about an answer.
func advice(status int, description string) string {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusNotFound:
		return " (bot_token is not valid)"
	case description == "Bad Request: chat not found":
		return " (check chat_id, and that the bot is in that chat, or that the person has written to it)"
	}
	return ""
}

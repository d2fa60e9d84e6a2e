package telegram

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"alertd/internal/channel"
	"alertd/internal/channel/outbound"
)

// said is an answer of the Bot API, taken or not.
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

// judge returns the result of an answer, and the chat's new id if Telegram has refused the
// old one.
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
		return c.client.Unclear(answer, "message"), ""
	}
	if err != nil || s.Description == "" {
		return result, ""
	}
	result.Error = c.client.Refused(answer, "Telegram", s.Description, advice(answer.Status, s.Description))
	if asked := s.Parameters.RetryAfter; result.Outcome == channel.Transient {
		wait, note := outbound.Wait(fmt.Sprintf("retry_after %g", asked), asked)
		result.RetryAfter = max(result.RetryAfter, wait)
		result.Error += note
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

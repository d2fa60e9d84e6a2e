package slack

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	api "github.com/slack-go/slack"

	"alertd/internal/channel"
	"alertd/internal/channel/outbound"
)

// taken is Slack's answer about a message that it took.
type taken struct {
	ok bool
	at place
	// whole says that the answer has the message, and with it the next field.
	whole bool
	// thread is the ts of the message that it replies to. Slack posts a reply to a
	// message that was deleted as a message of its own.
	thread string
}

// readTaken reads an answer, which may be cut off.
func readTaken(body []byte) taken {
	var t taken
	dec := jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if token, err := dec.ReadToken(); err != nil || token.Kind() != '{' {
		return t
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return t
		}
		key := name.String() // before the decoder goes on
		value, err := dec.ReadValue()
		if err != nil {
			return t
		}
		switch key {
		case "ok":
			t.ok = value.Kind() == 't'
		case "channel":
			t.at.channel = unquote(value)
		case "ts":
			t.at.ts = unquote(value)
		case "message":
			var message struct {
				Thread string `json:"thread_ts"`
			}
			if json.Unmarshal(value, &message, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) == nil {
				t.whole, t.thread = true, message.Thread
			}
		}
	}
	return t
}

func unquote(value jsontext.Value) string {
	text, err := jsontext.AppendUnquote(nil, value)
	if err != nil {
		return "" // it is no string
	}
	return string(text)
}

// passing are Slack's words for what may work later. Every other word, also one that is
// not known here, is about the message, the token or the channel. Another attempt changes
// none of these, so the fallback should be told at once.
var passing = map[string]bool{
	"ratelimited": true, "rate_limited": true, "message_limit_exceeded": true,
	"internal_error": true, "fatal_error": true, "service_unavailable": true, "request_timeout": true, "rollup_error": true,
	"team_added_to_org": true, "org_login_required": true, "external_channel_migrating": true,
}

// goneRoot are Slack's words for a first message that cannot be replied to any more.
var goneRoot = map[string]bool{
	"message_not_found": true, "thread_not_found": true, "cannot_reply_to_message": true, "invalid_ts": true, "channel_not_found": true,
}

// advice returns what to do about a word of Slack's.
func advice(word string) string {
	does := map[string]string{ //nolint:gosec // G101: words about tokens, and none
		"invalid_auth":      "the bot token is not valid",
		"not_authed":        "the bot token is missing",
		"account_inactive":  "the app was removed from the workspace: install it again",
		"token_revoked":     "the bot token was revoked: install the app again",
		"token_expired":     "the bot token has expired",
		"missing_scope":     "the app needs the scope chat:write: add it and install the app again",
		"channel_not_found": "there is no such channel, or it is private and the bot is not in it",
		"not_in_channel":    "invite the bot to the channel, or give it the scope chat:write.public",
		"is_archived":       "the channel is archived",

		"no_service":                        "the webhook is disabled, removed or not valid: make a new one",
		"no_active_hooks":                   "the webhook is disabled: make a new one",
		"invalid_token":                     "the webhook is not valid: make a new one",
		"no_team":                           "the webhook's workspace is gone",
		"channel_is_archived":               "the channel is archived",
		"action_prohibited":                 "an administrator does not allow it",
		"posting_to_general_channel_denied": "only administrators may post in that channel",
	}[word]
	if does == "" {
		return ""
	}
	return " (" + does + ")"
}

// refusal returns the result of an answer that says no.
func (c *Channel) refusal(answer outbound.Answer, said api.SlackErrorResponse) channel.Result {
	word := strings.TrimSpace(said.Err)
	says := word
	if details := said.ResponseMetadata.Messages; len(details) > 0 {
		says += ": " + strings.Join(details, "; ")
	}
	result := channel.Result{Outcome: channel.Permanent, Code: answer.Status, Error: c.client.Refused(answer, "Slack", says, advice(word))}
	if passing[word] {
		wait, note := c.client.RetryAfter(answer.Header)
		result.Outcome, result.RetryAfter = channel.Transient, wait
		result.Error += note
	}
	return result
}

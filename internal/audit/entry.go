package audit

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"alertd/internal/access"
)

// Action says what was done, in a word such as "incident.acknowledge".
type Action string

// The actions.
const (
	Acknowledge       Action = "incident.acknowledge"
	AddSilence        Action = "silence.add"
	ExpireSilence     Action = "silence.expire"
	Resolve           Action = "incident.resolve"
	RetryDelivery     Action = "delivery.retry"
	TestChannel       Action = "channel.test"
	Reload            Action = "config.reload"
	ReloadRefused     Action = "config.reload_refused"
	RetainEvents      Action = "retention.events"
	RetainIncidents   Action = "retention.incidents"
	RetainAudit       Action = "retention.audit"
	Login             Action = "session.login"
	LoginFailed       Action = "session.login_failed"
	Logout            Action = "session.logout"
	TokenFirstUse     Action = "token.first_use"
	CredentialRefused Action = "token.refused"
	// LeftOut says how many failures had no record of their own, as there were too many.
	LeftOut Action = "audit.left_out"
)

// The most that a record holds, in characters and, of Before and After, in bytes. What is
// longer is cut.
const (
	MaxText   = 200
	MaxValue  = 4 << 10
	maxAction = 64
)

// Entry is what somebody did.
type Entry struct {
	// Actor is the name of who did it, Kind how it has shown who it is, and For whom the
	// request claims to act for; "" if it claims nothing.
	Actor string
	Kind  access.Kind
	For   string
	// Address is where the request came from; "" for a Unix socket and for alertd itself.
	Address string
	Action  Action
	// Object is what it was done to, such as an incident's id; "" if the action says that.
	Object string
	// Before and After are what the action has changed, as JSON; nil if that says nothing.
	Before, After jsontext.Value
}

// By returns an entry for what the caller of a context does. Without a caller that is
// alertd itself.
func By(ctx context.Context, action Action, object string) Entry {
	caller := access.FromContext(ctx)
	e := Entry{Actor: caller.Name, Kind: caller.Kind, Action: action, Object: object}
	if caller.Address.IsValid() {
		e.Address = caller.Address.String()
	}
	return e
}

// Claiming returns the entry with For as [access.Identity.By] has put it into the name
// that an action is shown by. An anonymous caller is only claimed to be that name.
func (e Entry) Claiming(by string) Entry {
	if claimed, ok := strings.CutPrefix(by, e.Actor+" for "); ok {
		e.For = claimed
	} else if e.Kind == access.Anonymous && by != e.Actor {
		e.For = by
	}
	return e
}

// Changing returns the entry with what it has changed. nil stands for nothing. Values
// that are not JSON, or too long for a record, are cut when the entry is sealed.
func (e Entry) Changing(before, after any) Entry {
	e.Before, e.After = valueOf(before), valueOf(after)
	return e
}

func valueOf(value any) jsontext.Value {
	if value == nil {
		return nil
	}
	text, err := json.Marshal(value, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return quoted("cannot be shown: " + err.Error())
	}
	return text
}

// bounded returns the entry as a record may hold it: within the limits, in UTF-8 without
// NUL, which PostgreSQL does not take, and with canonical values.
func (e Entry) bounded() Entry {
	return Entry{
		Actor: cut(e.Actor, MaxText), Kind: access.Kind(cut(string(e.Kind), maxAction)), For: cut(e.For, MaxText), Address: cut(e.Address, MaxText),
		Action: Action(cut(string(e.Action), maxAction)), Object: cut(e.Object, MaxText),
		Before: boundedValue(e.Before), After: boundedValue(e.After),
	}
}

// cut returns a text with at most so many characters.
func cut(text string, most int) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}

// boundedValue returns a value in its canonical form, or, if it is too long or not JSON,
// its beginning as a string.
func boundedValue(value jsontext.Value) jsontext.Value {
	if len(value) == 0 {
		return nil
	}
	canonical, err := canonicalOf(value)
	switch {
	case err == nil && string(canonical) == "null":
		return nil
	case err == nil && len(canonical) <= MaxValue:
		return canonical
	case err == nil:
		value = canonical
	}
	// As a string each byte takes up to six, and the rest of the record some.
	return quoted(cut(string(value[:min(len(value), MaxValue)]), MaxValue/6-1))
}

// quoted returns a text as a canonical JSON string.
func quoted(text string) jsontext.Value {
	value, _ := jsontext.AppendQuote(nil, strings.ToValidUTF8(text, "\uFFFD")) // it is valid UTF-8
	value, _ = canonicalOf(value)
	return value
}

// canonicalOf returns a value in the form of RFC 8785. The error says that it is not JSON,
// has a member twice, or is not UTF-8.
func canonicalOf(value jsontext.Value) (jsontext.Value, error) {
	canonical := value.Clone()
	err := canonical.Canonicalize()
	return canonical, err
}

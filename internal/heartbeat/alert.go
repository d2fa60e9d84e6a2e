package heartbeat

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"alertd/internal/alerting"
)

func (s Spec) missed(state State, now time.Time) alerting.Alert {
	last := "never seen"
	if !state.LastSeen.IsZero() {
		last = "last seen at " + state.LastSeen.Format(time.RFC3339)
	}
	return s.alert("missed", state, now, fmt.Sprintf("heartbeat %s is missed: %s, due every %s with a grace of %s", s.Name, last, short(s.Every), short(s.Grace)))
}

func (s Spec) failing(state State, message string, now time.Time) alerting.Alert {
	text := fmt.Sprintf("heartbeat %s says that it is failing", s.Name)
	if strings.TrimSpace(message) != "" {
		text += ": " + message
	}
	return s.alert("failing", state, now, text)
}

func (s Spec) recovered(state State, now time.Time) alerting.Alert {
	text := fmt.Sprintf("heartbeat %s works again", s.Name)
	if state.Status == Missed {
		text = fmt.Sprintf("heartbeat %s is back, %s after it was due", s.Name, short(max(0, now.Sub(state.DueAt)).Round(time.Second)))
	}
	return s.resolving(state, now, text)
}

func (s Spec) removed(state State, now time.Time) alerting.Alert {
	return s.resolving(state, now, fmt.Sprintf("heartbeat %s is not configured any more", s.Name))
}

// resolving is an alert that what was told of a component is over.
func (s Spec) resolving(state State, now time.Time, message string) alerting.Alert {
	alert := s.alert("resolved", state, now, message)
	alert.Severity, alert.Resolves = alerting.SeverityInfo, true
	return alert
}

// alert is an alert of alertd's own about a component in this state.
func (s Spec) alert(kind string, state State, now time.Time, message string) alerting.Alert {
	return alerting.Alert{
		Severity: s.Severity, Category: s.Category, Source: alerting.OwnSource, Message: message,
		Context: s.context(state), Timestamp: now, DedupKey: "alertd.heartbeat." + s.Name, EventID: id(kind, s.Name, state),
	}
}

// context says in an alert's context which component it is about.
func (s Spec) context(state State) alerting.Context {
	about := struct {
		Heartbeat string `json:"heartbeat"`
		LastSeen  string `json:"last_seen,omitzero"`
	}{Heartbeat: s.Name}
	if !state.LastSeen.IsZero() {
		about.LastSeen = alerting.FormatTime(state.LastSeen)
	}
	text, _ := json.Marshal(about)
	context, _ := alerting.ParseContext(text) // an object of texts is one
	return context
}

// id is a UUID of version 5 (RFC 9562).
func id(kind, name string, state State) alerting.EventID {
	about := strings.Join([]string{"alertd: heartbeat", kind, name, alerting.FormatTime(state.Since), strconv.FormatUint(state.Pings, 10)}, " ")
	return alerting.EventID(uuid.NewSHA1(uuid.NameSpaceOID, []byte(about)))
}

package client

import (
	"bytes"
	"encoding/json"
	"time"

	"alertd/internal/alerting"
)

// Alert is an alert that may be sent any number of times and is registered once: it has an
// id, and the time when it happened.
type Alert struct {
	ID alerting.EventID
	// JSON is the alert on one line, without a line break.
	JSON []byte
}

// NewAlert reads an alert as POST /alerts takes it. It gets an id and the time now unless
// it has them. The error is that of [alerting.DecodeAlert].
func NewAlert(data []byte, now time.Time) (Alert, error) {
	alert, err := alerting.DecodeAlert(data)
	if err != nil {
		return Alert{}, err
	}
	if alert.EventID.IsZero() {
		alert.EventID = alerting.NewEventID()
	}
	if alert.Timestamp.IsZero() {
		alert.Timestamp = now
	}
	line, err := EncodeAlert(alert)
	return Alert{alert.EventID, line}, err
}

// EncodeAlert returns the JSON of an alert on one line, as POST /alerts takes it.
func EncodeAlert(alert alerting.Alert) ([]byte, error) {
	var id, at string
	if !alert.EventID.IsZero() {
		id = alert.EventID.String()
	}
	if !alert.Timestamp.IsZero() {
		at = alerting.FormatTime(alert.Timestamp)
	}
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(struct {
		EventID   string            `json:"event_id,omitzero"`
		Timestamp string            `json:"timestamp,omitzero"`
		Severity  alerting.Severity `json:"severity"`
		Category  alerting.Category `json:"category"`
		Source    string            `json:"source"`
		Message   string            `json:"message"`
		Context   alerting.Context  `json:"context"`
		DedupKey  string            `json:"dedup_key,omitzero"`
		Resolves  bool              `json:"resolves,omitzero"`
	}{id, at, alert.Severity, alert.Category, alert.Source, alert.Message, alert.Context, alert.DedupKey, alert.Resolves})
	return bytes.TrimSuffix(line.Bytes(), []byte("\n")), err
}

// Lines returns alerts as NDJSON.
func Lines(alerts []Alert) []byte {
	var lines []byte
	for _, alert := range alerts {
		lines = append(append(lines, alert.JSON...), '\n')
	}
	return lines
}

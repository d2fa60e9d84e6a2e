package tradingday

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"alertd/internal/alerting"
)

const (
	// Seed makes the day in testdata/tradingday.
	Seed = 1
	// Begin and End are the times of day between which alerts are sent.
	Begin, End = 8 * time.Hour, 18 * time.Hour
	// clock is how times of day are written.
	clock = "15:04:05.0"
)

// Date returns the midnight that begins the day, in Frankfurt. Clocks there are one hour
// ahead of UTC on that day.
func Date() time.Time {
	return time.Date(2027, time.March, 23, 0, 0, 0, 0, time.FixedZone("CET", 3600))
}

// Alert is one alert of the day.
type Alert struct {
	// At is the time of day at which it is sent, to 100 ms.
	At time.Duration
	// Problem names what is wrong. Alerts with the same cause have the same problem.
	Problem string
	// Explained says why nobody needs to be told; "": somebody does.
	Explained string
	// Kind is the alertname that a user of Alertmanager would give it.
	Kind string
	Body Body
}

// Body is what is sent: the body of a POST /alerts.
type Body struct {
	Severity alerting.Severity `json:"severity"`
	Category alerting.Category `json:"category"`
	Source   string            `json:"source"`
	Message  string            `json:"message"`
	Context  map[string]any    `json:"context,omitempty"`
	DedupKey string            `json:"dedup_key,omitempty"`
	// Resolves says that the problem is over.
	Resolves bool `json:"resolves,omitempty"`
}

// line is the form of an alert in a file.
type line struct {
	At        string `json:"at"`
	Problem   string `json:"problem"`
	Explained string `json:"explained,omitempty"`
	Kind      string `json:"kind"`
	Alert     Body   `json:"alert"`
}

// Write writes alerts, one line each.
func Write(w io.Writer, alerts []Alert) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	for _, a := range alerts {
		at := time.Time{}.Add(a.At).Format(clock)
		if err := encoder.Encode(line{at, a.Problem, a.Explained, a.Kind, a.Body}); err != nil {
			return fmt.Errorf("write an alert of the day: %w", err)
		}
	}
	return nil
}

// Read reads what [Write] has written.
func Read(r io.Reader) ([]Alert, error) {
	var alerts []Alert
	for decoder := json.NewDecoder(bufio.NewReader(r)); ; {
		var l line
		err := decoder.Decode(&l)
		if errors.Is(err, io.EOF) {
			return alerts, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read alert %d of the day: %w", len(alerts)+1, err)
		}
		at, err := time.Parse(clock, l.At)
		if err != nil {
			return nil, fmt.Errorf("read alert %d of the day: %w", len(alerts)+1, err)
		}
		alerts = append(alerts, Alert{at.Sub(at.Truncate(24 * time.Hour)), l.Problem, l.Explained, l.Kind, l.Alert})
	}
}

// Load reads the day from a file that is compressed by gzip.
func Load(path string) (alerts []Alert, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // only read from
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if alerts, err = Read(unzipped); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return alerts, nil
}

// Between returns the alerts from a time of day on, and before another.
func Between(alerts []Alert, from, to time.Duration) []Alert {
	var between []Alert
	for _, a := range alerts {
		if from <= a.At && a.At < to {
			between = append(between, a)
		}
	}
	return between
}

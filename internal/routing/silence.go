package routing

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"alertd/internal/alerting"
	"alertd/internal/incident"
	"alertd/internal/matcher"
)

// Silence holds back incidents for a time. Its JSON is what the store keeps.
type Silence struct {
	ID string `json:"silence_id"`
	matcher.Condition
	StartsAt time.Time `json:"starts_at"`
	EndsAt   time.Time `json:"ends_at"`
	// Lasts is how long it lasts, in place of EndsAt. It is for [NewSilence] alone.
	Lasts time.Duration `json:"-"`
	// By is who made it, and Comment why.
	By      string `json:"by"`
	Comment string `json:"comment"`
	// AllowCritical says that critical incidents are held back, too.
	AllowCritical bool      `json:"allow_critical"`
	CreatedAt     time.Time `json:"created_at"`
	// ExpiredBy is who ended it before its time; "": nobody did.
	ExpiredBy string `json:"expired_by,omitzero"`
}

const (
	// maxSilence is how long a silence may last.
	maxSilence = 366 * 24 * time.Hour
	// maxBy leaves room for a token's name before that of a person.
	maxBy      = 1024
	maxComment = 1024
)

// ParseSilenceID reads a silence's id, in any case. The error is an [*alerting.Error] with
// [alerting.CodeInvalid].
func ParseSilenceID(text string) (string, error) {
	id, err := uuid.Parse(text)
	if err != nil || len(text) != 36 || id == uuid.Nil {
		return "", &alerting.Error{Code: alerting.CodeInvalid, Fields: []alerting.FieldError{{
			Field: "silence_id", Message: "must be a UUID such as 019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55",
		}}}
	}
	return id.String(), nil
}

// NewSilence completes a silence that somebody asks for: it gets an id, begins now if it does
// not say when, and gets its times to the microsecond. The error is an [*alerting.Error]
// with [alerting.CodeInvalid] that names each field which is wrong.
func NewSilence(s Silence, now time.Time) (Silence, error) {
	var fields []alerting.FieldError
	wrong := func(field, format string, args ...any) {
		fields = append(fields, alerting.FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
	}
	s.ID, s.CreatedAt, s.ExpiredBy = uuid.Must(uuid.NewV7()).String(), now, ""
	if s.StartsAt.IsZero() {
		s.StartsAt = now
	}
	end := "ends_at" // the field that says when it ends
	if s.EndsAt.IsZero() && s.Lasts > 0 {
		s.EndsAt, end = s.StartsAt.Add(s.Lasts), "duration"
	}
	s.StartsAt, s.EndsAt, s.Lasts = s.StartsAt.UTC().Truncate(time.Microsecond), s.EndsAt.UTC().Truncate(time.Microsecond), 0
	switch {
	case s.EndsAt.IsZero():
		wrong("ends_at", "is missing, must be a time such as %s; or give a duration such as 2h", alerting.FormatTime(now.Add(time.Hour)))
	case s.StartsAt.Year() > 9000: // the year of its end must have four digits, too
		wrong("starts_at", "%s is out of range, must be before the year 9001", alerting.FormatTime(s.StartsAt))
	case !s.EndsAt.After(s.StartsAt):
		wrong(end, "%s is not after starts_at, which is %s", alerting.FormatTime(s.EndsAt), alerting.FormatTime(s.StartsAt))
	case !s.EndsAt.After(now):
		wrong(end, "ends the silence at %s, which is in the past", alerting.FormatTime(s.EndsAt))
	case s.EndsAt.Sub(s.StartsAt) > maxSilence:
		wrong(end, "ends the silence more than 366 days after it begins, must be at most 366 days")
	}
	for _, text := range []struct {
		field, value string
		least, most  int
	}{{"by", s.By, 1, maxBy}, {"comment", s.Comment, 0, maxComment}} {
		if n := utf8.RuneCountInString(text.value); n < text.least || n > text.most {
			wrong(text.field, "has %d characters, must have %d to %d", n, text.least, text.most)
		}
		if strings.IndexByte(text.value, 0) >= 0 {
			wrong(text.field, "contains a NUL character, which is not allowed")
		}
	}
	if s.Match.MinSeverity == alerting.SeverityCritical && !s.AllowCritical {
		wrong("allow_critical", "must be true, as the silence is of critical incidents alone")
	}
	if s.Match.IsZero() && s.Not.IsZero() {
		wrong("match", "is missing, must have at least one of min_severity, max_severity, category, source, message, context")
	}
	if _, err := s.Compile(); err != nil {
		known, is := errors.AsType[*alerting.Error](err)
		if !is {
			return s, err
		}
		fields = append(fields, known.Fields...)
	}
	if len(fields) > 0 {
		return s, &alerting.Error{Code: alerting.CodeInvalid, Fields: fields}
	}
	return s, nil
}

// Active reports whether a silence holds back at a time.
func (s Silence) Active(now time.Time) bool { return !now.Before(s.StartsAt) && now.Before(s.EndsAt) }

// Holder returns the silence's name as a holder.
func (s Silence) Holder() string { return Holder(HeldBySilence, s.ID) }

// silenced returns the silence that ends last, if several match.
func (s *Standing) silenced(of *matcher.Subject, critical bool, now time.Time) (found *incident.Hold) {
	if s.index == nil {
		return nil
	}
	for _, n := range s.index.Match(of, nil) {
		silence := s.silences[n]
		if !silence.Active(now) || critical && !silence.AllowCritical || found != nil && !silence.EndsAt.After(found.Until) {
			continue
		}
		why := "silenced by " + silence.By
		if silence.Comment != "" {
			why += " (" + silence.Comment + ")"
		}
		found = &incident.Hold{Holder: silence.Holder(), Until: silence.EndsAt, Why: why + untilWords(silence.EndsAt)}
	}
	return found
}

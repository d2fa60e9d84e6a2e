package httpapi_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/incident"
	"alertd/internal/routing"
)

// silenceText is the id of the first silence of a desk.
const silenceText = "019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a03"

// silenced has Ada silence var_gate, under the known id.
func (d *desk) silenced() {
	s := routing.Silence{By: "ada", Comment: "The model is being recalibrated", Lasts: 2 * time.Hour}
	s.Match.Source = []string{"var_*"}
	s = must(routing.NewSilence(s, noon()))
	s.ID = silenceText
	made := routing.Silenced{Silence: s, Status: routing.SilenceActive}
	if len(d.incidents) > 0 {
		made.Notices, made.Incidents = 2, []incident.HeldBack{{Incident: incident.Ref{Number: 1, ID: knownIncident()}, Now: &d.incidents[0], Since: noon(), Notices: 2, Held: true}}
	}
	d.silences = append(d.silences, made)
}

func (d *desk) Silence(_ context.Context, wanted routing.Silence) (routing.Silence, error) {
	s, err := routing.NewSilence(wanted, noon())
	if err = cmp.Or(d.err, err); err != nil {
		return s, err
	}
	if len(d.silences) == 3 {
		return s, &alerting.Error{Code: alerting.CodeConflict, Message: "there are 3 silences already; end one that is not needed"}
	}
	d.silences = append(d.silences, routing.Silenced{Silence: s, Status: s.Status(noon())})
	return s, nil
}

func (d *desk) findSilence(id string) (*routing.Silenced, error) {
	i := slices.IndexFunc(d.silences, func(s routing.Silenced) bool { return s.ID == id })
	switch {
	case d.err != nil:
		return nil, d.err
	case i < 0:
		return nil, &alerting.Error{Code: alerting.CodeNotFound, Message: fmt.Sprintf("there is no silence with the id %s", id)}
	}
	return &d.silences[i], nil
}

func (d *desk) ExpireSilence(_ context.Context, id, by string) (routing.Silence, error) {
	s, err := d.findSilence(id)
	if err != nil {
		return routing.Silence{}, err
	}
	s.EndsAt, s.ExpiredBy, s.Status = noon(), by, routing.SilenceExpired
	return s.Silence, nil
}

func (d *desk) OneSilence(_ context.Context, id string) (routing.Silenced, error) {
	s, err := d.findSilence(id)
	if err != nil {
		return routing.Silenced{}, err
	}
	return *s, nil
}

func (d *desk) Silences(_ context.Context, q routing.SilenceQuery) (page routing.SilencePage, err error) {
	for _, s := range slices.Backward(d.silences) {
		if (q.Before == 0 || s.Place() < q.Before) && (q.Active == nil || *q.Active == (s.Status == routing.SilenceActive)) {
			page.Silences = append(page.Silences, s)
		}
	}
	if len(page.Silences) > q.Limit {
		page.Silences, page.More = page.Silences[:q.Limit], true
	}
	return page, d.err
}

func (d *desk) PreviewSilence(_ context.Context, wanted routing.Silence, limit int) (held []incident.Incident, all int, err error) {
	s, err := routing.NewSilence(wanted, noon())
	if err = cmp.Or(d.err, err); err != nil {
		return nil, 0, err
	}
	s.StartsAt = noon()
	standing := routing.NewStanding([]routing.Silence{s}, nil)
	for i := range slices.Backward(d.incidents) {
		if one := &d.incidents[i]; one.Status.Open() && standing.Silences(one, routing.SubjectAbout(one, nil), noon()) {
			held = append(held, *one)
		}
	}
	return held[:min(limit, len(held))], len(held), nil
}

package httpapi

import (
	"errors"
	"net/http"

	"alertd/internal/alerting"
	"alertd/internal/metrics"
)

// postAlerts registers one alert, or a batch as a JSON array or as NDJSON. A request
// that is refused as a whole counts as one rejected alert.
func (a *API) postAlerts(w *response, r *http.Request) error {
	body := getBuffer()
	defer putBuffer(body)
	err := a.readBody(w, r, body)
	media := contentJSON
	if err == nil {
		media, err = a.openBody(r, body, contentJSON, contentNDJSON)
	}
	if err != nil {
		a.config.Manager.CountRejected(unreadReason(err), 1)
		return err
	}
	ndjson := media == contentNDJSON
	data := trimSpace(body.Bytes())
	batch := ndjson || len(data) > 0 && data[0] == '['
	key, err := idempotencyKey(r, batch)
	if err != nil {
		a.config.Manager.CountRejected(alerting.RejectInvalid, 1)
		return err
	}
	if batch {
		return a.postBatch(w, r, data, ndjson)
	}
	return a.postOne(w, r, data, key)
}

// postOne registers the one alert in data.
func (a *API) postOne(w *response, r *http.Request, data []byte, key string) error {
	alert, err := alerting.DecodeAlert(data)
	if err != nil {
		a.countRejected(err)
		return err
	}
	if err := a.checkSource(w.caller, alert.Source); err != nil {
		a.config.Manager.CountRejected(alerting.RejectSource, 1)
		return err
	}
	alert.IdempotencyKey = key
	result, err := a.config.Manager.Register(r.Context(), alert)
	if err != nil {
		a.countFailed(err, 1)
		return err
	}
	if result.Outcome == alerting.OutcomeDuplicate { // it may not see what others have sent
		if err := a.checkSource(w.caller, result.Event.Source()); err != nil {
			return err
		}
	}
	switch header := w.Header(); result.Outcome {
	case alerting.OutcomeFiltered:
		answer := getBuffer()
		defer putBuffer(answer)
		answer.WriteString(`{"registered":false,"reason":"`)
		answer.WriteString(result.Reason) // plain words, nothing to escape
		answer.WriteString("\"}\n")
		w.send(http.StatusOK, contentJSON, answer.Bytes())
	case alerting.OutcomeDuplicate:
		header["Idempotency-Replayed"] = []string{"true"}
		header["Location"] = []string{"/events/" + result.Event.ID().String()}
		w.sendEvent(http.StatusOK, result.Event)
	case alerting.OutcomeRegistered:
		header["Location"] = []string{"/events/" + result.Event.ID().String()}
		w.sendEvent(http.StatusCreated, result.Event)
	case alerting.OutcomeRejected:
		return result.Err
	}
	return nil
}

// idempotencyKey returns the request's key, or "" if it has none.
func idempotencyKey(r *http.Request, batch bool) (string, error) {
	keys := r.Header["Idempotency-Key"]
	switch {
	case len(keys) == 0:
		return "", nil
	case batch:
		return "", badParameter("Idempotency-Key", "goes with one alert only; give each alert of a batch its own event_id")
	case len(keys) > 1:
		return "", badParameter("Idempotency-Key", "is given more than once, must be given once")
	}
	if err := alerting.CheckIdempotencyKey(keys[0]); err != nil {
		return "", badParameter("Idempotency-Key", err.Fields[0].Message)
	}
	return keys[0], nil
}

// countRejected counts an alert that is not accepted as it is.
func (a *API) countRejected(err error) {
	a.config.Manager.CountRejected(rejectReason(err), 1)
	a.countDepth(err)
}

// countDepth counts a refusal if it is for JSON that is nested too deep.
func (a *API) countDepth(err error) {
	if errors.Is(err, alerting.ErrTooDeep) {
		a.config.Refusals.Count(metrics.RefusedDepth)
	}
}

// countFailed counts n valid alerts that the log did not take. An error of the
// request's context does not count: the alerts may have been registered.
func (a *API) countFailed(err error, n int) {
	if _, ok := errors.AsType[*alerting.Error](err); ok {
		a.config.Manager.CountRejected(rejectReason(err), n)
	}
}

func rejectReason(err error) alerting.RejectReason {
	if p, ok := errors.AsType[*problem](err); ok && p.Status == http.StatusForbidden {
		return alerting.RejectSource
	}
	known, ok := errors.AsType[*alerting.Error](err)
	switch {
	case ok && known.Code == alerting.CodeMalformed:
		return alerting.RejectMalformed
	case ok && known.Code == alerting.CodeUnavailable:
		return alerting.RejectUnavailable
	}
	return alerting.RejectInvalid
}

// unreadReason is the reason for which a body was not read or unpacked.
func unreadReason(err error) alerting.RejectReason {
	switch toProblem(err).Status {
	case http.StatusRequestEntityTooLarge:
		return alerting.RejectTooLarge
	case http.StatusUnsupportedMediaType:
		return alerting.RejectUnsupported
	}
	return alerting.RejectMalformed
}

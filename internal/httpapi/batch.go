package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"alertd/internal/access"
	"alertd/internal/alerting"
)

// maxBatch is the most alerts in one request.
const maxBatch = 10_000

// errTooMany says that a batch has more than [maxBatch] alerts; the rest of it
// was not looked at.
var errTooMany = errors.New("too many alerts")

// decoded is one alert of a batch, or the error of decoding it.
type decoded struct {
	alert alerting.Alert
	err   error
}

// postBatch registers the valid alerts of an array or of lines in one transaction
// and answers with a result for each element.
func (a *API) postBatch(w *response, r *http.Request, data []byte, ndjson bool) error {
	split := decodeArray
	if ndjson {
		split = decodeLines
	}
	batch, err := split(data)
	switch {
	case errors.Is(err, errTooMany), err == nil && len(batch) == 0:
		a.config.Manager.CountRejected(alerting.RejectInvalid, 1)
		return newProblem(http.StatusUnprocessableEntity, "a batch must have 1 to %d alerts", maxBatch)
	case err != nil:
		a.config.Manager.CountRejected(alerting.RejectMalformed, 1)
		return err
	}
	results, err := a.registerBatch(w.caller, r, batch)
	if err != nil {
		return err
	}
	answer := getBuffer()
	defer putBuffer(answer)
	if err := writeBatch(answer, results); err != nil {
		return err
	}
	w.send(http.StatusOK, contentJSON, answer.Bytes())
	return nil
}

// decodeArray decodes each element of a JSON array by itself, so that a bad one is
// rejected alone.
func decodeArray(data []byte) ([]decoded, error) {
	var batch []decoded
	for element, err := range alerting.Elements(data) {
		if err != nil {
			return nil, err
		}
		if len(batch) == maxBatch {
			return nil, errTooMany
		}
		batch = append(batch, decodeOne(element))
	}
	return batch, nil
}

// decodeLines decodes each line that is not blank by itself.
func decodeLines(data []byte) ([]decoded, error) {
	var batch []decoded
	for line := range bytes.Lines(data) {
		if line = trimSpace(line); len(line) == 0 {
			continue
		}
		if len(batch) == maxBatch {
			return nil, errTooMany
		}
		batch = append(batch, decodeOne(line))
	}
	return batch, nil
}

func decodeOne(data []byte) decoded {
	alert, err := alerting.DecodeAlert(data)
	return decoded{alert, err}
}

// registerBatch registers the valid alerts that the caller may send and counts the others. If
// it returns an error, nothing was registered.
func (a *API) registerBatch(caller *access.Caller, r *http.Request, batch []decoded) ([]alerting.Registration, error) {
	good := make([]alerting.Alert, 0, len(batch))
	for i := range batch {
		one := &batch[i]
		if one.err == nil {
			one.err = a.checkSource(caller, one.alert.Source)
		}
		if one.err == nil {
			good = append(good, one.alert)
		}
	}
	registered, err := a.config.Manager.RegisterBatch(r.Context(), good)
	if err != nil {
		a.countFailed(err, len(good))
		return nil, err
	}
	results := make([]alerting.Registration, len(batch))
	for i, one := range batch {
		if one.err != nil {
			results[i] = alerting.Registration{Outcome: alerting.OutcomeRejected, Err: one.err}
		} else {
			results[i], registered = registered[0], registered[1:]
		}
		if err := results[i].Err; err != nil {
			a.countRejected(err)
		}
	}
	return results, nil
}

// writeBatch encodes the result of each alert.
func writeBatch(out *bytes.Buffer, results []alerting.Registration) error {
	var count [4]int
	for _, result := range results {
		count[result.Outcome]++
	}
	fmt.Fprintf(out, `{"registered":%d,"filtered":%d,"duplicate":%d,"rejected":%d,"results":[`, count[alerting.OutcomeRegistered],
		count[alerting.OutcomeFiltered], count[alerting.OutcomeDuplicate], count[alerting.OutcomeRejected])
	for i, result := range results {
		if i > 0 {
			out.WriteByte(',')
		}
		scratch := out.AvailableBuffer()
		scratch = append(scratch, `{"index":`...)
		scratch = strconv.AppendInt(scratch, int64(i), 10)
		scratch = append(scratch, `,"status":"`...)
		scratch = append(scratch, result.Outcome.String()...)
		scratch = append(scratch, '"')
		if result.Event != nil {
			scratch = append(scratch, `,"event_id":"`...)
			scratch = append(scratch, result.Event.ID().String()...)
			scratch = append(scratch, '"')
		}
		if result.Reason != "" {
			scratch = append(scratch, `,"reason":"`...)
			scratch = append(scratch, result.Reason...) // plain words, nothing to escape
			scratch = append(scratch, '"')
		}
		if result.Err != nil {
			var err error
			scratch = append(scratch, `,"errors":`...)
			if scratch, err = appendJSON(scratch, batchErrors(result.Err)); err != nil {
				return err
			}
		}
		out.Write(append(scratch, '}'))
	}
	out.WriteString("]}\n")
	return nil
}

// batchErrors returns what is wrong with one alert of a batch. The field is "" if
// none can be named.
func batchErrors(err error) []alerting.FieldError {
	p := toProblem(err)
	if len(p.Errors) > 0 {
		return p.Errors
	}
	return []alerting.FieldError{{Field: "", Message: p.Detail}}
}

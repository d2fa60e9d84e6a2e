package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"alertd/internal/alerting"
)

// maxBatch is the most alerts in one request.
const maxBatch = 10_000

// postAlerts registers one alert, or a batch as a JSON array or as NDJSON.
func (a *API) postAlerts(w *response, r *http.Request) error {
	ndjson, err := isNDJSON(r)
	if err != nil {
		a.config.Manager.CountRejected(alerting.RejectUnsupported, 1)
		return err
	}
	body := getBuffer()
	defer putBuffer(body)
	if _, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, a.config.MaxBody)); err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			a.config.Manager.CountRejected(alerting.RejectTooLarge, 1)
			return err
		}
		a.config.Manager.CountRejected(alerting.RejectMalformed, 1)
		p := newProblem(http.StatusBadRequest, "the request body could not be read to its end")
		p.cause = err
		return p
	}
	data := bytes.TrimLeft(body.Bytes(), " \t\r\n")
	isArray := len(data) > 0 && data[0] == '['
	keys := r.Header["Idempotency-Key"]
	if len(keys) > 0 && (ndjson || isArray || len(keys) > 1) {
		a.config.Manager.CountRejected(alerting.RejectInvalid, 1)
		return badParameter("Idempotency-Key", "goes with one alert only, and once; give each alert of a batch its own event_id")
	}
	switch {
	case ndjson:
		return a.registerBatch(w, r, decodeNDJSON(data))
	case isArray:
		batch, err := decodeArray(data)
		if err != nil {
			a.config.Manager.CountRejected(alerting.RejectMalformed, 1)
			return err
		}
		return a.registerBatch(w, r, batch)
	}
	alert, err := alerting.DecodeAlert(data)
	if err == nil && len(keys) == 1 {
		alert.IdempotencyKey = keys[0]
		if bad := alerting.CheckIdempotencyKey(keys[0]); bad != nil {
			err = badParameter(bad.Fields[0].Field, bad.Fields[0].Message)
		}
	}
	if err != nil {
		a.config.Manager.CountRejected(rejectReason(err), 1)
		return err
	}
	return a.registerOne(w, r, alert)
}

// isNDJSON tells the two media types apart and refuses every other.
func isNDJSON(r *http.Request) (bool, error) {
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return false, newProblem(http.StatusUnsupportedMediaType, "Content-Encoding %s is not supported, the body must not be compressed", strconv.Quote(shorten(encoding)))
	}
	contentType := r.Header.Get("Content-Type")
	if contentType == "" || contentType == contentJSON {
		return false, nil
	}
	media, _, err := mime.ParseMediaType(contentType)
	switch {
	case err == nil && media == contentJSON:
		return false, nil
	case err == nil && media == "application/x-ndjson":
		return true, nil
	}
	return false, newProblem(http.StatusUnsupportedMediaType, "Content-Type %s is not supported, must be application/json or application/x-ndjson", strconv.Quote(shorten(contentType)))
}

func rejectReason(err error) alerting.RejectReason {
	if known, ok := errors.AsType[*alerting.Error](err); ok && known.Code == alerting.CodeMalformed {
		return alerting.RejectMalformed
	}
	return alerting.RejectInvalid
}

func (a *API) registerOne(w *response, r *http.Request, alert alerting.Alert) error {
	result, err := a.config.Manager.Register(r.Context(), alert)
	if err != nil {
		return err
	}
	if result.Outcome == alerting.OutcomeFiltered {
		return w.sendJSON(http.StatusOK, struct {
			Registered bool   `json:"registered"`
			Reason     string `json:"reason"`
		}{false, result.Reason})
	}
	status := http.StatusCreated
	header := w.Header()
	if result.Outcome == alerting.OutcomeDuplicate {
		status = http.StatusOK
		header.Set("Idempotency-Replayed", "true")
	}
	header["Location"] = []string{"/events/" + result.Event.ID().String()}
	answer := getBuffer()
	defer putBuffer(answer)
	answer.WriteString(result.Event.JSON())
	answer.WriteByte('\n')
	w.send(status, contentJSON, answer.Bytes())
	return nil
}

// decoded is one alert of a batch, or why it is none.
type decoded struct {
	alert alerting.Alert
	err   error
}

// decodeArray splits a JSON array into its elements and decodes each by itself,
// so that a bad one is rejected alone. The array is read leniently: what is
// wrong within an element is found when that is decoded. At most one element
// more than a batch may have is decoded.
func decodeArray(data []byte) ([]decoded, error) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(data), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	malformed := func(err error) error {
		return &alerting.Error{Code: alerting.CodeMalformed, Message: "malformed JSON: the array cannot be read", Cause: err}
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, malformed(err)
	}
	var batch []decoded
	for dec.PeekKind() != ']' {
		value, err := dec.ReadValue()
		if err != nil {
			return nil, malformed(err)
		}
		if len(batch) <= maxBatch {
			batch = append(batch, decodeOne(value))
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, malformed(err)
	}
	if len(bytes.TrimSpace(data[dec.InputOffset():])) > 0 {
		return nil, malformed(errors.New("there is more after it"))
	}
	return batch, nil
}

// decodeNDJSON decodes each line that is not blank by itself.
func decodeNDJSON(data []byte) []decoded {
	var batch []decoded
	for line := range bytes.Lines(data) {
		if line = bytes.TrimSpace(line); len(line) > 0 && len(batch) <= maxBatch {
			batch = append(batch, decodeOne(line))
		}
	}
	return batch
}

func decodeOne(data []byte) decoded {
	alert, err := alerting.DecodeAlert(data)
	return decoded{alert, err}
}

func (a *API) registerBatch(w *response, r *http.Request, batch []decoded) error {
	if len(batch) == 0 || len(batch) > maxBatch {
		a.config.Manager.CountRejected(alerting.RejectInvalid, 1)
		return newProblem(http.StatusUnprocessableEntity, "a batch must have 1 to %d alerts", maxBatch)
	}
	good := make([]alerting.Alert, 0, len(batch))
	for _, one := range batch {
		if one.err == nil {
			good = append(good, one.alert)
		}
	}
	registered, err := a.config.Manager.RegisterBatch(r.Context(), good)
	if err != nil {
		return err
	}
	results := make([]alerting.Registration, len(batch))
	next := 0
	for i, one := range batch {
		if one.err != nil {
			a.config.Manager.CountRejected(rejectReason(one.err), 1)
			results[i] = alerting.Registration{Outcome: alerting.OutcomeRejected, Err: one.err}
			continue
		}
		results[i] = registered[next]
		next++
	}
	answer := getBuffer()
	defer putBuffer(answer)
	if err := writeBatch(answer, results); err != nil {
		return err
	}
	w.send(http.StatusOK, contentJSON, answer.Bytes())
	return nil
}

// writeBatch encodes what became of each alert.
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

// batchErrors says what is wrong with one alert of a batch; where no field can
// be named, the field is "".
func batchErrors(err error) []alerting.FieldError {
	p := toProblem(err)
	if len(p.Errors) > 0 {
		return p.Errors
	}
	return []alerting.FieldError{{Field: "", Message: p.Detail}}
}

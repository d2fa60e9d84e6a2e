//go:build !fuzz && !race

package httpapi_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	"github.com/pb33f/libopenapi-validator/content"
	"github.com/pb33f/libopenapi-validator/errors"
	"github.com/pb33f/libopenapi-validator/schema_validation"
	"github.com/pb33f/libopenapi/datamodel/high/base"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
	"github.com/pb33f/libopenapi/orderedmap"
	"github.com/stretchr/testify/require"

	"alertd/api"
)

// contract is api/openapi.yaml, ready to judge what goes over the wire. It says
// what is wrong in words, so that a test may also ask for something wrong.
type contract struct {
	document  *v3.Document
	validator validator.Validator
	schemas   schema_validation.SchemaValidator
	unmatched *v3.PathItem
	always    map[string]*base.Schema // the headers that every answer has, also where the document does not list them
}

// unmatchedPath stands for every path and method that the document lacks.
const unmatchedPath = "no path of the document"

// answersOfHTTP are the headers of an answer that belong to HTTP and not to the
// contract. The document states the Content-Type elsewhere.
func answersOfHTTP() []string {
	return []string{"Connection", "Content-Encoding", "Content-Length", "Content-Type", "Date", "Vary"}
}

func newContract(tb testing.TB) *contract {
	tb.Helper()
	document, err := libopenapi.NewDocument(api.OpenAPI())
	require.NoError(tb, err)
	model, err := document.BuildV3Model()
	require.NoError(tb, err)
	options := []config.Option{
		config.WithFormatAssertions(), config.WithRejectUnsupportedBodyContent(), config.WithoutRequestQueryParameterValidation(),
		config.WithoutSecurityValidation(), // without tokens alertd takes anybody
	}
	for _, text := range []string{"application/x-ndjson", "application/yaml", "application/openmetrics-text", "application/x-www-form-urlencoded", "text/*"} { // their schemas are of the text itself
		options = append(options, config.WithBodyDecoder(text, content.TextDecoder()))
	}
	c := &contract{
		document:  &model.Model,
		validator: validator.NewValidatorFromV3Model(&model.Model, options...),
		schemas:   schema_validation.NewSchemaValidator(config.WithFormatAssertions()),
	}
	c.validator.SetDocument(document)
	c.unmatched = unmatched(tb, c.document)
	c.always = map[string]*base.Schema{}
	for name, header := range c.document.Components.Headers.FromOldest() {
		if header.Extensions.GetOrZero("x-on-every-answer") != nil {
			c.always[name] = header.Schema.Schema()
		}
	}
	require.Len(tb, c.always, 3)
	return c
}

// unmatched is what the document states in words about paths and methods that it
// lacks: a problem, and for another method the allowed methods.
func unmatched(tb testing.TB, document *v3.Document) *v3.PathItem {
	tb.Helper()
	notFound := document.Components.Responses.GetOrZero("NotFound")
	require.NotNil(tb, notFound)
	otherMethod := *notFound
	otherMethod.Headers = orderedmap.New[string, *v3.Header]()
	for name, header := range notFound.Headers.FromOldest() {
		otherMethod.Headers.Set(name, header)
	}
	otherMethod.Headers.Set("Allow", &v3.Header{Required: true})
	codes := orderedmap.New[string, *v3.Response]()
	codes.Set("404", notFound)
	codes.Set("405", &otherMethod)
	return &v3.PathItem{Get: &v3.Operation{OperationId: unmatchedPath, Responses: &v3.Responses{Codes: codes}}}
}

// pathOf returns the path of the document that answers a request; the patterns
// of the routes are the document's paths.
func pathOf(routes chi.Routes, method, path string) string {
	match := chi.NewRouteContext()
	if !routes.Match(match, method, path) {
		return unmatchedPath
	}
	return match.RoutePattern()
}

// asGet returns GET for HEAD, which the document does not list.
func asGet(method string) string {
	if method == http.MethodHead {
		return http.MethodGet
	}
	return method
}

// item returns the path's entry and its operation for a method.
func (c *contract) item(path, method string) (*v3.PathItem, *v3.Operation) {
	if path == unmatchedPath {
		return c.unmatched, c.unmatched.Get
	}
	item := c.document.Paths.PathItems.GetOrZero(path)
	if item == nil {
		return nil, nil
	}
	return item, item.GetOperations().GetOrZero(strings.ToLower(asGet(method)))
}

// judgeRequest returns how a request to one of the document's paths breaks it.
func (c *contract) judgeRequest(path string, r *http.Request) []string {
	item, operation := c.item(path, r.Method)
	if operation == nil {
		return []string{fmt.Sprintf("the document has no %s %s", r.Method, path)}
	}
	request := r.Clone(r.Context())
	request.Method = asGet(r.Method)
	_, problems := c.validator.ValidateHttpRequestSyncWithPathItem(request, item, path)
	breaches := inWords(problems)
	for name, values := range request.URL.Query() {
		i := slices.IndexFunc(operation.Parameters, func(p *v3.Parameter) bool { return p.In == "query" && p.Name == name })
		if i < 0 {
			breaches = append(breaches, fmt.Sprintf("the parameter %s is not in the document", name))
			continue
		}
		breaches = append(breaches, c.judgeParameter(operation.Parameters[i], values)...)
	}
	return breaches
}

// judgeParameter returns how the values of a query parameter break the document. The
// validator looks at each value of a list alone, and skips empty ones.
func (c *contract) judgeParameter(parameter *v3.Parameter, values []string) []string {
	schema := parameter.Schema.Schema()
	var value any = values
	if !slices.Contains(schema.Type, "array") {
		if len(values) > 1 {
			return []string{fmt.Sprintf("the parameter %s is given more than once", parameter.Name)}
		}
		value = values[0]
		if slices.Contains(schema.Type, "integer") && json.Valid([]byte(values[0])) {
			value = json.RawMessage(values[0])
		}
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return []string{fmt.Sprintf("the parameter %s cannot be read", parameter.Name)}
	}
	return c.judge(schema, encoded)
}

// judgeAnswer returns how the answer to a request to one of the document's paths
// breaks it.
func (c *contract) judgeAnswer(path string, r *http.Request, a answer) []string {
	item, operation := c.item(path, r.Method)
	if operation == nil {
		return []string{fmt.Sprintf("the document has no %s %s", r.Method, path)}
	}
	request := r.Clone(r.Context())
	request.Method = asGet(r.Method)
	if path == unmatchedPath {
		request.Method = http.MethodGet
	}
	response := &http.Response{StatusCode: a.status, Header: a.header, Body: io.NopCloser(strings.NewReader(a.body))}
	_, problems := c.validator.GetResponseBodyValidator().ValidateResponseBodyWithPathItem(request, response, item, path)
	breaches := inWords(problems)
	if documented := operation.Responses.Codes.GetOrZero(strconv.Itoa(a.status)); documented != nil {
		for name := range a.header {
			if !hasHeader(documented, name) && !slices.Contains(answersOfHTTP(), name) && c.always[name] == nil {
				breaches = append(breaches, fmt.Sprintf("the header %s is not in the document", name))
			}
		}
	}
	for name, schema := range c.always {
		value, err := json.Marshal(a.header.Get(name))
		if err != nil || len(a.header[name]) != 1 || len(c.judge(schema, value)) > 0 {
			breaches = append(breaches, fmt.Sprintf("the header %s is not as on every answer", name))
		}
	}
	return append(breaches, judgeBody(a)...)
}

func hasHeader(response *v3.Response, name string) bool {
	for documented := range response.Headers.KeysFromOldest() {
		if strings.EqualFold(documented, name) {
			return true
		}
	}
	return false
}

// judgeBody checks what no schema states: that there is a body, and that a problem
// document agrees with the status and headers.
func judgeBody(a answer) []string {
	if a.body == "" {
		return []string{"the answer has no body"}
	}
	if a.header.Get("Content-Type") != "application/problem+json" {
		return nil
	}
	var p problem
	if json.Unmarshal([]byte(a.body), &p) != nil {
		return []string{"the problem cannot be read"}
	}
	var breaches []string
	if p.Status != a.status || p.Title != http.StatusText(a.status) {
		breaches = append(breaches, fmt.Sprintf("the problem says %d %s, the answer %d", p.Status, p.Title, a.status))
	}
	if p.RequestID != a.header.Get("X-Request-Id") {
		breaches = append(breaches, "the problem has another request_id than the header")
	}
	return breaches
}

// judge returns how a JSON value breaks a schema of the document.
func (c *contract) judge(schema *base.Schema, value []byte) []string {
	_, problems := c.schemas.ValidateSchemaBytesWithVersion(schema, value, 3.1)
	return inWords(problems)
}

// schema returns one of the document's named schemas.
func (c *contract) schema(tb testing.TB, name string) *base.Schema {
	tb.Helper()
	proxy := c.document.Components.Schemas.GetOrZero(name)
	require.NotNil(tb, proxy, name)
	schema, err := proxy.BuildSchema()
	require.NoError(tb, err)
	return schema
}

func inWords(problems []*errors.ValidationError) []string {
	words := make([]string, 0, len(problems))
	for _, problem := range problems {
		words = append(words, problem.Error())
	}
	return words
}

// replace returns a change of an answer's body.
func replace(pattern, by string) func(*answer) {
	return func(a *answer) { a.body = regexp.MustCompile(pattern).ReplaceAllString(a.body, by) }
}

// Each row is a mistake that alertd could make and that the contract test must find.
func TestContractDetectsBadAnswers(t *testing.T) {
	set := func(name, value string) func(*answer) { return func(a *answer) { a.header.Set(name, value) } }
	drop := func(name string) func(*answer) { return func(a *answer) { a.header.Del(name) } }
	status := func(code int) func(*answer) { return func(a *answer) { a.status = code } }
	requests := map[string]func(*testing.T, *harness) *http.Request{
		"alert": func(t *testing.T, _ *harness) *http.Request {
			return request(t, http.MethodPost, "/alerts", breach, "Content-Type", "application/json")
		},
		"batch": func(t *testing.T, _ *harness) *http.Request {
			return request(t, http.MethodPost, "/alerts", "["+breach+",{}]", "Content-Type", "application/json")
		},
		"events": func(t *testing.T, h *harness) *http.Request {
			h.register("s")
			return request(t, http.MethodGet, "/events", "")
		},
		"stats":   func(t *testing.T, _ *harness) *http.Request { return request(t, http.MethodGet, "/stats", "") },
		"refusal": func(t *testing.T, _ *harness) *http.Request { return request(t, http.MethodGet, "/events?limit=0", "") },
		"nothing": func(t *testing.T, _ *harness) *http.Request { return request(t, http.MethodGet, "/nothing", "") },
		"method":  func(t *testing.T, _ *harness) *http.Request { return request(t, http.MethodPut, "/events", "") },
	}
	cases := map[string]struct {
		request string
		change  func(*answer)
		says    string
	}{
		"a field that the document lacks":             {"alert", replace(`^\{`, `{"more":1,`), "more"},
		"a field deep within that the document lacks": {"batch", replace(`"index":0`, `"index":0,"more":1`), "more"},
		"a field less":                                   {"alert", replace(`"received_at":"[^"]*"`, `"dedup_key":"k"`), "received_at"},
		"a field deep within less":                       {"stats", replace(`"capacity":\d+`, `"size":1`), "capacity"},
		"a severity that the document lacks":             {"alert", replace(`"error"`, `"fatal"`), "severity"},
		"a severity in capitals":                         {"alert", replace(`"error"`, `"ERROR"`), "severity"},
		"an id that is none":                             {"alert", replace(`"event_id":"....`, `"event_id":"xxxx`), "uuid"},
		"an id in capitals":                              {"alert", replace(`"event_id":"[^"]*"`, `"event_id":"019B5F2C-7A3E-7C4D-9F10-2B6C8D1E4A55"`), "pattern"},
		"a time with fewer digits":                       {"alert", replace(`\.\d{6}Z`, `.5Z`), "pattern"},
		"a time with an offset":                          {"alert", replace(`\.(\d{6})Z`, `.$1+00:00`), "pattern"},
		"a day that is none":                             {"alert", replace(`"timestamp":"\d{4}-..`, `"timestamp":"2025-13`), "date-time"},
		"a number as text":                               {"alert", replace(`"seq":(\d+)`, `"seq":"$1"`), "seq"},
		"null for a list":                                {"events", replace(`\[.*\]`, `null`), "events"},
		"a cursor that is empty":                         {"events", replace(`"next_cursor":null`, `"next_cursor":""`), "next_cursor"},
		"a severity that is not counted":                 {"stats", replace(`"debug":0,`, ``), "debug"},
		"no body":                                        {"alert", replace(`(?s).*`, ``), "no body"},
		"half a body":                                    {"alert", replace(`\}\s*$`, ``), "decoded"},
		"a status that the document lacks":               {"alert", status(http.StatusAccepted), "202"},
		"a status of another answer":                     {"events", status(http.StatusBadRequest), "content type"},
		"a content type that the document lacks":         {"alert", set("Content-Type", "text/html"), "content type"},
		"a problem as plain JSON":                        {"refusal", set("Content-Type", "application/json"), "content type"},
		"a header that the document lacks":               {"alert", set("Server", "alertd"), "the header Server is not in the document"},
		"a header less":                                  {"alert", drop("X-Request-Id"), "X-Request-Id"},
		"no policy for browsers":                         {"alert", drop("Content-Security-Policy"), "Content-Security-Policy"},
		"a policy that allows frames":                    {"alert", set("Content-Security-Policy", "default-src 'none'"), "Content-Security-Policy"},
		"an answer that others may embed":                {"nothing", drop("Cross-Origin-Resource-Policy"), "Cross-Origin-Resource-Policy"},
		"no Location":                                    {"alert", drop("Location"), "Location"},
		"a Location elsewhere":                           {"alert", set("Location", "https://elsewhere.example"), "location"},
		"a request id that could forge a record":         {"alert", set("X-Request-Id", `a"b`), "x-request-id"},
		"an answer to keep":                              {"alert", set("Cache-Control", "max-age=60"), "cache-control"},
		"a problem without its status":                   {"refusal", replace(`"status":400,`, ``), "status"},
		"a problem of another status":                    {"refusal", replace(`"status":400,`, `"status":422,`), "the problem says 422"},
		"a problem of another title":                     {"refusal", replace(`"Bad Request"`, `"Bad"`), "the problem says 400 Bad"},
		"a problem of another request":                   {"refusal", replace(`"request_id":"[^"]*"`, `"request_id":"r1"`), "another request_id"},
		"a stack trace in a problem":                     {"refusal", replace(`^\{`, `{"stack":"main.go:7",`), "stack"},
		"a fault without what is allowed":                {"refusal", replace(`"message":".*?[^\\]"`, `"message":""`), "message"},
		"an unknown path with an answer of its own":      {"nothing", replace(`"detail":"[^"]*",`, ``), "detail"},
		"another method without those that would do":     {"method", drop("Allow"), "Allow"},
		"another method with a status of its own":        {"method", status(http.StatusNotImplemented), "501"},
		"a batch that counts more than a batch can hold": {"batch", replace(`"registered":1`, `"registered":10001`), "registered"},
	}
	c := newContract(t)
	for name, breaking := range cases {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			sent := requests[breaking.request](t, h)
			path := pathOf(h.routes(), sent.Method, sent.URL.Path)
			recorder := httptest.NewRecorder()
			h.api.Handler().ServeHTTP(recorder, sent)
			a := answer{recorder.Code, recorder.Header(), recorder.Body.String()}
			require.Empty(t, c.judgeAnswer(path, sent, a), "the answer is good before it is changed")
			breaking.change(&a)
			require.Contains(t, strings.Join(c.judgeAnswer(path, sent, a), "\n"), breaking.says)
		})
	}
}

func TestContractDetectsBadRequests(t *testing.T) {
	c := newContract(t)
	cases := map[string]struct {
		request *http.Request
		path    string
		says    string
	}{
		"a body that the schema refuses": {request(t, http.MethodPost, "/alerts", `{"severity":"error"}`, "Content-Type", "application/json"), "/alerts", "category"},
		"a field too many":               {request(t, http.MethodPost, "/alerts", strings.Replace(breach, "{", `{"more":1,`, 1), "Content-Type", "application/json"), "/alerts", "more"},
		"a content type of another kind": {request(t, http.MethodPost, "/alerts", breach, "Content-Type", "text/csv"), "/alerts", "text/csv"},
		"a parameter out of bounds":      {request(t, http.MethodGet, "/events?limit=1001", ""), "/events", "maximum"},
		"a number that is none":          {request(t, http.MethodGet, "/events?limit=ten", ""), "/events", "want integer"},
		"a parameter too often":          {request(t, http.MethodGet, "/events?q=a&q=b", ""), "/events", "the parameter q is given more than once"},
		"an empty parameter":             {request(t, http.MethodGet, "/events?source=a&source=", ""), "/events", "does not match pattern"},
		"a list that is too long":        {request(t, http.MethodGet, "/events?x="+strings.Repeat("&category=other", 9), ""), "/events", "maxItems"},
		"an unknown parameter":           {request(t, http.MethodGet, "/events?page=2", ""), "/events", "the parameter page is not in the document"},
		"a header out of bounds":         {request(t, http.MethodPost, "/alerts", breach, "Content-Type", "application/json", "Idempotency-Key", strings.Repeat("k", 256)), "/alerts", "Idempotency-Key"},
		"an id that is none":             {request(t, http.MethodGet, "/events/7", ""), "/events/{event_id}", "event_id"},
		"a path that is not there":       {request(t, http.MethodGet, "/nothing", ""), "/nothing", "the document has no GET /nothing"},
		"a method that is not there":     {request(t, http.MethodPut, "/alerts", ""), "/alerts", "the document has no PUT /alerts"},
	}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		require.Contains(t, strings.Join(c.judgeRequest(cases[name].path, cases[name].request), "\n"), cases[name].says, name)
	}
	require.Empty(t, c.judgeRequest("/alerts", request(t, http.MethodPost, "/alerts", breach, "Content-Type", "application/json")))
}

// request makes a request for the handler itself; header is names and values in
// turn.
func request(tb testing.TB, method, target, body string, header ...string) *http.Request {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), method, target, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

package main

import (
	"bufio"
	"encoding/json"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"alertd/api"
)

// mediumOf is the medium of an answer by its type.
var mediumOf = map[string]medium{
	"":                         withoutAny,
	"application/json":         asJSON,
	"application/problem+json": asJSON,
	"text/event-stream":        asStream,
	"text/html":                asHTML,
	"text/plain":               withoutAny, // metrics
	"application/yaml":         withoutAny,
	"text/css":                 withoutAny,
	"text/javascript":          withoutAny,
}

// operations returns the operations of the API, as methods by path. api/openapi.yaml has the
// routes of alertd, all of them: a test of package httpapi compares the two.
func operations(h *hostile) map[string][]string {
	var document struct {
		Paths map[string]map[string]any `yaml:"paths"`
	}
	require.NoError(h.t, yaml.Unmarshal(api.OpenAPI(), &document))
	found := map[string][]string{}
	for path, item := range document.Paths {
		for key := range item {
			if method := strings.ToUpper(key); slices.Contains([]string{"GET", "POST", "PUT", "PATCH", "DELETE"}, method) {
				found[path] = append(found[path], method)
			}
		}
	}
	require.NotEmpty(h.t, found)
	return found
}

// readAPI uses every operation: those that read as they are meant, and all of them with the
// contents in the path, the query, the headers and the body.
func (h *hostile) readAPI() {
	h.learnParameters()
	all := operations(h)
	for _, pattern := range slices.Sorted(maps.Keys(all)) {
		paths := h.paths(pattern)
		for _, method := range all[pattern] {
			if method == http.MethodGet {
				for _, path := range paths {
					h.ask(method, pattern, path, "")
				}
			}
			for _, c := range hostileContents {
				if strings.Contains(pattern, "{") {
					h.ask(method, pattern, inPath.ReplaceAllLiteralString(pattern, url.PathEscape(c.fit(200))), "")
				}
				h.ask(method, pattern, paths[0], "", badCredentials(c)...)
				h.ask(method, pattern, paths[0]+"?"+badQuery(c), "", badHeaders(c)...)
				if method != http.MethodGet {
					h.ask(method, pattern, paths[0], c.text, badHeaders(c)...)
					h.ask(method, pattern, paths[0], badObject(c))
					h.ask(method, pattern, paths[0], badForm(c), "Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html")
				}
			}
		}
	}
}

// inPath matches a parameter in a path.
var inPath = regexp.MustCompile(`\{(\w+)\}`)

// paths returns the paths of a pattern with each value of its parameter.
func (h *hostile) paths(pattern string) []string {
	parameter := inPath.FindStringSubmatch(pattern)
	if parameter == nil {
		return []string{pattern}
	}
	require.NotEmpty(h.t, h.parameters[parameter[1]], "no value of this parameter is known: %s", pattern)
	var paths []string
	for _, value := range h.parameters[parameter[1]] {
		paths = append(paths, inPath.ReplaceAllLiteralString(pattern, value))
	}
	return paths
}

// learnParameters asks for the values of parameters that alertd has made.
func (h *hostile) learnParameters() {
	var channels struct{ Channels []struct{ Name string } }
	h.read("/channels", &channels)
	for _, channel := range channels.Channels {
		h.parameters["name"] = append(h.parameters["name"], channel.Name)
	}
	var deliveries struct {
		Deliveries []struct {
			ID string `json:"delivery_id"`
		}
	}
	h.read("/deliveries?channel=refused&limit=1000", &deliveries)
	for _, d := range deliveries.Deliveries {
		h.parameters["delivery_id"] = append(h.parameters["delivery_id"], d.ID)
	}
}

// badQuery has the content as the name and the value of parameters.
func badQuery(c hostileContent) string {
	query := url.Values{c.fit(50): {c.fit(50)}}
	for name := range strings.FieldsSeq("q source category cursor status since limit min_severity actor action next error error_description state code") {
		query.Set(name, c.fit(200))
	}
	return query.Encode()
}

// badForm is what a page sends whose fields are the content.
func badForm(c hostileContent) string {
	return url.Values{"token": {c.fit(200)}, "next": {c.fit(200)}, c.fit(50): {c.fit(50)}}.Encode()
}

// badHeaders has the content in headers.
func badHeaders(c hostileContent) []string {
	var headers []string
	for name := range strings.FieldsSeq("User-Agent Referer X-Request-Id Idempotency-Key Last-Event-Id X-Forwarded-For Forwarded Cookie Accept Content-Type Content-Encoding") {
		headers = append(headers, name, c.header())
	}
	return headers
}

// badCredentials shows the content in place of a credential.
func badCredentials(c hostileContent) []string {
	return []string{"Authorization", "Bearer " + c.header(), "Cookie", "alertd_session=" + c.header(), "Origin", c.header()}
}

// header returns the content without what a header cannot have.
func (c hostileContent) header() string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, c.fit(200)))
}

// badObject has the content as the name and the value of a member.
func badObject(c hostileContent) string {
	object, err := json.Marshal(map[string]string{c.fit(50): c.fit(200), "severity": c.fit(50), "by": c.text, "token": c.fit(50)})
	if err != nil {
		panic(err)
	}
	return string(object)
}

// ask makes a request and adds the answer.
func (h *hostile) ask(method, pattern, path, body string, headers ...string) answer {
	h.t.Helper()
	request, err := http.NewRequestWithContext(h.t.Context(), method, "http://"+h.addr+path, strings.NewReader(body))
	require.NoError(h.t, err)
	request.Header.Set("Authorization", h.authorization)
	request.Header.Set("Last-Event-Id", "0") // a stream begins with the first event
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := h.client.Transport.RoundTrip(request) // and not where a redirect leads
	require.NoError(h.t, err)
	kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if response.Header.Get("Content-Type") != "" {
		require.NoError(h.t, err)
	}
	a := answer{status: response.StatusCode, header: response.Header}
	if kind == "text/event-stream" {
		a.body = untilHeartbeat(h.t, response)
	} else {
		a = readAnswer(h.t, response)
	}
	h.add(method, pattern, kind, a)
	return a
}

// add adds an answer as it is read, and its headers.
func (h *hostile) add(method, pattern, kind string, a answer) {
	name := method + " " + pattern
	m, known := mediumOf[kind]
	require.True(h.t, known, "%s answers in %q: nothing says when that is inert", name, kind)
	if kind == "" {
		require.Empty(h.t, a.body, "%s answers without a type", name)
	} else {
		h.o.add("operations", name, m, a.body)
	}
	require.Equal(h.t, "nosniff", a.header.Get("X-Content-Type-Options"), name)
	for key, values := range a.header {
		for _, value := range values {
			h.o.add("operations", "headers of all answers", inHeaders, key+": "+value)
		}
	}
}

// untilHeartbeat reads a stream until it has nothing to say.
func untilHeartbeat(t *testing.T, response *http.Response) string {
	t.Helper()
	defer func() { require.NoError(t, response.Body.Close()) }()
	var text strings.Builder
	for lines := bufio.NewReader(response.Body); ; {
		line, err := lines.ReadString('\n')
		require.NoError(t, err, text.String())
		text.WriteString(line)
		if strings.HasPrefix(line, ": heartbeat") {
			return text.String()
		}
	}
}

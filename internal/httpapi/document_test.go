//go:build !fuzz && !race

package httpapi_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi/datamodel/high/base"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
	"github.com/pb33f/libopenapi/orderedmap"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"alertd/internal/access"
	"alertd/internal/dashboard"
	"alertd/internal/httpapi"
)

// operations returns all operations of the document, in its order.
func (c *contract) operations() []*v3.Operation {
	var all []*v3.Operation
	for _, item := range c.document.Paths.PathItems.FromOldest() {
		for _, operation := range item.GetOperations().FromOldest() {
			all = append(all, operation)
		}
	}
	return all
}

func TestDocumentIsValid(t *testing.T) {
	valid, problems := newContract(t).validator.ValidateDocument()
	require.True(t, valid, inWords(problems))
}

// contractRoutes returns the routes that are part of the contract: what only the dashboard's page
// loads is not.
func contractRoutes(tb testing.TB) []httpapi.Route {
	tb.Helper()
	return slices.DeleteFunc(newHarness(tb).api.Routes(), func(row httpapi.Route) bool { return strings.HasPrefix(row.Pattern, dashboard.Prefix) })
}

func TestEveryOperationHasOneRoute(t *testing.T) {
	var rows, documented []string
	for _, row := range contractRoutes(t) {
		rows = append(rows, row.Method+" "+row.Pattern)
	}
	for path, item := range newContract(t).document.Paths.PathItems.FromOldest() {
		for method := range item.GetOperations().KeysFromOldest() {
			documented = append(documented, strings.ToUpper(method)+" "+path)
		}
	}
	require.ElementsMatch(t, documented, rows)
}

// example is a value that the document shows, and the schema that it is for.
type example struct {
	where  string
	media  string // what it is written in; a parameter's is JSON
	value  any
	schema *base.Schema
}

// examples returns every example of the document, of an operation as the
// document gives it, resolved.
func (c *contract) examples(tb testing.TB) []example {
	tb.Helper()
	var all []example
	for _, operation := range c.operations() {
		for _, parameter := range operation.Parameters {
			var value any
			require.NotNil(tb, parameter.Example, "%s: the parameter %s has no example", operation.OperationId, parameter.Name)
			require.NoError(tb, parameter.Example.Decode(&value))
			all = append(all, example{operation.OperationId + " " + parameter.Name, asJSON, value, parameter.Schema.Schema()})
		}
		for media, body := range bodies(operation) {
			for _, value := range examplesOf(tb, body) {
				name, _, _ := strings.Cut(media, " ")
				all = append(all, example{operation.OperationId + " " + media, name, value, body.Schema.Schema()})
			}
		}
	}
	return all
}

// bodies returns what the operation takes and answers, by its media type and
// where it stands.
func bodies(operation *v3.Operation) map[string]*v3.MediaType {
	all := map[string]*v3.MediaType{}
	if operation.RequestBody != nil {
		for media, body := range operation.RequestBody.Content.FromOldest() {
			all[media+" request"] = body
		}
	}
	for status, response := range operation.Responses.Codes.FromOldest() {
		for media, body := range response.Content.FromOldest() {
			all[media+" "+status] = body
		}
	}
	return all
}

func examplesOf(tb testing.TB, body *v3.MediaType) []any {
	tb.Helper()
	var values []any
	if body.Example != nil {
		var value any
		require.NoError(tb, body.Example.Decode(&value))
		values = append(values, value)
	}
	for name, named := range body.Examples.FromOldest() {
		var value any
		require.NotNil(tb, named.Value, name)
		require.NoError(tb, named.Value.Decode(&value))
		values = append(values, value)
	}
	return values
}

func TestExamplesMatchTheirSchemas(t *testing.T) {
	c := newContract(t)
	alert, event, record := c.schema(t, "Alert"), c.schema(t, "Event"), c.schema(t, "AuditRecord")
	examples := c.examples(t)
	require.Greater(t, len(examples), 60)
	for _, x := range examples {
		encoded, err := json.Marshal(x.value)
		require.NoError(t, err, x.where)
		assert.Empty(t, c.judge(x.schema, encoded), x.where)
		text, _ := x.value.(string)
		switch x.media { // whose schema says only that it is text
		case asNDJSON:
			of := alert
			if strings.HasPrefix(x.where, "getAudit ") {
				of = record
			}
			for line := range strings.Lines(text) {
				assert.Empty(t, c.judge(of, []byte(line)), x.where)
			}
		case "text/event-stream":
			_, data, _ := strings.Cut(text, "\nevent: alert\ndata: ")
			data, _, _ = strings.Cut(data, "\n")
			assert.Empty(t, c.judge(event, []byte(data)), x.where)
		}
	}
}

func TestSchemasRefuseBadValues(t *testing.T) {
	c := newContract(t)
	require.NotEmpty(t, c.judge(c.schema(t, "Alert"), []byte(`{"severity":"error"}`)))
	require.NotEmpty(t, c.judge(c.schema(t, "Event"), []byte(breach)))
	require.Empty(t, c.judge(c.schema(t, "Alert"), []byte(breach)))
}

func TestEveryOperationIsDescribed(t *testing.T) {
	seen := map[string]bool{}
	for _, operation := range newContract(t).operations() {
		id := operation.OperationId
		require.NotEmpty(t, id)
		assert.False(t, seen[id], "the operationId %s is there twice", id)
		seen[id] = true
		assert.NotEmpty(t, operation.Summary, id)
		assert.Len(t, operation.Tags, 1, id)
		for _, parameter := range operation.Parameters {
			assert.NotEmpty(t, parameter.Description, "%s %s", id, parameter.Name)
		}
		for media, body := range bodies(operation) {
			if strings.Contains(media, "json") {
				assert.NotEmpty(t, examplesOf(t, body), "%s %s has no example", id, media)
			}
		}
		for status, response := range operation.Responses.Codes.FromOldest() {
			assert.NotEmpty(t, response.Description, "%s %s", id, status)
		}
	}
}

func TestEveryOperationDocumentsItsFailures(t *testing.T) {
	for path, item := range newContract(t).document.Paths.PathItems.FromOldest() {
		for method, operation := range item.GetOperations().FromOldest() {
			want := []string{"500"}
			if path != "/healthz" && path != "/readyz" { // which have no limit
				want = append(want, "429")
			}
			if method == "post" {
				want = append(want, "403") // of another origin
			}
			if needOf(t, operation) != access.NeedNothing {
				want = append(want, "401", "403")
			}
			if operation.RequestBody != nil {
				want = append(want, "400", "413", "415", "422")
			}
			for _, parameter := range operation.Parameters {
				switch parameter.In {
				case "query":
					want = append(want, "400")
				case "path":
					want = append(want, "404")
				}
			}
			for _, status := range want {
				assert.NotNil(t, operation.Responses.Codes.GetOrZero(status), "%s %s lacks %s", method, path, status)
			}
			for status, response := range operation.Responses.Codes.FromOldest() {
				if status >= "400" && path != "/readyz" { // which says what is not ready
					assert.NotNil(t, response.Content.GetOrZero("application/problem+json"), "%s %s: %s is no problem", method, path, status)
				}
			}
		}
	}
}

// walk calls visit for a schema and every schema in it.
func walk(where string, proxy *base.SchemaProxy, visit func(string, *base.Schema)) {
	if proxy == nil {
		return
	}
	schema := proxy.Schema()
	visit(where, schema)
	for name, property := range schema.Properties.FromOldest() {
		walk(where+"."+name, property, visit)
	}
	if schema.Items != nil && schema.Items.IsA() {
		walk(where+"[]", schema.Items.A, visit)
	}
	if schema.AdditionalProperties != nil && schema.AdditionalProperties.IsA() {
		walk(where+".*", schema.AdditionalProperties.A, visit)
	}
	for _, part := range slices.Concat(schema.OneOf, schema.AnyOf) {
		walk(where, part, visit)
	}
	if len(schema.AllOf) > 0 { // what is after the first only narrows it
		walk(where, schema.AllOf[0], visit)
	}
}

// An object without additionalProperties takes any field, and the contract test
// would not find one that the document lacks.
func TestDocumentObjectsAreClosed(t *testing.T) {
	open := map[string]string{
		"context": "a risk component may say what it likes",
		"*":       "the tables of the configuration, which have a document of their own",
	}
	closed := 0
	visit := func(where string, schema *base.Schema) {
		if !slices.Contains(schema.Type, "object") {
			return
		}
		last := where[strings.LastIndex(where, ".")+1:]
		if open[last] != "" && schema.AdditionalProperties == nil && orderedmap.Len(schema.Properties) == 0 {
			return
		}
		closed++
		require.NotNil(t, schema.AdditionalProperties, "%s says nothing of other fields", where)
		assert.True(t, schema.AdditionalProperties.IsA() || !schema.AdditionalProperties.B, "%s takes any other field", where)
	}
	for _, operation := range newContract(t).operations() {
		for media, body := range bodies(operation) {
			walk(operation.OperationId+" "+media, body.Schema, visit)
		}
	}
	require.Greater(t, closed, 30)
}

func TestEveryInputHasALimit(t *testing.T) {
	c := newContract(t)
	seen := 0
	visit := func(where string, schema *base.Schema) {
		seen++
		switch {
		case len(schema.Enum) > 0 || slices.Contains(schema.Type, "object") || slices.Contains(schema.Type, "boolean") || slices.Equal(schema.Type, []string{"null"}):
		case slices.Contains(schema.Type, "array"):
			assert.NotNil(t, schema.MaxItems, "%s may have any number of items", where)
		case slices.Contains(schema.Type, "integer"):
			assert.True(t, schema.Minimum != nil && schema.Maximum != nil, "%s may be any number", where)
		case slices.Contains(schema.Type, "string"):
			assert.True(t, schema.MaxLength != nil || schema.Pattern != "" || schema.Format != "", "%s may be any text", where)
		case len(schema.Type) > 0:
			assert.Fail(t, "neither text, number, list, object nor a choice", "%s: %v", where, schema.Type)
		}
	}
	for _, operation := range c.operations() {
		for _, parameter := range operation.Parameters {
			walk(operation.OperationId+" "+parameter.Name, parameter.Schema, visit)
		}
		if operation.RequestBody != nil {
			walk(operation.OperationId, operation.RequestBody.Content.GetOrZero(asJSON).Schema, visit)
		}
	}
	require.Greater(t, seen, 30)
}

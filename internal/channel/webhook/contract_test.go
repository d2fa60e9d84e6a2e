//go:build !fuzz && !race

package webhook_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi"
	"github.com/pb33f/libopenapi-validator/config"
	"github.com/pb33f/libopenapi-validator/schema_validation"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/api"
	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/channel/channeltest"
	"alertd/internal/channel/webhook"
	"alertd/internal/incident"
)

// document is what api/openapi.yaml says of webhooks.
type document struct {
	operation *v3.Operation
	schemas   schema_validation.SchemaValidator
}

func newDocument(tb testing.TB) document {
	tb.Helper()
	parsed, err := libopenapi.NewDocument(api.OpenAPI())
	require.NoError(tb, err)
	model, err := parsed.BuildV3Model()
	require.NoError(tb, err)
	item := model.Model.Webhooks.GetOrZero("incident")
	require.NotNil(tb, item, "the document has no webhook")
	return document{item.Post, schema_validation.NewSchemaValidator(config.WithFormatAssertions())}
}

// judge says what the document has against a body.
func (d document) judge(body string) []string {
	schema := d.operation.RequestBody.Content.GetOrZero("application/json").Schema.Schema()
	_, problems := d.schemas.ValidateSchemaString(schema, body)
	var said []string
	for _, p := range problems {
		said = append(said, p.Error())
		for _, e := range p.SchemaValidationErrors {
			said = append(said, e.Reason)
		}
	}
	return said
}

// judgeHeader says what the document has against the headers of a request.
func (d document) judgeHeader(header http.Header) []string {
	var said []string
	for _, parameter := range d.operation.Parameters {
		value := header.Get(parameter.Name)
		if value == "" {
			if parameter.Required != nil && *parameter.Required {
				said = append(said, parameter.Name+" is missing")
			}
			continue
		}
		encoded := value
		if parameter.Schema.Schema().Type[0] == "string" {
			encoded = `"` + value + `"`
		}
		if ok, problems := d.schemas.ValidateSchemaString(parameter.Schema.Schema(), encoded); !ok {
			said = append(said, parameter.Name+": "+problems[0].Error())
		}
	}
	return said
}

func TestEveryMessageIsWhatTheDocumentSays(t *testing.T) {
	d := newDocument(t)
	for _, reason := range channeltest.Reasons() {
		got, result := send(t, webhook.Config{Secret: secret}, channeltest.Notification(reason), http.StatusOK)
		require.Equal(t, channel.Delivered, result.Outcome)
		assert.Empty(t, d.judge(got.body), "%s: %s", reason, got.body)
		assert.Empty(t, d.judgeHeader(got.header), reason)
	}
}

func TestHostileTextsFitTheSchema(t *testing.T) {
	d := newDocument(t)
	rapid.Check(t, func(rt *rapid.T) {
		n := channeltest.HostileNotification().Draw(rt, "notification")
		got, _ := send(t, webhook.Config{Secret: secret}, n, http.StatusOK)
		if problems := d.judge(got.body); len(problems) > 0 {
			rt.Fatalf("%v: %s", problems, got.body)
		}
	})
}

func TestTheDocumentRefusesWhatIsNoMessage(t *testing.T) {
	d := newDocument(t)
	got, _ := send(t, webhook.Config{Secret: secret}, channeltest.Notification(incident.WasResolved), http.StatusOK)
	require.Empty(t, d.judge(got.body))
	for name, change := range map[string][2]string{
		"a type that is none":      {`"type":"incident.resolved"`, `"type":"incident.reopened"`},
		"a time of another form":   {`"timestamp":"2025`, `"timestamp":"25`},
		"a field less":             {`"new_events":0,`, ``},
		"a field more":             {`"new_events":0`, `"new_events":0,"more":1`},
		"another status":           {`"status":"resolved"`, `"status":"closed"`},
		"an id that is none":       {`"incident_id":"`, `"incident_id":"x`},
		"no context":               {`"context":{`, `"contexts":{`},
		"an empty acknowledged_by": {`"acknowledged_by":"ada"`, `"acknowledged_by":""`},
	} {
		changed := strings.Replace(got.body, change[0], change[1], 1)
		require.NotEqual(t, got.body, changed, name)
		assert.NotEmpty(t, d.judge(changed), name)
	}
	got.header.Set("webhook-signature", "sha256=abc")
	got.header.Del("webhook-id")
	assert.Len(t, d.judgeHeader(got.header), 2)
}

func TestTheDocumentsAnswersMeanWhatItSays(t *testing.T) {
	want := map[string]channel.Outcome{
		"200": channel.Delivered, "400": channel.Permanent, "408": channel.Transient, "410": channel.Permanent, "413": channel.Permanent,
		"415": channel.Permanent, "429": channel.Transient, "500": channel.Transient,
	}
	d := newDocument(t)
	seen := 0
	for code := range d.operation.Responses.Codes.KeysFromOldest() {
		status, err := strconv.Atoi(code)
		require.NoError(t, err)
		_, result := send(t, webhook.Config{}, channeltest.Notification(incident.Opened), status)
		assert.Equal(t, want[code], result.Outcome, "%s is in the document with another meaning, or not in this test", code)
		seen++
	}
	assert.Equal(t, len(want), seen)
}

func TestSizeIsWithinTheDocumentedLimit(t *testing.T) {
	worst := strings.Repeat("\x01", 8190)
	n := channeltest.Opened(alerting.SeverityCritical, "."+strings.Repeat("\x01", 253)+".", "."+worst+".", `{"a":"`+strings.Repeat("é", 8000)+`"}`)
	n.Notice.Note, n.Notice.By = worst, strings.Repeat("\x01", 255)
	got, result := send(t, webhook.Config{Secret: secret}, n, http.StatusOK)
	require.Equal(t, channel.Delivered, result.Outcome)
	assert.Less(t, len(got.body), 200<<10)
	usual, _ := send(t, webhook.Config{}, channeltest.Notification(incident.Updated), http.StatusOK)
	assert.Less(t, len(usual.body), 20<<10)
}

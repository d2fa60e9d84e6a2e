//go:build !fuzz && !race

package watchdog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pb33f/libopenapi"
	"github.com/pb33f/libopenapi-validator/config"
	"github.com/pb33f/libopenapi-validator/schema_validation"
	"github.com/stretchr/testify/require"

	"alertd/api"
	"alertd/internal/watchdog"
)

func TestTheMessageIsWhatTheDocumentSays(t *testing.T) {
	parsed, err := libopenapi.NewDocument(api.OpenAPI())
	require.NoError(t, err)
	model, err := parsed.BuildV3Model()
	require.NoError(t, err)
	operation := model.Model.Webhooks.GetOrZero("watchdog").Post
	schema := operation.RequestBody.Content.GetOrZero("application/json").Schema.Schema()
	schemas := schema_validation.NewSchemaValidator(config.WithFormatAssertions())

	o := listen(t)
	keep(t, watchdog.Config{URL: o.url, Every: time.Minute}, func(t *testing.T, d *dog) {
		after(2 * time.Second)
		d.stuck.Store(true)
		after(5 * time.Minute)
		d.stuck.Store(false)
		after(2 * time.Second)
		heard := o.heard()
		require.Len(t, heard, 3)
		for _, one := range heard {
			body := strings.TrimPrefix(one, "POST application/json ")
			ok, problems := schemas.ValidateSchemaString(schema, body)
			require.True(t, ok, "%s: %v", body, problems)
		}
		ok, _ := schemas.ValidateSchemaString(schema, strings.Replace(strings.TrimPrefix(heard[2], "POST application/json "), `["fold"]`, `["engine"]`, 1))
		require.False(t, ok, "it says what may be missing")
	})
}

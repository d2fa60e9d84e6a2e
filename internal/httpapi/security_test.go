//go:build !fuzz && !race

package httpapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
	"github.com/stretchr/testify/require"

	"alertd/internal/access"
	"alertd/internal/httpapi"
	"alertd/internal/limit"
)

// schemes are the ways to show who one is; each is enough for every operation.
func schemes() []string { return []string{"token", "certificate", "session"} }

// needOf returns what an operation's security in the document asks for.
func needOf(tb testing.TB, operation *v3.Operation) access.Need {
	tb.Helper()
	require.NotNil(tb, operation.Security, "%s does not state its security", operation.OperationId)
	needs := map[string]string{}
	for _, requirement := range operation.Security {
		if requirement.ContainsEmptyRequirement {
			return access.NeedNothing
		}
		require.Equal(tb, 1, requirement.Requirements.Len(), "%s: one of them is enough", operation.OperationId)
		for scheme, roles := range requirement.Requirements.FromOldest() {
			require.LessOrEqual(tb, len(roles), 1, operation.OperationId)
			needs[scheme] = strings.Join(roles, "")
		}
	}
	if len(needs) == 0 {
		return access.NeedNothing
	}
	role := needs["token"]
	for _, scheme := range schemes() {
		require.Equal(tb, role, needs[scheme], "%s: by %s", operation.OperationId, scheme)
	}
	require.Len(tb, needs, len(schemes()), operation.OperationId)
	if role == "" {
		return access.NeedKnown
	}
	for need := access.NeedIngest; need <= access.NeedAdmin; need++ {
		if string(need.Roles()[0]) == role {
			return need
		}
	}
	require.Fail(tb, "no need begins with this role", "%s: %s", operation.OperationId, role)
	return 0
}

func TestDocumentStatesTheNeedOfEveryRoute(t *testing.T) {
	c := newContract(t)
	documented, routed := map[string]access.Need{}, map[string]access.Need{}
	for _, o := range c.documentedOperations() {
		documented[o.method+" "+o.path] = needOf(t, o.Operation)
	}
	for _, row := range contractRoutes(t) {
		routed[row.Method+" "+row.Pattern] = row.Need
	}
	require.Equal(t, routed, documented)
	require.Equal(t, len(schemes()), c.document.Components.SecuritySchemes.Len())
}

// documentedOperation is an operation with its method and path.
type documentedOperation struct {
	*v3.Operation
	method, path string
}

// documentedOperations returns all operations of the document, in its order.
func (c *contract) documentedOperations() []documentedOperation {
	var all []documentedOperation
	for path, item := range c.document.Paths.PathItems.FromOldest() {
		for method, operation := range item.GetOperations().FromOldest() {
			all = append(all, documentedOperation{operation, strings.ToUpper(method), path})
		}
	}
	return all
}

// example returns the request that the document shows.
func (o documentedOperation) example(tb testing.TB) exchange {
	tb.Helper()
	x := exchange{method: o.method, target: o.path}
	for _, parameter := range o.Parameters {
		if parameter.In == "path" {
			var value string
			require.NoError(tb, parameter.Example.Decode(&value))
			x.target = strings.ReplaceAll(x.target, "{"+parameter.Name+"}", url.PathEscape(value))
		}
	}
	if o.RequestBody != nil {
		media := o.RequestBody.Content.First()
		body, err := json.Marshal(examplesOf(tb, media.Value())[0])
		require.NoError(tb, err)
		x.body, x.header = string(body), []string{"Content-Type", media.Key()}
	}
	return x
}

// oneRequest allows one request an hour.
func oneRequest(c *httpapi.Config) { c.Settings.Limits.Rate = limit.Rate{Count: 1, Per: time.Hour} }

func spendOneRequest(h *harness, server *httptest.Server) {
	request, err := http.NewRequestWithContext(h.tb.Context(), http.MethodGet, server.URL+"/openapi.yaml", nil)
	require.NoError(h.tb, err)
	answer, err := server.Client().Do(request) //nolint:bodyclose // readAll closes it
	require.NoError(h.tb, err)
	readAll(h.tb, answer.Body)
	require.Equal(h.tb, http.StatusOK, answer.StatusCode)
}

// exchanges returns those of the table, and for every operation its refusals of callers.
func (c *contract) exchanges(tb testing.TB) map[string]exchange {
	tb.Helper()
	all := exchanges(tb)
	directory, tokens := tokensOfRoles(tb)
	known := func(config *httpapi.Config) { config.Settings.Access = directory }
	for _, o := range c.documentedOperations() {
		if o.Responses.Codes.GetOrZero("429") != nil {
			flood := o.example(tb)
			flood.config, flood.given, flood.status, flood.says = oneRequest, spendOneRequest, http.StatusTooManyRequests, "rate allows 1 an hour"
			flood.want = []string{"Retry-After", "3600", "Content-Type", "application/problem+json"}
			all[fmt.Sprintf("%s %s too often", o.method, o.path)] = flood
		}
		need := needOf(tb, o.Operation)
		if need == access.NeedNothing {
			continue
		}
		unknown := o.example(tb)
		unknown.config, unknown.status, unknown.says = known, http.StatusUnauthorized, "needs a token"
		unknown.want = []string{"WWW-Authenticate", `Bearer realm="alertd"`}
		all[fmt.Sprintf("%s %s by nobody", o.method, o.path)] = unknown
		for role := range maps.Keys(tokens) {
			if !role.Allows(need) {
				forbidden := o.example(tb)
				forbidden.config, forbidden.status, forbidden.says = known, http.StatusForbidden, "needs the role "+need.String()
				forbidden.header = append(forbidden.header, "Authorization", tokens[role])
				all[fmt.Sprintf("%s %s by %s", o.method, o.path, role)] = forbidden
			}
		}
	}
	return all
}

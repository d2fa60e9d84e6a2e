//go:build !fuzz && !race

package httpapi_test

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"alertd/internal/access"
	"alertd/internal/alerting"
	"alertd/internal/dashboard"
	"alertd/internal/httpapi"
	"alertd/internal/openid"
	"alertd/internal/openid/openidtest"
)

var update = flag.Bool("update", false, "write docs/security-matrix.md anew")

// matrixFile is the document of the matrix.
const matrixFile = "../../docs/security-matrix.md"

// visitor is a column of the matrix: somebody who makes requests.
type visitor struct {
	name string
	// role is the one that the visitor has; "": it is not known.
	role access.Role
	// foreign says that its requests come from a web page of another origin, elsewhere that it
	// may send alerts for other sources only than those of the document's examples.
	foreign, elsewhere bool
	// header makes what it sends, names and values in turn.
	header func(*building) []string
}

// building is an API and the keys to it.
type building struct {
	*harness
	keys map[string]string // what visitors send as Authorization, by their names
}

// tokenOfExample is the token with which the document's example signs in.
const tokenOfExample = "alertd_000000000000000000000000000000000000000000035oihA"

// visitors returns the columns of the matrix.
func visitors() []visitor {
	token := func(name string) func(*building) []string {
		return func(b *building) []string { return []string{"Authorization", b.keys[name]} }
	}
	session := func(b *building) []string { return []string{"Cookie", b.signIn(b.keys[string(access.RoleOperator)])} }
	all := []visitor{{name: "no token", header: func(*building) []string { return nil }}}
	for _, role := range access.Roles() {
		all = append(all, visitor{name: string(role), role: role, header: token(string(role))})
	}
	return append(all,
		visitor{name: "expired", header: token("expired")},
		visitor{name: "revoked", header: token("revoked")},
		visitor{name: "wrong source", role: access.RoleIngest, elsewhere: true, header: token("wrong source")},
		visitor{name: "session", role: access.RoleOperator, header: session},
		visitor{name: "session, another origin", role: access.RoleOperator, foreign: true, header: session},
	)
}

// newBuilding returns an API in which everything is there that the document's examples ask
// for, after a reload that has taken a token away.
func newBuilding(tb testing.TB, provider *openid.Provider) *building {
	tb.Helper()
	b := &building{keys: map[string]string{}}
	entry := func(name string, role access.Role) access.Entry {
		secret := access.NewSecret()
		b.keys[name] = "Bearer " + secret.Reveal()
		return access.Entry{Name: strings.ReplaceAll(name, " ", "-"), Role: role, Hash: secret.Hash()}
	}
	revoked, expired, elsewhere := entry("revoked", access.RoleAdmin), entry("expired", access.RoleAdmin), entry("wrong source", access.RoleIngest)
	expired.Expires = time.Now().Add(-time.Second)
	elsewhere.Sources = []string{"elsewhere_*"}
	signsIn, err := access.ParseSecret(tokenOfExample)
	require.NoError(tb, err)
	entries := []access.Entry{expired, elsewhere, {Name: "example", Role: access.RoleRead, Hash: signsIn.Hash()}}
	for _, role := range access.Roles() {
		entries = append(entries, entry(string(role), role))
	}
	before, err := access.NewDirectory(append(entries, revoked), false)
	require.NoError(tb, err)
	after, err := access.NewDirectory(entries, false)
	require.NoError(tb, err)
	b.harness = newHarness(tb, quiet, func(c *httpapi.Config) { c.Settings.Access, c.OpenID = before, provider })
	require.Equal(tb, http.StatusOK, b.do(http.MethodGet, "/config", "", "Authorization", b.keys["revoked"]).status)
	b.api.Reconfigure(httpapi.Settings{Access: after})

	id, err := alerting.ParseEventID(knownID)
	require.NoError(tb, err)
	registered, err := b.manager.Register(tb.Context(), alerting.Alert{
		EventID: id, Severity: alerting.SeverityError, Category: alerting.CategoryRiskLimit, Source: "var_gate", Message: "limit",
	})
	require.NoError(tb, err)
	b.desk.fold(registered.Event)
	b.desk.furnish()
	return b
}

// untilFlushed is a connection whose client goes away at the first part of a stream.
type untilFlushed struct {
	*httptest.ResponseRecorder
	leave context.CancelFunc
}

func (u untilFlushed) Flush() { u.leave() }

// visit makes the request of the document's example and returns the answer's status.
func (b *building) visit(tb testing.TB, v visitor, method string, o documentedOperation) int {
	tb.Helper()
	example := o.example(tb)
	ctx, leave := context.WithCancel(tb.Context())
	defer leave()
	r := example.request(tb, "").WithContext(ctx)
	r.Method = method
	header := v.header(b)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if v.foreign {
		r.Header.Set("Origin", "https://elsewhere.example")
	}
	w := untilFlushed{httptest.NewRecorder(), leave}
	b.api.Handler().ServeHTTP(w, r)
	return w.Code
}

// includes is what the document says of the roles: what each is enough for.
func includes(role access.Role) []access.Need {
	return map[access.Role][]access.Need{
		access.RoleIngest:   {access.NeedKnown, access.NeedIngest},
		access.RoleRead:     {access.NeedKnown, access.NeedRead},
		access.RoleOperator: {access.NeedKnown, access.NeedRead, access.NeedOperator},
		access.RoleAdmin:    {access.NeedKnown, access.NeedIngest, access.NeedRead, access.NeedOperator, access.NeedAdmin},
	}[role]
}

// refusal returns the status with which the document's security refuses a visitor, 0 if it
// does not.
func (v visitor) refusal(tb testing.TB, o documentedOperation) int {
	tb.Helper()
	need := needOf(tb, o.Operation)
	switch {
	case v.foreign && o.method != http.MethodGet:
		return http.StatusForbidden
	case need == access.NeedNothing:
		return 0
	case v.role == "":
		return http.StatusUnauthorized
	case !slices.Contains(includes(v.role), need), v.elsewhere && need == access.NeedIngest:
		return http.StatusForbidden
	}
	return 0
}

// Every operation of the document, asked for by everybody whom the configuration
// distinguishes, is answered as the document says.
func TestMatrixOfOperationsAndCallers(t *testing.T) {
	c := newContract(t)
	var provided httpapi.Config
	byProvider(t, &provided, openidtest.Start(t, callback))
	provider := provided.OpenID
	var table strings.Builder
	columns := visitors()
	table.WriteString("| operation | needs |")
	for _, v := range columns {
		table.WriteString(" " + v.name + " |")
	}
	table.WriteString("\n|---|---|" + strings.Repeat("---|", len(columns)) + "\n")
	for _, o := range c.documentedOperations() {
		methods, need := []string{o.method}, "nothing"
		if o.method == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
		if n := needOf(t, o.Operation); n == access.NeedKnown {
			need = "any role"
		} else if n != access.NeedNothing {
			need = string(n.Roles()[0])
		}
		fmt.Fprintf(&table, "| %s `%s` | %s |", strings.Join(methods, ", "), o.path, need)
		for _, v := range columns {
			want, shown := v.refusal(t, o), 0
			for _, method := range methods {
				got := newBuilding(t, provider).visit(t, v, method, o)
				if o.OperationId == "getLoginCallback" && want == 0 { // nobody of them comes from the provider
					assert.Equal(t, http.StatusUnauthorized, got, "%s %s by %s", method, o.path, v.name)
				} else if want != 0 {
					assert.Equal(t, want, got, "%s %s by %s", method, o.path, v.name)
				} else {
					assert.Less(t, got, 400, "%s %s by %s", method, o.path, v.name)
				}
				assert.NotNil(t, o.Responses.Codes.GetOrZero(strconv.Itoa(got)), "%s %s by %s: the document lacks %d", method, o.path, v.name, got)
				assert.True(t, shown == 0 || shown == got, "%s %s by %s: HEAD is not answered as GET", method, o.path, v.name)
				shown = got
			}
			fmt.Fprintf(&table, " %d |", shown)
		}
		table.WriteString("\n")
	}
	text := matrixHead + table.String()
	if *update {
		require.NoError(t, os.WriteFile(matrixFile, []byte(text), 0o644))
	}
	written, err := os.ReadFile(matrixFile)
	require.NoError(t, err)
	require.Equal(t, string(written), text, "run go test ./internal/httpapi -run Matrix -update")
}

// matrixHead is the text above the table.
const matrixHead = `# Who may do what

This table is written by a test (TestMatrixOfOperationsAndCallers in internal/httpapi), which asks for every operation of
api/openapi.yaml as every kind of caller and compares the answer with the operation's ` + "`security`" + `. It fails if a route is not in
the document, or the document has one that alertd lacks.

Each cell is the status of the answer to the document's example: 200, 201, 302 and 303 are success, 401 means that the caller is not known,
403 that it may not. *needs* is the role that the operation names; [operations.md](operations.md) says which roles include it. *expired* and
*revoked* had the role admin: the token of the first has passed its ` + "`expires`" + `, that of the second is gone since a reload. *wrong source* is
a token with the role ingest whose ` + "`sources`" + ` match neither the alert's source nor the heartbeat's name. *session* is the session of a person
who has signed in with a token of the role operator; *another origin*: its requests come from a web page of another site, whose answers the
browser then keeps from that page. To /login/callback nobody of them comes from the provider. Without tokens and OpenID Connect in the configuration
anybody is answered as admin.

`

func TestEveryRouteOfTheRouterIsInTheDocument(t *testing.T) {
	documented := map[string]bool{}
	for _, o := range newContract(t).documentedOperations() {
		documented[o.method+" "+o.path] = true
		if o.method == http.MethodGet {
			documented["HEAD "+o.path] = true
		}
	}
	routed := map[string]bool{}
	require.NoError(t, chi.Walk(newHarness(t).routes(), func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if !strings.HasPrefix(route, dashboard.Prefix) {
			routed[method+" "+route] = true
		}
		return nil
	}))
	require.Equal(t, documented, routed)
}

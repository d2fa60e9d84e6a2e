package httpapi_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// elements returns the elements of a page of HTML that is as regular as ours.
func elements(tb testing.TB, page string) []xml.StartElement {
	tb.Helper()
	decoder := xml.NewDecoder(strings.NewReader(page))
	decoder.Strict, decoder.AutoClose, decoder.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var found []xml.StartElement
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return found
		}
		require.NoError(tb, err)
		if element, ok := token.(xml.StartElement); ok {
			found = append(found, element.Copy())
		}
	}
}

func attribute(element xml.StartElement, name string) (string, bool) {
	i := slices.IndexFunc(element.Attr, func(a xml.Attr) bool { return strings.EqualFold(a.Name.Local, name) })
	if i < 0 {
		return "", false
	}
	return element.Attr[i].Value, true
}

func TestDocsPageLoadsNothingFromElsewhere(t *testing.T) {
	h := newHarness(t)
	page := h.get("/docs").body
	loaded := 0
	for _, element := range elements(t, page) {
		name := element.Name.Local
		for _, a := range element.Attr {
			assert.False(t, strings.HasPrefix(strings.ToLower(a.Name.Local), "on") || a.Name.Local == "style", "<%s %s>: the policy lets no script or style in the page's text run", name, a.Name.Local)
		}
		if name == "script" {
			_, outside := attribute(element, "src")
			assert.True(t, outside, "a script in the page's text, which the policy does not let run")
		}
		for _, refers := range []string{"src", "href", "srcset", "data", "action", "poster", "background", "formaction", "manifest"} {
			target, ok := attribute(element, refers)
			if !ok || target == "data:," {
				continue
			}
			loaded++
			require.Regexp(t, `^/[^/]`, target, "<%s %s>", name, refers)
			require.Equal(t, http.StatusOK, h.get(target).status, target)
		}
	}
	require.Equal(t, 4, loaded, "the style, two scripts and the link to the document")
	assert.NotContains(t, page, "://")
	for _, own := range []string{"/docs/docs.js", "/docs/docs.css"} {
		text := h.get(own).body
		assert.NotContains(t, text, "://", own)
		assert.NotRegexp(t, `(?i)url\(|@import`, text, own)
	}
	assert.NotRegexp(t, `\]\((https?:)?//`, h.get("/openapi.yaml").body, "a picture or a link in the document's own text")
}

func TestDocsPolicyAllowsOnlyAlertd(t *testing.T) {
	allowed := map[string][]string{
		"default-src":     {"'none'"},
		"script-src":      {"'self'"},
		"style-src":       {"'self'", "'unsafe-inline'"}, // the renderer makes style elements
		"img-src":         {"'self'", "data:"},
		"font-src":        {"'self'"},
		"connect-src":     {"'self'"},
		"worker-src":      {"'self'", "blob:"}, // its search is a worker
		"base-uri":        {"'none'"},
		"form-action":     {"'none'"},
		"frame-ancestors": {"'none'"},
	}
	h := newHarness(t)
	for _, target := range []string{"/docs", "/docs/index.html", "/docs/redoc.standalone.js"} {
		policy := h.get(target).header.Values("Content-Security-Policy")
		require.Len(t, policy, 1, target)
		found := map[string][]string{}
		for directive := range strings.SplitSeq(policy[0], ";") {
			words := strings.Fields(directive)
			found[words[0]] = words[1:]
		}
		require.Equal(t, allowed, found, target)
	}
}

// The renderer is not ours. It names hosts in links, in comments and in the names
// of namespaces, and it loads nothing from them; a new one must be looked at before it
// is added here.
func TestDocsRendererIsTheReviewedOne(t *testing.T) {
	script := newHarness(t).get("/docs/redoc.standalone.js").body
	data, err := os.ReadFile(filepath.Join("..", "..", "api", "docs", "manifest.json"))
	require.NoError(t, err)
	var manifest struct{ File, SHA256 string }
	require.NoError(t, json.Unmarshal(data, &manifest))
	sum := sha256.Sum256([]byte(script))
	require.Equal(t, "redoc.standalone.js", manifest.File)
	require.Equal(t, manifest.SHA256, hex.EncodeToString(sum[:]), "api/docs/refresh.sh writes both")

	known := []string{
		"example.com", "fb.me", "git.io", "github.com", "json-schema.org", "marked.js.org", "raw.githubusercontent.com",
		"reactjs.org", "redocly.com", "stackoverflow.com", "www.w3.org",
	}
	var hosts []string
	for _, match := range regexp.MustCompile(`(?i)(?:https?:|wss?:)?//([a-z0-9.-]+\.[a-z]{2,})`).FindAllStringSubmatch(script, -1) {
		hosts = append(hosts, match[1])
	}
	slices.Sort(hosts)
	require.Equal(t, known, slices.Compact(hosts))
	loads := regexp.MustCompile(`(@import|\burl\(|\bsrc\s*[:=]|\bfetch\(|\bimport\()\s*["'\x60]?(https?:)?//`).FindString(script)
	assert.Empty(t, loads, "it would load from another host")
	for line := range strings.Lines(script) {
		assert.False(t, strings.HasPrefix(line, "//# sourceMappingURL="), "it names a map that is not there")
	}
	licence := newHarness(t).get("/docs/LICENSE.redoc.txt").body
	for _, whose := range []string{"Rebilly", "Facebook", "DOMPurify", "lunr"} { // what the bundle has in it
		assert.Contains(t, licence, whose)
	}
}

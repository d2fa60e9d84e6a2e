package httpapi_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/dashboard"
)

// navigates is what browsers accept when somebody goes to an address.
const navigates = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"

// A link in a message leads a person to the page of what a program reads at the same address.
func TestAddressesAreAPageForBrowsersAndJSONForPrograms(t *testing.T) {
	h := newHarness(t)
	pages := 0
	for _, row := range h.api.Routes() {
		if row.Method != http.MethodGet {
			continue
		}
		target := regexp.MustCompile(`\{[a-z_]+\}`).ReplaceAllString(row.Pattern, "019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55")
		if row.Pattern == "/events/stream" {
			continue
		}
		answer := h.do(http.MethodGet, target, "", "Accept", navigates)
		if answer.header.Get("Content-Security-Policy") != dashboard.Policy {
			continue
		}
		pages++
		require.Equal(t, http.StatusOK, answer.status, target)
		require.Contains(t, answer.body, "/main.js", target)
		require.Contains(t, answer.header.Values("Vary"), "Accept", target)
		if target != "/" && target != "/explain" {
			require.NotContains(t, h.do(http.MethodGet, target, "", "Accept", "*/*").header.Get("Content-Type"), "html", target)
			require.NotContains(t, h.get(target).header.Get("Content-Type"), "html", target)
		}
	}
	require.Equal(t, 12, pages)
}

func TestPageLoadsWhatBrowsersMayKeep(t *testing.T) {
	h := newHarness(t)
	page := h.get("/").body
	addresses := regexp.MustCompile(`(?:href|src)="(/assets/[^"]+)"`).FindAllStringSubmatch(page, -1)
	require.Greater(t, len(addresses), 10)
	for _, address := range addresses {
		answer := h.get(address[1])
		require.Equal(t, http.StatusOK, answer.status, address[1])
		require.Equal(t, "public, max-age=31536000, immutable", answer.header.Get("Cache-Control"))
		require.NotEmpty(t, answer.header.Get("Content-Type"))
		// A page that was loaded before an upgrade must not mix two versions.
		other := strings.Replace(address[1], dashboard.Prefix, dashboard.Prefix+"0", 1)
		requireProblem(t, h.get(other), http.StatusNotFound)
	}
	for _, target := range []string{"/assets/", "/assets/x", "/assets/../main.js", "/assets/x/index.html"} {
		requireProblem(t, h.get(target), http.StatusNotFound)
	}
}

package dashboard_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/dashboard"
)

func TestVendoredModulesAreWhatTheManifestSays(t *testing.T) {
	text, err := os.ReadFile("web/vendor/manifest.json")
	require.NoError(t, err)
	var manifest []struct{ File, Package, Version, Licence, Integrity, SHA256 string }
	require.NoError(t, json.Unmarshal(text, &manifest))
	listed := map[string]bool{"LICENSES.txt": true}
	for _, module := range manifest {
		content, err := os.ReadFile(filepath.Join("web/vendor", module.File))
		require.NoError(t, err)
		sum := sha256.Sum256(content)
		require.Equal(t, module.SHA256, hex.EncodeToString(sum[:]), "%s was changed; run make dashboard-vendor", module.File)
		require.NotEmpty(t, module.Version)
		require.NotEmpty(t, module.Licence)
		require.True(t, strings.HasPrefix(module.Integrity, "sha512-"))
		listed[module.File] = true
	}
	licences, err := os.ReadFile("web/vendor/LICENSES.txt")
	require.NoError(t, err)
	for _, module := range manifest {
		require.Contains(t, string(licences), module.Package+" "+module.Version+" ("+module.Licence+")")
	}
	files, err := filepath.Glob("web/vendor/*")
	require.NoError(t, err)
	for _, file := range files {
		name := filepath.Base(file)
		if !strings.HasSuffix(name, ".d.ts") && name != "manifest.json" {
			require.True(t, listed[name], "%s is not in the manifest", name)
		}
	}
}

// sources returns the dashboard's own scripts, by their paths below web.
func sources(tb testing.TB) map[string]string {
	tb.Helper()
	found := map[string]string{}
	require.NoError(tb, filepath.WalkDir("web", func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".js" || filepath.Dir(path) == "web/vendor" {
			return err
		}
		content, err := os.ReadFile(path)
		found[strings.TrimPrefix(path, "web/")] = string(content)
		return err
	}))
	return found
}

func TestOnlyOneScriptFetches(t *testing.T) {
	fetches := regexp.MustCompile(`\bfetch\(|XMLHttpRequest|new EventSource|new WebSocket|sendBeacon`)
	for name, text := range sources(t) {
		if name != "api.js" {
			require.NotRegexp(t, fetches, text, name)
		}
	}
}

func TestNoTextBecomesMarkup(t *testing.T) {
	unsafe := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|javascript:`)
	for name, text := range sources(t) {
		require.NotRegexp(t, unsafe, text, name)
	}
}

// A page is a folder that can be added and removed without touching another.
func TestPagesDoNotImportEachOther(t *testing.T) {
	imported := regexp.MustCompile(`(?:from|import)[ (]*"(\.[^"]+)"`)
	for name, text := range sources(t) {
		folder := filepath.Dir(name)
		for _, match := range imported.FindAllStringSubmatch(text, -1) {
			target := filepath.Dir(filepath.Join(folder, match[1]))
			if name != "pages.js" {
				require.Contains(t, []string{folder, ".", "components", "vendor", "../types"}, target, "%s imports %s", name, match[1])
			}
		}
	}
}

func TestEveryImportIsThere(t *testing.T) {
	d, err := dashboard.New()
	require.NoError(t, err)
	imported := regexp.MustCompile(`(?m)(?:^import|^export|\bfrom|import)[ (]*"(\.[^"]+)"`)
	comments := regexp.MustCompile(`(?s)/\*.*?\*/`)
	for name, text := range sources(t) {
		for _, match := range imported.FindAllStringSubmatch(comments.ReplaceAllString(text, ""), -1) {
			_, found := d.Asset(filepath.Join(filepath.Dir(name), match[1]))
			require.True(t, found, "%s imports %s, which is not embedded", name, match[1])
		}
	}
	require.Contains(t, string(d.Page), "/assets/"+d.Version+"/main.js")
	require.NotContains(t, string(d.Page), "{base}")
	require.NotContains(t, string(d.Page), "<!-- modules -->")
	_, found := d.Asset("index.html")
	require.False(t, found)
}

// A style sheet stays when another page is shown, so what two pages call the same would be mixed.
func TestPagesDoNotStyleEachOther(t *testing.T) {
	sheets, err := filepath.Glob("web/*/*.css")
	require.NoError(t, err)
	rule := regexp.MustCompile(`([^{}]+)\{`)
	class := regexp.MustCompile(`^\s*\.([\w-]+)`)
	folders := map[string]string{}
	for _, sheet := range sheets {
		folder := filepath.Base(filepath.Dir(sheet))
		if folder == "components" || folder == "vendor" {
			continue
		}
		text, err := os.ReadFile(sheet)
		require.NoError(t, err)
		for _, selectors := range rule.FindAllStringSubmatch(string(text), -1) {
			for selector := range strings.SplitSeq(selectors[1], ",") {
				if found := class.FindStringSubmatch(selector); found != nil {
					name := found[1]
					if folders[name] == "" {
						folders[name] = folder
					}
					require.Equal(t, folders[name], folder, "both %s and %s style .%s; name it after the page, or put it into components", folders[name], folder, name)
				}
			}
		}
	}
}

// Package dashboard holds the web page that alertd serves at its root, and all that the
// page loads. It is embedded in the binary, and it speaks only the public API.
package dashboard

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

//go:embed web/*.html web/*.css web/*.js web/*.svg web/*.webmanifest web/*/*.js web/*/*.css web/vendor/*.txt
var files embed.FS

// Policy is the Content-Security-Policy of the page (CSP Level 3): everything comes from
// alertd itself, nothing in the page's text is run, and no text becomes markup.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// Prefix is where the assets are: below it come [Dashboard.Version] and a file's path.
const Prefix = "/assets/"

// Dashboard is the page and its assets. It does not change, so it is safe for concurrent use.
type Dashboard struct {
	// Version is a hash of all assets. It is part of their addresses, so that browsers may
	// keep what they have loaded, and never mix the assets of two versions.
	Version string
	// Page is the HTML of every page: the script draws what the address asks for.
	Page   []byte
	assets map[string]Asset
}

// Asset is a file that the page loads.
type Asset struct {
	Content     []byte
	ContentType string
}

// New reads the embedded files.
func New() (*Dashboard, error) {
	web, err := fs.Sub(files, "web")
	if err != nil {
		return nil, fmt.Errorf("dashboard: %w", err)
	}
	d := &Dashboard{assets: map[string]Asset{}}
	hash := sha256.New()
	err = fs.WalkDir(web, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(web, name)
		if err != nil {
			return err
		}
		hash.Write(fmt.Appendf(nil, "%s %d\n", name, len(content)))
		hash.Write(content)
		d.assets[name] = Asset{content, contentTypes[path.Ext(name)]}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("dashboard: %w", err)
	}
	d.Version = hex.EncodeToString(hash.Sum(nil)[:8])
	d.Page = d.page(d.assets["index.html"].Content)
	delete(d.assets, "index.html")
	return d, nil
}

var contentTypes = map[string]string{
	".html":        "text/html; charset=utf-8",
	".css":         "text/css; charset=utf-8",
	".js":          "text/javascript; charset=utf-8",
	".svg":         "image/svg+xml",
	".webmanifest": "application/manifest+json",
	".txt":         "text/plain; charset=utf-8",
}

// Asset returns the asset with a path, such as components/time.js.
func (d *Dashboard) Asset(name string) (asset Asset, found bool) {
	asset, found = d.assets[name]
	return asset, found
}

// page fills in where the assets are, and names the scripts that are needed at once, so
// that the browser does not learn of them one after the other.
func (d *Dashboard) page(index []byte) []byte {
	base := Prefix + d.Version + "/"
	var preload strings.Builder
	for _, name := range d.needed("main.js") {
		fmt.Fprintf(&preload, "<link rel=\"modulepreload\" href=\"%s%s\">\n", base, name)
	}
	text := strings.ReplaceAll(string(index), "{base}", base)
	return []byte(strings.Replace(text, "<!-- modules -->\n", preload.String(), 1))
}

// imported finds what a script imports at once. What it imports later, by a call, is left out.
var imported = regexp.MustCompile(`(?m)(?:\bfrom|^import) ?"(\.[^"]+)"`)

// needed returns a script and all that it imports, itself and through others, sorted.
func (d *Dashboard) needed(script string) []string {
	found, open := map[string]bool{script: true}, []string{script}
	for len(open) > 0 {
		name := open[0]
		open = open[1:]
		for _, match := range imported.FindAllSubmatch(d.assets[name].Content, -1) {
			if next := path.Join(path.Dir(name), string(match[1])); !found[next] {
				found[next] = true
				open = append(open, next)
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

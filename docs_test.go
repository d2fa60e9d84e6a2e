package alertd_test

import (
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// documents returns the Markdown files of the repository.
func documents(tb testing.TB) []string {
	tb.Helper()
	var files []string
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		found, err := filepath.Glob(pattern)
		require.NoError(tb, err)
		files = append(files, found...)
	}
	require.Contains(tb, files, "README.md")
	require.Contains(tb, files, "docs/architecture.md")
	return files
}

func TestDocumentsNameOnlyExistingThings(t *testing.T) {
	targets := regexp.MustCompile(`(?m)^([a-z0-9-]+):.*## `).FindAllStringSubmatch(readFile(t, "Makefile"), -1)
	require.NotEmpty(t, targets)
	known := func(target string) bool {
		return slices.ContainsFunc(targets, func(t []string) bool { return t[1] == target })
	}
	code := "`([^`\n]+)`"
	for _, file := range documents(t) {
		t.Run(file, func(t *testing.T) {
			text := readFile(t, file)
			for _, link := range regexp.MustCompile(`\]\(([^)#]+)\)`).FindAllStringSubmatch(text, -1) {
				if !strings.Contains(link[1], "://") {
					_, err := os.Stat(filepath.Join(filepath.Dir(file), link[1]))
					require.NoError(t, err, "a link leads nowhere")
				}
			}
			for _, name := range regexp.MustCompile(code).FindAllStringSubmatch(text, -1) {
				if regexp.MustCompile(`^[a-z][a-z_./-]*\.(go|py|sh|yaml|toml|md)$`).MatchString(name[1]) {
					found, err := filepath.Glob(name[1])
					require.NoError(t, err)
					if found == nil { // relative to a package
						found, err = filepath.Glob("internal/*/" + name[1])
						require.NoError(t, err)
					}
					require.NotEmpty(t, found, "there is no file %s", name[1])
				}
			}
			for _, target := range regexp.MustCompile("(?m)(?:^|`)make ([a-z0-9-]+)").FindAllStringSubmatch(text, -1) {
				require.True(t, known(target[1]), "there is no make %s", target[1])
			}
		})
	}
}

func TestTableOfPackagesMatchesTheCode(t *testing.T) {
	_, section, _ := strings.Cut(readFile(t, "docs/architecture.md"), "\n## Packages\n")
	section, _, _ = strings.Cut(section, "\n## ")
	shown := map[string]string{} // by package: the imports of our packages
	for line := range strings.Lines(section) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 {
			continue
		}
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[1], -1) {
			shown[name[1]] = strings.TrimSpace(cells[3])
		}
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(imports)), slices.Collect(maps.Keys(shown)))
	for name, row := range imports {
		switch shown[name] {
		case "all of the above":
			require.Equal(t, "cmd/alertd", name)
		case "none":
			require.Empty(t, row.may, name)
		default:
			var may []string
			for _, imported := range row.may {
				may = append(may, path.Base(imported))
			}
			require.ElementsMatch(t, may, strings.Split(shown[name], ", "), name)
		}
	}
}

// Each claim of docs/security.md about what stops an attacker names the tests that show it.
func TestEveryClaimOfSecurityHasItsTest(t *testing.T) {
	const file = "docs/security.md"
	link := regexp.MustCompile("\\[`((?:Test|Fuzz)\\w+)`\\]\\(([^)]+_test\\.go)\\)")
	claims, attackers := 0, 0
	for part := range strings.SplitSeq(readFile(t, file), "\n## ") {
		heading, text, _ := strings.Cut(part, "\n")
		if _, rows, found := strings.Cut(text, "| what stops them | shown by |\n|---|---|\n"); found {
			attackers++
			require.Contains(t, text, "**What does not.**", heading)
			for row := range strings.Lines(rows) {
				if !strings.HasPrefix(row, "|") {
					break
				}
				claims++
				require.Regexp(t, link, row, "a claim without a test")
			}
		}
		for _, test := range link.FindAllStringSubmatch(text, -1) {
			require.Contains(t, readFile(t, filepath.Join("docs", test[2])), "\nfunc "+test[1]+"(", "%s: there is no such test in %s", heading, test[2])
		}
	}
	require.GreaterOrEqual(t, attackers, 9)
	require.Greater(t, claims, 30)
}

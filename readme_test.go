package alertd_test

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// updateFlag writes the output of the README's commands into the README:
// go test . -run README -update.
var updateFlag = flag.Bool("update", false, "write what the commands of the README print into it")

// readmeAddr is where alertd listens in the README; a test listens elsewhere.
const readmeAddr = "127.0.0.1:8080"

// block is a fenced block of a Markdown file.
type block struct {
	line     int // number of the first line
	language string
	text     string
}

func (b block) name() string { return fmt.Sprintf("line %d, %s", b.line, b.language) }

func blocks(markdown string) []block {
	var found []block
	inside, number := false, 0
	for line := range strings.Lines(markdown) {
		number++
		language, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && !inside:
			found = append(found, block{line: number + 1, language: strings.TrimSpace(language)})
			inside = true
		case fence:
			inside = false
		case inside:
			found[len(found)-1].text += line
		}
	}
	return found
}

func readFile(tb testing.TB, name string) string {
	tb.Helper()
	data, err := os.ReadFile(name)
	require.NoError(tb, err)
	return string(data)
}

// TestREADME follows the README from top to bottom, with the alertd that its first command
// starts.
func TestREADME(t *testing.T) {
	readme := readFile(t, "README.md")
	all := blocks(readme)
	run := regexp.MustCompile(`(?m)^make run\b`).FindString(all[0].text)
	require.NotEmpty(t, run, "the first block does not start alertd")
	requireBuilt(t)
	d := startDaemon(t, "make", strings.Fields(run)[1], "ARGS=--listen 127.0.0.1:0 --config "+ownConfig(t))
	r := &reader{tb: t, here: map[string]string{readmeAddr: d.addr, "data/": t.TempDir() + "/"}}

	check := map[string]func(*testing.T, *reader, block){
		"console": checkConsole, "sh": checkShell, "python": checkPython, "yaml": checkScrapeConfig, "toml": checkConfiguration,
	}
	for _, b := range all {
		t.Run(b.name(), func(t *testing.T) {
			require.Contains(t, check, b.language, "nothing checks such a block")
			check[b.language](t, r, b)
		})
	}
	t.Run("names only existing metrics", func(t *testing.T) {
		metrics := get(t, d.url()+"/metrics") + get(t, r.translate("http://127.0.0.1:8081/metrics"))
		for _, name := range regexp.MustCompile("`(alertd_[a-z_]+)`").FindAllStringSubmatch(readme, -1) {
			require.Contains(t, metrics, "\n# TYPE "+name[1]+" ")
		}
	})
}

func get(tb testing.TB, url string) string {
	tb.Helper()
	request, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(tb, err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	answer, err := client.Do(request)
	require.NoError(tb, err)
	body, err := io.ReadAll(answer.Body)
	require.NoError(tb, errors.Join(err, answer.Body.Close()))
	require.Equal(tb, http.StatusOK, answer.StatusCode, "%s: %s", url, body)
	return string(body)
}

// typed is a command of a console block with its output.
type typed struct{ command, output string }

// commandsOf splits a console block: a command begins with "$ " and continues with the
// following lines that are indented by four.
func commandsOf(text string) []typed {
	var all []typed
	inCommand := false
	for line := range strings.Lines(text) {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			all = append(all, typed{command: command})
			inCommand = true
			continue
		}
		if len(all) == 0 {
			return nil
		}
		last := &all[len(all)-1]
		if inCommand = inCommand && strings.HasPrefix(line, "    "); inCommand {
			last.command += line
		} else {
			last.output += line
		}
	}
	return all
}

// checkConsole runs commands and compares their output. A command without output must
// succeed. Later commands see the variables of earlier ones.
func checkConsole(t *testing.T, r *reader, b block) {
	commands := commandsOf(b.text)
	require.NotEmpty(t, commands, "a console begins with a command: $ ...")
	text, variables := "", ""
	for _, c := range commands {
		output, err := r.typeIn(t, variables, c)
		if c.output == "" && !*updateFlag {
			require.NoError(t, err, "%s%s", c.command, output)
		}
		if regexp.MustCompile(`^(export )?[A-Za-z_]+=`).MatchString(c.command) {
			variables += c.command
		}
		text += "$ " + c.command + output
		if !*updateFlag {
			require.Equal(t, normal(c.output), normal(output), c.command)
		}
	}
	if *updateFlag && normal(text) != normal(b.text) {
		updated := strings.Replace(readFile(t, "README.md"), b.text, text, 1)
		require.NoError(t, os.WriteFile("README.md", []byte(updated), 0o600))
	}
}

// normal replaces ids, times and ages in an output.
func normal(output string) string {
	for _, pattern := range []string{
		`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`,
		`\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?Z| \d\d:\d\d:\d\d UTC)`,
		` +\d+[smhd] `,
	} {
		output = regexp.MustCompile(pattern).ReplaceAllString(output, "…")
	}
	return output
}

// checkShell runs a script. Scripts that cannot run within a test are checked otherwise.
func checkShell(t *testing.T, r *reader, b block) {
	switch words := strings.Fields(b.text); words[0] {
	case "make":
		for line := range strings.Lines(b.text) {
			checkMake(t, line)
		}
	case "docker":
		checkDocker(t, b.text)
	default:
		if script, ok := strings.CutSuffix(b.text, " &\n"); ok {
			r.startBeside(script)
			return
		}
		output, err := r.run(t, "bash", "set -euo pipefail\n"+b.text)
		require.NoError(t, err, output)
	}
}

// checkMake checks what a target would do without running it: this test may be a part of it.
func checkMake(t *testing.T, line string) {
	t.Helper()
	target := strings.Fields(line)[1]
	output, err := command(t.Context(), "make", "--dry-run", target).CombinedOutput()
	require.NoError(t, err, "%s", output)
	want := map[string]string{"run": "bin/alertd serve", "test": " test -short -shuffle=on ./..."}[target]
	require.NotEmpty(t, want, "make %s is unknown", target)
	require.Contains(t, string(output), want)
}

func checkPython(t *testing.T, r *reader, b block) {
	output, err := r.run(t, "python3", b.text)
	require.NoError(t, err, output)
}

// checkScrapeConfig scrapes the targets as Prometheus would.
func checkScrapeConfig(t *testing.T, r *reader, b block) {
	var config struct {
		ScrapeConfigs []struct {
			JobName       string `yaml:"job_name"`
			StaticConfigs []struct {
				Targets []string `yaml:"targets"`
			} `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	decoder := yaml.NewDecoder(strings.NewReader(r.translate(b.text)))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&config))
	require.Len(t, config.ScrapeConfigs, 1)
	job := config.ScrapeConfigs[0]
	require.NotEmpty(t, job.JobName)
	require.Len(t, job.StaticConfigs, 1)
	for _, target := range job.StaticConfigs[0].Targets {
		require.Contains(t, get(t, "http://"+target+"/metrics"), "\nalertd_build_info{")
	}
	require.NotEmpty(t, job.StaticConfigs[0].Targets)
}

func checkConfiguration(t *testing.T, _ *reader, b block) {
	file := filepath.Join(t.TempDir(), "config.toml")
	require.NoError(t, os.WriteFile(file, []byte(b.text), 0o600))
	output, err := command(t.Context(), "bin/alertd", "check-config", file).CombinedOutput()
	require.NoError(t, err, "%s", output)
}

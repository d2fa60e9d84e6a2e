package alertd_test

import (
	"context"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// reader follows the README on this machine, with other addresses and folders.
type reader struct {
	tb testing.TB // of TestREADME
	// here maps the README's addresses and folders to those of the test.
	here map[string]string
	// beside says that programs run beside alertd, so the expected output may take a
	// moment.
	beside bool
}

// soon bounds such a moment. A channel's breaker stays open for 15 seconds.
const soon = 30 * time.Second

// translate replaces the README's addresses and folders by those of the test, back does the
// reverse.
func (r *reader) translate(text string) string {
	for readme, here := range r.here {
		text = strings.ReplaceAll(text, readme, here)
	}
	return text
}

func (r *reader) back(text string) string {
	for readme, here := range r.here {
		text = strings.ReplaceAll(text, here, readme)
	}
	return text
}

// run runs a script and returns its output.
func (r *reader) run(t *testing.T, interpreter, script string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	output, err := command(ctx, interpreter, "-c", r.translate(script)).CombinedOutput()
	return r.back(string(output)), err
}

// acts matches commands that change something. Others can be repeated.
var acts = regexp.MustCompile(`--json|-X POST|^[a-z]+=`)

// typeIn runs a command after the commands that set its variables. It repeats a command that
// changes nothing until the expected output appears.
func (r *reader) typeIn(t *testing.T, variables string, c typed) (output string, err error) {
	t.Helper()
	for last := time.Now().Add(soon); ; {
		output, err = r.run(t, "bash", variables+c.command)
		if !r.beside || acts.MatchString(c.command) || normal(output) == normal(c.output) || time.Now().After(last) {
			return output, err
		}
		<-time.After(20 * time.Millisecond) // a person would look again
	}
}

// besides are the programs that the README starts beside alertd: their flags for free ports,
// and the lines with these ports.
var besides = map[string]struct {
	flags string
	says  map[string]*regexp.Regexp
}{
	"go run ./examples/counterparts": {" -webhook 127.0.0.1:0 -slack 127.0.0.1:0", map[string]*regexp.Regexp{
		"127.0.0.1:9001": regexp.MustCompile(`webhook listens on (\S+)`),
		"127.0.0.1:9002": regexp.MustCompile(`slack listens on (\S+)`),
	}},
	"bin/alertd serve --config data/deliver.toml":    {" --listen 127.0.0.1:0", map[string]*regexp.Regexp{"127.0.0.1:8081": listens}},
	"bin/alertd serve --config data/net/alertd.toml": {" --listen 127.0.0.1:0", map[string]*regexp.Regexp{"127.0.0.1:8443": listens}},
}

var listens = regexp.MustCompile(`"msg":"listening","addr":"([^"]+)"`)

// startBeside starts a program that the README runs in the background, and waits until it
// listens. The program ends with the test.
func (r *reader) startBeside(script string) {
	r.tb.Helper()
	log := regexp.MustCompile(`>(\S+\.log)$`).FindStringSubmatch(script)
	require.NotNil(r.tb, log, "what runs in the background must print into a file")
	for program, p := range besides {
		arguments, ok := strings.CutPrefix(script, program)
		if !ok {
			continue
		}
		ctx, cancel := context.WithCancel(context.WithoutCancel(r.tb.Context()))
		cmd := command(ctx, "bash", "-c", "exec "+r.translate(program)+p.flags+r.translate(arguments))
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // go run has a child
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
		cmd.WaitDelay = patience
		require.NoError(r.tb, cmd.Start())
		r.tb.Cleanup(func() {
			cancel()
			_ = cmd.Wait() // go run calls an interrupt an error
		})
		r.beside = true
		for address, says := range p.says {
			require.Eventually(r.tb, func() bool {
				printed, _ := os.ReadFile(r.translate(log[1])) // it may not exist yet
				found := says.FindSubmatch(printed)
				if found != nil {
					r.here[address] = string(found[1])
				}
				return found != nil
			}, patience, 20*time.Millisecond, "%s does not listen at what is %s in the README", program, address)
		}
		return
	}
	require.Fail(r.tb, "unknown program: "+script)
}

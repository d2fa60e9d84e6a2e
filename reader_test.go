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

// reader is somebody who does what the README says, and at whose place the addresses
// and folders are others.
type reader struct {
	tb testing.TB // of the whole README
	// here has what the README says, and what that is here.
	here map[string]string
	// beside says that programs run beside alertd, so that what is to be seen may take
	// a moment.
	beside bool
}

// soon bounds what takes a moment: the pause of a channel's breaker is 15 seconds.
const soon = 30 * time.Second

// translate returns a text of the README as it is to be typed here, and back what is
// printed here as the README has it.
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

// run runs a script and returns what it prints.
func (r *reader) run(t *testing.T, interpreter, script string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	output, err := command(ctx, interpreter, "-c", r.translate(script)).CombinedOutput()
	return r.back(string(output)), err
}

// acts finds commands that change something. Others can be repeated.
var acts = regexp.MustCompile(`--json|-X POST|^[a-z]+=`)

// typeIn types a command, after what sets its variables, and again as long as something
// else is printed that may still come.
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

// besides are the programs that the README starts beside alertd: the flags by which
// they take free ports, and what they say of those which the README names.
var besides = map[string]struct {
	flags string
	says  map[string]*regexp.Regexp
}{
	"go run ./examples/counterparts": {" -webhook 127.0.0.1:0 -slack 127.0.0.1:0", map[string]*regexp.Regexp{
		"127.0.0.1:9001": regexp.MustCompile(`webhook listens on (\S+)`),
		"127.0.0.1:9002": regexp.MustCompile(`slack listens on (\S+)`),
	}},
	"bin/alertd serve": {" --listen 127.0.0.1:0", map[string]*regexp.Regexp{
		"127.0.0.1:8081": regexp.MustCompile(`"msg":"listening","addr":"([^"]+)"`),
	}},
}

// startBeside starts a program that the README has run in the background, and returns
// once it listens. It ends with the README.
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
		cmd := command(ctx, "bash", "-c", "exec "+program+p.flags+r.translate(arguments))
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
				printed, _ := os.ReadFile(r.translate(log[1])) // it may not be there yet
				found := says.FindSubmatch(printed)
				if found != nil {
					r.here[address] = string(found[1])
				}
				return found != nil
			}, patience, 20*time.Millisecond, "%s does not listen at what is %s in the README", program, address)
		}
		return
	}
	require.Fail(r.tb, "nothing is known of "+script)
}

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"alertd/internal/access"
	"alertd/internal/pgtest"
)

// updateFlag writes what the commands print into the scripts, and the document of hostile
// contents: go test ./cmd/alertd -update.
var updateFlag = flag.Bool("update", false, "write what the commands print into the scripts, and docs/security-content.md")

// guarded is the configuration of an alertd that asks for a token: one of each role, by
// the name in capital letters, and one more that is of no use.
func guarded(t *testing.T, folder string, tokens map[string]string) string {
	t.Helper()
	toml := fmt.Sprintf("[alerting]\nenabled = true\nmin_severity = \"info\"\n[alerting.channels.log]\nkind = \"logfile\"\nenabled = true\npath = %q\n"+
		"[[alerting.heartbeats]]\nname = \"var_engine\"\nevery = \"1h\"\n",
		filepath.Join(folder, "messages.ndjson"))
	for _, role := range access.Roles() {
		secret := access.NewSecret()
		tokens[strings.ToUpper(string(role))+"_TOKEN"] = secret.Reveal()
		toml += fmt.Sprintf("[[server.tokens]]\nname = \"the-%s\"\nrole = %[1]q\nhash = %q\n", role, secret.Hash())
		if role == access.RoleIngest {
			toml += "sources = [\"var_*\"]\n"
		}
	}
	tokens["UNKNOWN_TOKEN"] = access.NewSecret().Reveal()
	return toml
}

// TestConversations runs scripts of commands. They find the addresses of six kinds of
// server in their environment.
func TestConversations(t *testing.T) {
	notReady := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "shutting down", http.StatusServiceUnavailable)
	}))
	t.Cleanup(notReady.Close)
	up := start(t, "")
	_, port, err := net.SplitHostPort(up.addr)
	require.NoError(t, err)
	environment := map[string]string{
		"UP":        "127.0.0.1:" + port, // an alertd
		"UP_PORT":   port,
		"UP_CONFIG": up.config,
		"NOT_READY": strings.TrimPrefix(notReady.URL, "http://"), // answers with 503
		"SILENT":    silent(t),                                   // accepts connections and never answers
		"DOWN":      refusing(t),                                 // refuses connections
	}
	asks := start(t, guarded(t, t.TempDir(), environment))
	environment["HOSTILE"] = "red \x1b[31m \u202etxt \r\n FAKE"
	environment["GUARDED"] = "http://" + asks.addr // an alertd that asks for a token
	runScripts(t, "testdata/script", environment)
}

// TestConversationsPostgreSQL runs scripts of commands with an event log in a PostgreSQL
// database, named in their environment.
func TestConversationsPostgreSQL(t *testing.T) {
	runScripts(t, "testdata/postgres", map[string]string{"DSN": pgtest.DSN(t), "DSN_2": pgtest.DSN(t)})
}

// runScripts runs the scripts of a folder. They have two additional commands:
//
//	exits STATUS PROGRAM [ARG...]
//	eventually PATTERN PROGRAM [ARG...]
func runScripts(t *testing.T, folder string, environment map[string]string) {
	t.Helper()
	testscript.Run(t, testscript.Params{
		Dir:                 folder,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *updateFlag,
		Setup: func(env *testscript.Env) error {
			env.Vars = append(env.Vars, noRaceSleep)
			for name, value := range environment {
				env.Setenv(name, value)
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "eventually": eventuallyShows},
	})
}

// exits runs a program and checks its exit status.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS PROGRAM [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// eventuallyShows runs a program again and again until its output matches a pattern.
func eventuallyShows(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: eventually PATTERN PROGRAM [ARG...]")
	}
	pattern := regexp.MustCompile(args[0])
	for end := time.Now().Add(patience); ; {
		ts.Check(ts.Exec(args[1], args[2:]...))
		if pattern.MatchString(ts.ReadFile("stdout")) {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("the output does not match %s", pattern)
		}
	}
}

// silent returns the address of a server that never answers.
func silent(tb testing.TB) string {
	tb.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(tb.Context(), "tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String()
}

// refusing returns an address that refuses connections. A socket that does not listen is
// bound to it, so that nobody else can use it.
func refusing(tb testing.TB) string {
	tb.Helper()
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = syscall.Close(socket) })
	require.NoError(tb, syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	bound, err := syscall.Getsockname(socket)
	require.NoError(tb, err)
	address, ok := bound.(*syscall.SockaddrInet4)
	require.True(tb, ok)
	return fmt.Sprintf("127.0.0.1:%d", address.Port)
}

func TestHelpExamplesAreValid(t *testing.T) {
	root := newRootCommand(io.Discard, io.Discard)
	commands := []*cobra.Command{root}
	for i := 0; i < len(commands); i++ { // which grows
		commands = append(commands, commands[i].Commands()...)
	}
	for _, cmd := range commands {
		if path := cmd.CommandPath(); strings.HasPrefix(path, "alertd help") || strings.HasPrefix(path, "alertd completion") {
			continue // cobra's own
		}
		t.Run(cmd.CommandPath(), func(t *testing.T) {
			require.NotEmpty(t, cmd.Short)
			require.NotEmpty(t, cmd.Example)
			for line := range strings.Lines(cmd.Example) {
				line, _, _ := strings.Cut(line, " <") // which is the shell's
				words := strings.Fields(line)
				require.Equal(t, "alertd", words[0])
				found, rest, err := newRootCommand(io.Discard, io.Discard).Find(words[1:])
				require.NoError(t, err)
				require.True(t, strings.HasPrefix(found.CommandPath(), cmd.CommandPath()), "%s is of %s", line, found.CommandPath())
				require.NoError(t, found.ParseFlags(rest), line)
				require.NoError(t, found.ValidateArgs(found.Flags().Args()), line)
			}
		})
	}
}

func TestLocalAddress(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:8080": "127.0.0.1:8080",
		"10.1.2.3:8080":  "10.1.2.3:8080",
		"alerts:8080":    "alerts:8080",
		"[::1]:8080":     "[::1]:8080",
		"0.0.0.0:8080":   "127.0.0.1:8080",
		":8080":          "127.0.0.1:8080",
		"[::]:8080":      "[::1]:8080",
	} {
		t.Run(listen, func(t *testing.T) {
			got, err := localAddress(listen)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

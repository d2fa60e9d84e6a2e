package email_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	osuser "os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/channel/channeltest"
	"alertd/internal/channel/email"
	"alertd/internal/incident"
	"alertd/internal/needs"
)

// exim is a mail server as people run it, which delivers into a folder: TLS from the
// first byte or by STARTTLS, and no mail without a login.
type exim struct {
	port   int
	ca     string
	folder string
}

// eximConfig has FOLDER where the folder of the test belongs. It delivers nothing as
// root.
const eximConfig = `
exim_path = /usr/sbin/exim4
spool_directory = FOLDER/spool
log_file_path = FOLDER/log-%slog
primary_hostname = mail.example.com
keep_environment =
tls_advertise_hosts = *
tls_certificate = FOLDER/server.pem
tls_privatekey = FOLDER/server.pem
auth_advertise_hosts = ${if eq{$tls_in_cipher}{}{}{*}}
acl_smtp_rcpt = recipient
acl_smtp_data = accept
message_size_limit = 200K

begin acl
recipient:
  deny    !authenticated = *
          message = log in first
  defer   local_parts = full
          message = the mailbox is full
  accept  local_parts = ada : grace
  deny    message = unknown

begin routers
local:
  driver = accept
  transport = maildir

begin transports
maildir:
  driver = appendfile
  maildir_format
  directory = FOLDER/mail/${lookup{$local_part}lsearch{FOLDER/folders}}
  create_directory
  envelope_to_add
  return_path_add
  user = Debian-exim

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and{{eq{$auth2}{alertd@example.com}}{eq{$auth3}{correct horse battery staple}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = <| Username: | Password:
  server_condition = ${if and{{eq{$auth1}{alertd@example.com}}{eq{$auth2}{correct horse battery staple}}}}
  server_set_id = $auth1
cram:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = ${if eq{$auth1}{alertd@example.com}{correct horse battery staple}fail}
  server_set_id = $auth1
`

// startExim listens itself and hands each connection to an Exim of its own, as inetd
// does: so there is no port to choose and no daemon to stop.
func startExim(tb testing.TB, implicit bool) *exim {
	tb.Helper()
	program, err := exec.LookPath("/usr/sbin/exim4")
	if err != nil || os.Geteuid() != 0 { // from nobody else Exim takes a connection
		needs.Lacking(tb, "Debian's exim4-daemon-light, and root to run it")
	}
	e := &exim{folder: tb.TempDir()}
	cert, ca := certificate(tb, "127.0.0.1")
	e.ca = ca
	letIn(tb, e.folder)
	for name, text := range map[string]string{
		"server.pem": string(cert.Chain) + string(cert.Key),
		"folders":    "ada: ada\ngrace: grace\n",
		"config":     strings.ReplaceAll(eximConfig, "FOLDER", e.folder),
	} {
		require.NoError(tb, os.WriteFile(filepath.Join(e.folder, name), []byte(text), 0o644))
	}
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	e.port = listener.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // it is TCP
	ctx, cancel := context.WithCancel(context.WithoutCancel(tb.Context()))
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				assert.NoError(tb, e.serve(ctx, program, conn.(*net.TCPConn), implicit)) //nolint:forcetypeassert // it is TCP
			})
		}
	})
	tb.Cleanup(func() {
		assert.NoError(tb, listener.Close())
		cancel()
		all.Wait()
		if tb.Failed() {
			e.showLogs(tb)
		}
	})
	return e
}

// letIn lets Exim, which gives up being root, into a folder of the tests.
func letIn(tb testing.TB, folder string) {
	tb.Helper()
	found, err := osuser.Lookup("Debian-exim")
	require.NoError(tb, err)
	uid, err := strconv.Atoi(found.Uid)
	require.NoError(tb, err)
	gid, err := strconv.Atoi(found.Gid)
	require.NoError(tb, err)
	require.NoError(tb, os.Chown(folder, uid, gid))
	require.NoError(tb, os.Chmod(filepath.Dir(folder), 0o755))
}

// serve lets Exim talk to a client, and deliver what it takes before it ends.
func (e *exim) serve(ctx context.Context, program string, conn *net.TCPConn, implicit bool) error {
	socket, err := conn.File()
	if err = errors.Join(err, conn.Close()); err != nil {
		return err
	}
	args := []string{"-C", filepath.Join(e.folder, "config"), "-bs", "-odi"}
	if implicit {
		args = append(args, "-tls-on-connect")
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdin, cmd.Stdout = socket, socket
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	_ = cmd.Run() // it fails with its clients, which tests let it
	return socket.Close()
}

func (e *exim) showLogs(tb testing.TB) {
	tb.Helper()
	logs, err := filepath.Glob(filepath.Join(e.folder, "log-*"))
	require.NoError(tb, err)
	for _, log := range logs {
		text, err := os.ReadFile(log)
		require.NoError(tb, err)
		tb.Logf("%s: %s", filepath.Base(log), text)
	}
}

// mailOf returns what somebody has got.
func (e *exim) mailOf(tb testing.TB, name string) []letter {
	tb.Helper()
	paths, err := filepath.Glob(filepath.Join(e.folder, "mail", name, "new", "*"))
	require.NoError(tb, err)
	var letters []letter
	for _, path := range paths {
		file, err := os.Open(path)
		require.NoError(tb, err)
		text, err := io.ReadAll(file)
		require.NoError(tb, errors.Join(err, file.Close()))
		letters = append(letters, read(tb, []byte(strings.ReplaceAll(string(text), "\n", "\r\n"))))
	}
	return letters
}

func (e *exim) settings() email.Config {
	return email.Config{
		Host: "127.0.0.1", Port: e.port, CAFile: e.ca, User: "alertd@example.com", Password: "correct horse battery staple",
		From: "Überwachung <alertd@example.com>", To: []string{"Ada <ada@example.com>", "grace@example.com"},
	}
}

func TestRealServerDelivers(t *testing.T) {
	for _, mode := range []string{email.StartTLS, email.ImplicitTLS} {
		for _, auth := range []string{"", email.AuthPlain, email.AuthLogin, email.AuthCRAMMD5} {
			t.Run(mode+" "+auth, func(t *testing.T) {
				server := startExim(t, mode == email.ImplicitTLS)
				config := server.settings()
				config.TLS, config.Auth = mode, auth
				n := channeltest.Opened(alerting.SeverityCritical, "größe", ".\n..\nVaR-Limit überschritten 🚨\n"+strings.Repeat("x", 5000), `{"limit":0.0300}`)
				result := deliver(t, open(t, config), n)
				assert.Empty(t, result.Error)
				for _, name := range []string{"ada", "grace"} {
					letters := server.mailOf(t, name)
					require.Len(t, letters, 1, name)
					got := letters[0]
					assert.True(t, strings.HasPrefix(got.subject(t), "[CRITICAL] größe: . .. VaR-Limit überschritten 🚨 xxx"), got.subject(t))
					assert.Equal(t, "<"+n.Key+"@example.com>", got.Get("Message-Id"))
					assert.Equal(t, "<alertd@example.com>", got.Get("Return-Path"))
					assert.Contains(t, got.Get("Received"), "esmtpsa", "encrypted, and logged in")
					assert.Contains(t, got.text, "\n.\n..\nVaR-Limit überschritten 🚨\n"+strings.Repeat("x", 5000)+"\n")
					assert.Contains(t, got.html, "<td>0.0300</td>")
				}
			})
		}
	}
}

func TestRealServerRefuses(t *testing.T) {
	server := startExim(t, false)
	for name, test := range map[string]struct {
		change func(c *email.Config)
		want   channel.Outcome
		code   int
		error  string
	}{
		"a wrong password":   {func(c *email.Config) { c.Password = "wrong" }, channel.Permanent, 535, "login: answered 535 Incorrect authentication data"},
		"no login":           {func(c *email.Config) { c.User, c.Password = "", "" }, channel.Permanent, 550, "recipients: <ada@example.com>: answered 550 log in first"},
		"unknown recipients": {func(c *email.Config) { c.To = []string{"eve@example.com"} }, channel.Permanent, 550, "recipients: <eve@example.com>: answered 550 unknown"},
		"a full mailbox":     {func(c *email.Config) { c.To = []string{"eve@example.com", "full@example.com"} }, channel.Transient, 451, "recipients: <eve@example.com>: answered 550 unknown; recipients: <full@example.com>: answered 451 the mailbox is full"},
		"no TLS":             {func(c *email.Config) { c.TLS = email.NoTLS }, channel.Permanent, 0, "login: the server offers no login; without smtp_user there is none"},
		"another authority":  {func(c *email.Config) { _, c.CAFile = certificate(t, "127.0.0.1") }, channel.Transient, 0, "TLS: the server's certificate is not accepted: "},
	} {
		config := server.settings()
		test.change(&config)
		got := open(t, config).Send(t.Context(), opened)
		assert.Equal(t, test.want, got.Outcome, name)
		assert.Equal(t, test.code, got.Code, name)
		assert.Contains(t, got.Error, test.error, name)
	}
	config := server.settings()
	config.To = []string{"eve@example.com", "ada@example.com"}
	got := open(t, config).Send(t.Context(), channeltest.Notification(incident.Test))
	assert.Equal(t, channel.Result{Outcome: channel.Permanent, Code: 550, Error: "recipients: <eve@example.com>: answered 550 unknown"}, got)
	assert.Len(t, server.mailOf(t, "ada"), 1, "a refusal of one keeps it from nobody else")
}

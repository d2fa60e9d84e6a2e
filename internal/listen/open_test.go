package listen_test

import (
	"bufio"
	"context"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/listen"
)

func TestAddressIsReadBack(t *testing.T) {
	for text, want := range map[string]listen.Address{
		"127.0.0.1:8080":        {listen.TCP, "127.0.0.1:8080"},
		":0":                    {listen.TCP, ":0"},
		"[::1]:9090":            {listen.TCP, "[::1]:9090"},
		"systemd:8080":          {listen.TCP, "systemd:8080"}, // a host of that name
		"unix:/run/alertd.sock": {listen.Unix, "/run/alertd.sock"},
		"systemd":               {listen.Systemd, ""},
		"systemd:admin":         {listen.Systemd, "admin"},
	} {
		got, err := listen.ParseAddress(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
		require.Equal(t, text, got.String())
	}
}

func TestAddressThatNobodyCanListenOnIsRefused(t *testing.T) {
	for _, text := range []string{
		"", "8080", "localhost", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:http", "unix:", "unix:alertd.sock", "unix:@abstract",
		"unix:/run/a\x00b", "unix:/" + strings.Repeat("a", 103), "systemd:", "http://127.0.0.1:8080", strings.Repeat("a", 256) + ":80",
	} {
		_, err := listen.ParseAddress(text)
		require.ErrorIs(t, err, listen.ErrAddress, text)
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, text := range []string{"127.0.0.1:8080", "unix:/run/alertd.sock", "systemd", "systemd:admin", "[::1]:80"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		address, err := listen.ParseAddress(text)
		if err != nil {
			return
		}
		again, err := listen.ParseAddress(address.String())
		require.NoError(t, err)
		require.Equal(t, address, again)
	})
}

func unixAddress(path string) listen.Address {
	return listen.Address{Network: listen.Unix, Target: path}
}

// openUnix listens on a socket, which must work.
func openUnix(tb testing.TB, path string, mode fs.FileMode) net.Listener {
	tb.Helper()
	opened, err := listen.Open(tb.Context(), mode, unixAddress(path))
	require.NoError(tb, err)
	require.Len(tb, opened, 1)
	require.Len(tb, opened[0], 1)
	tb.Cleanup(func() { _ = opened[0][0].Close() })
	return opened[0][0]
}

func dialUnix(tb testing.TB, path string) error {
	tb.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(tb.Context(), "unix", path)
	if err == nil {
		err = conn.Close()
	}
	return err
}

func TestUnixSocketHasItsModeAndIsRemovedAtTheEnd(t *testing.T) {
	for _, mode := range []fs.FileMode{0o600, 0o660, 0o666} {
		path := filepath.Join(t.TempDir(), "alertd.sock")
		l := openUnix(t, path, mode)
		info, err := os.Lstat(path)
		require.NoError(t, err)
		require.Equal(t, fs.ModeSocket|mode, info.Mode(), "whatever the umask says")
		require.NoError(t, dialUnix(t, path))
		require.NoError(t, l.Close())
		require.NoFileExists(t, path)
		require.NoError(t, l.Close(), "a second time")
	}
}

func TestUnixSocketOfDeadProcessIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alertd.sock")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	dead.SetUnlinkOnClose(false)
	require.NoError(t, dead.Close())
	require.ErrorIs(t, dialUnix(t, path), syscall.ECONNREFUSED)
	openUnix(t, path, 0o600)
	require.NoError(t, dialUnix(t, path))
}

func TestUnixSocketOfLivingProcessIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alertd.sock")
	openUnix(t, path, 0o600)
	_, err := listen.Open(t.Context(), 0o600, unixAddress(path))
	require.EqualError(t, err, "listen on unix:"+path+": the socket is in use by another process")
	require.NoError(t, dialUnix(t, path))
}

func TestOneOfManyTakesUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alertd.sock")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	dead.SetUnlinkOnClose(false)
	require.NoError(t, dead.Close())
	var starting sync.WaitGroup
	taken := make(chan net.Listener, 8)
	for range cap(taken) {
		starting.Go(func() {
			if opened, err := listen.Open(t.Context(), 0o600, unixAddress(path)); err == nil {
				taken <- opened[0][0]
			}
		})
	}
	starting.Wait()
	require.Len(t, taken, 1)
	require.NoError(t, dialUnix(t, path))
	require.NoError(t, (<-taken).Close())
}

func TestFileThatIsNoSocketIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alertd.sock")
	require.NoError(t, os.WriteFile(path, []byte("precious"), 0o600))
	_, err := listen.Open(t.Context(), 0o600, unixAddress(path))
	require.ErrorContains(t, err, "not a socket")
	require.FileExists(t, path)
	_, err = listen.Open(t.Context(), 0o600, unixAddress(filepath.Join(t.TempDir(), "missing", "alertd.sock")))
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "folder of the socket")
}

func TestSocketOfSuccessorIsNotRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alertd.sock")
	first := openUnix(t, path, 0o600)
	require.NoError(t, os.Remove(path))
	openUnix(t, path, 0o600)
	require.NoError(t, first.Close())
	require.NoError(t, dialUnix(t, path))
}

func TestNothingIsLeftOpenAfterAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alertd.sock")
	_, err := listen.Open(t.Context(), 0o600, unixAddress(path), listen.Address{Network: listen.Systemd})
	require.EqualError(t, err, "listen on systemd: systemd has passed no socket; alertd must be started by a service with a .socket unit, "+
		"and the socket must be a stream (ListenStream)")
	require.NoFileExists(t, path)
}

// activated starts the test binary as systemd starts a service, with sockets of the given
// names, and returns what it prints and where the sockets are.
func activated(tb testing.TB, names []string, addresses ...string) (line string, sockets []string) {
	tb.Helper()
	self, err := os.Executable()
	require.NoError(tb, err)
	ctx, cancel := context.WithTimeout(tb.Context(), time.Minute)
	// The shell becomes the service and keeps its process id.
	cmd := exec.CommandContext(ctx, "sh", append([]string{"-c", `LISTEN_PID=$$ exec "$@"`, "sh", self, childFlag}, addresses...)...)
	cmd.Env = append(os.Environ(), "LISTEN_FDNAMES="+strings.Join(names, ":"), "LISTEN_FDS="+strconv.Itoa(len(names)))
	cmd.Stderr = os.Stderr
	for range names {
		l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		require.NoError(tb, err)
		file, err := l.File()
		require.NoError(tb, err)
		cmd.ExtraFiles = append(cmd.ExtraFiles, file)
		sockets = append(sockets, l.Addr().String())
		tb.Cleanup(func() { _ = file.Close() })
		require.NoError(tb, l.Close())
	}
	out, err := cmd.StdoutPipe()
	require.NoError(tb, err)
	require.NoError(tb, cmd.Start())
	tb.Cleanup(func() { cancel(); _ = cmd.Wait() })
	line, err = bufio.NewReader(out).ReadString('\n')
	require.NoError(tb, err)
	return strings.TrimSpace(line), sockets
}

func TestSocketsOfSystemdAreFoundByName(t *testing.T) {
	line, sockets := activated(t, []string{"admin", "web", "web"}, "systemd", "systemd:admin")
	require.Equal(t, "systemd=2 systemd:admin=1", line, "what another address names is not taken")
	require.Equal(t, []string{"systemd", "systemd", "systemd:admin"}, []string{ask(t, sockets[1]), ask(t, sockets[2]), ask(t, sockets[0])})
}

// ask returns what a socket answers.
func ask(tb testing.TB, address string) string {
	tb.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(tb.Context(), "tcp", address)
	require.NoError(tb, err)
	answer, err := io.ReadAll(conn)
	require.NoError(tb, err)
	require.NoError(tb, conn.Close())
	return string(answer)
}

func TestMissingSocketOfSystemdIsAnError(t *testing.T) {
	line, _ := activated(t, []string{"alertd.socket"}, "systemd:admin")
	require.Equal(t, "listen on systemd:admin: systemd has passed no socket for it, only alertd.socket; FileDescriptorName= in the .socket unit names them", line)
}

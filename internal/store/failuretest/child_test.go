package failuretest_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/needs"
)

// envChild says that this process is a test's child.
const envChild = "ALERTD_FAILURETEST_CHILD"

// inChild runs a test in a process of its own, where it may do what harms the
// whole process. It reports whether this is that process; in the other one the
// test has nothing left to do.
func inChild(t *testing.T, attributes *syscall.SysProcAttr) bool {
	t.Helper()
	if os.Getenv(envChild) == t.Name() {
		return true
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.timeout", "2m", "-test.run", "^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), envChild+"="+t.Name())
	cmd.SysProcAttr = attributes
	output, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.ENOSYS), errors.Is(err, syscall.EINVAL):
		needs.Lacking(t, "a mount namespace of its own: %s", err)
	case err != nil:
		t.Errorf("%s\n%s", err, output)
	case strings.Contains(string(output), "--- SKIP: "+t.Name()):
		needs.Lacking(t, "what its child lacks: %s", output)
	default:
		require.Contains(t, string(output), "--- PASS: "+t.Name())
	}
	return false
}

// inMountNamespace is inChild for a test that mounts file systems. It works for
// everybody where the kernel lets users have namespaces, else for root.
func inMountNamespace(t *testing.T) bool {
	t.Helper()
	attributes := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		attributes.Cloneflags |= syscall.CLONE_NEWUSER
		attributes.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		attributes.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	if !inChild(t, attributes) {
		return false
	}
	mount(t, "", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "") // nothing of this gets out
	return true
}

func mount(tb testing.TB, source, target, kind string, flags uintptr, options string) {
	tb.Helper()
	require.NoError(tb, syscall.Mount(source, target, kind, flags, options), target)
}

// smallDisk gives a folder a file system of its own.
func smallDisk(tb testing.TB, folder, size string) {
	tb.Helper()
	mount(tb, "tmpfs", folder, "tmpfs", 0, "mode=755,size="+size)
	tb.Cleanup(func() { require.NoError(tb, syscall.Unmount(folder, syscall.MNT_DETACH)) })
}

// fill fills the disk of a folder, and returns how to free it again.
func fill(tb testing.TB, folder string) func() {
	tb.Helper()
	path := filepath.Join(folder, "filler")
	file, err := os.Create(path)
	require.NoError(tb, err)
	for _, size := range []int{1 << 20, 4 << 10} {
		data := make([]byte, size)
		for err = nil; err == nil; {
			_, err = file.Write(data)
		}
		require.ErrorIs(tb, err, syscall.ENOSPC)
	}
	require.NoError(tb, file.Close())
	return func() { require.NoError(tb, os.Remove(path)) }
}

// asNobody makes this process, which is a child, one of an unprivileged user.
func asNobody(tb testing.TB) {
	tb.Helper()
	const nobody = 65534
	if os.Getuid() == 0 {
		require.NoError(tb, syscall.Setgroups(nil))
		require.NoError(tb, syscall.Setgid(nobody))
		require.NoError(tb, syscall.Setuid(nobody))
	}
}

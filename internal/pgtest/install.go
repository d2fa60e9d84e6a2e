package pgtest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// The variables that say where PostgreSQL comes from; see the package comment.
const (
	envDSN  = "ALERTD_TEST_POSTGRES_DSN"
	envBin  = "ALERTD_TEST_POSTGRES_BIN"
	envMust = "ALERTD_TEST_POSTGRES"

	mustRequired = "required"
)

// ErrNotInstalled says that there is no PostgreSQL to make a cluster of.
var ErrNotInstalled = errors.New("PostgreSQL is not installed: install it (on Debian: apt-get install postgresql), or name the directory of initdb and postgres in " + envBin)

// Required reports whether the environment says that what needs PostgreSQL must
// fail where there is none, and not be skipped.
func Required() bool { return os.Getenv(envMust) == mustRequired }

// installation is where PostgreSQL's programs are, and who runs them.
type installation struct {
	bin        string
	credential *syscall.Credential // nil: the user of this process
}

// findInstallation returns [ErrNotInstalled] if there is none.
func findInstallation() (installation, error) {
	bin, err := findBin()
	if err != nil {
		return installation{}, err
	}
	credential, err := unprivileged()
	return installation{bin, credential}, err
}

// findBin returns the directory of PostgreSQL's programs. What is on PATH may be
// links to some of them only.
func findBin() (string, error) {
	var candidates []string
	if named := os.Getenv(envBin); named != "" {
		candidates = []string{named}
	} else {
		if found, err := exec.LookPath("postgres"); err == nil {
			if target, err := filepath.EvalSymlinks(found); err == nil {
				candidates = append(candidates, filepath.Dir(target))
			}
		}
		installed, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is right
		slices.SortFunc(installed, func(a, b string) int { return cmp.Compare(majorVersion(b), majorVersion(a)) })
		candidates = append(candidates, installed...)
	}
	for _, directory := range candidates {
		if isProgram(directory, "initdb") && isProgram(directory, "postgres") {
			return directory, nil
		}
	}
	return "", ErrNotInstalled
}

// majorVersion returns 15 of /usr/lib/postgresql/15/bin.
func majorVersion(bin string) float64 {
	version, _ := strconv.ParseFloat(filepath.Base(filepath.Dir(bin)), 64) // 0 comes last
	return version
}

func isProgram(directory, name string) bool {
	_, err := exec.LookPath(filepath.Join(directory, name))
	return err == nil
}

// unprivileged returns whom PostgreSQL runs as: it refuses to run as root.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // nobody else than who runs this
	}
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(found.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(found.Gid, 10, 32)
		if err := errors.Join(errUID, errGID); err != nil {
			return nil, fmt.Errorf("look up the user %s: %w", name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
}

// command returns a program of PostgreSQL that gets the signal when this process
// ends, as long as the thread that starts it lives.
func (i installation) command(directory string, onDeath syscall.Signal, program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(i.bin, program), args...) //nolint:gosec,noctx // PostgreSQL's own; ended in an orderly way
	cmd.Dir = directory                                         // ours may be closed to that user
	cmd.Env = environment()
	// Ctrl-C in a terminal is for the tests only, which then stop it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: i.credential, Setpgid: true, Pdeathsig: onDeath}
	return cmd
}

// environment returns our own without what changes PostgreSQL's ways (PGDATA,
// PGSSLMODE and the like), in a locale and a time zone that every machine has.
func environment() []string {
	kept := slices.DeleteFunc(os.Environ(), func(variable string) bool { return strings.HasPrefix(variable, "PG") })
	return append(kept, "LC_ALL=C", "TZ=UTC") // the last one counts
}

// run runs a program of PostgreSQL to its end.
func (i installation) run(ctx context.Context, directory, program string, args ...string) error {
	// The kernel takes the end of this thread for the end of the process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := i.command(directory, syscall.SIGKILL, program, args...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		if errors.Is(err, os.ErrPermission) && i.credential != nil {
			err = fmt.Errorf("%w: as this is root, it runs as user %d, who must be able to enter %s; TMPDIR names another place", err, i.credential.Uid, directory)
		}
		return fmt.Errorf("run %s: %w", program, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	if err := cmd.Wait(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return fmt.Errorf("run %s: %w; it says: %s", program, err, bytes.TrimSpace(output.Bytes()))
	}
	return nil
}

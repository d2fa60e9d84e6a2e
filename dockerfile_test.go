package alertd_test

import (
	"debug/elf"
	"encoding/json"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// instruction is an instruction of the Dockerfile.
type instruction struct{ name, arguments string }

// dockerfile returns the stages, each beginning with its FROM.
func dockerfile(tb testing.TB) [][]instruction {
	tb.Helper()
	var stages [][]instruction
	text := strings.ReplaceAll(readFile(tb, "Dockerfile"), "\\\n", " ")
	for line := range strings.Lines(text) {
		name, arguments, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "" || strings.HasPrefix(name, "#") {
			continue
		}
		if name == "FROM" {
			stages = append(stages, nil)
		}
		require.NotEmpty(tb, stages, "%s comes before FROM", name)
		stages[len(stages)-1] = append(stages[len(stages)-1], instruction{name, strings.TrimSpace(arguments)})
	}
	return stages
}

// image is the result of the last stage.
type image struct {
	build                            []string // the first stage's RUN lines
	base, user, volume, port, folder string
	entrypoint, command, healthcheck []string
	files                            map[string]string // path in the image: path here
	owners                           map[string]string // path in the image: user
}

func readImage(tb testing.TB) image {
	tb.Helper()
	stages := dockerfile(tb)
	require.Len(tb, stages, 2)
	i := image{files: map[string]string{}, owners: map[string]string{}}
	source := ""
	for _, in := range stages[0] {
		switch in.name {
		case "WORKDIR":
			source = in.arguments + "/"
		case "RUN":
			i.build = append(i.build, in.arguments)
		}
	}
	words := func(in instruction) (list []string) {
		require.NoError(tb, json.Unmarshal([]byte(in.arguments), &list), "%s must be a list, the image has no shell", in.name)
		return list
	}
	for _, in := range stages[1] {
		switch in.name {
		case "FROM":
			i.base = in.arguments
		case "COPY":
			fields := strings.Fields(in.arguments)
			from, to := fields[len(fields)-2], fields[len(fields)-1]
			i.files[to] = strings.TrimPrefix(from, source)
			for _, field := range fields {
				if owner, ok := strings.CutPrefix(field, "--chown="); ok {
					i.owners[to] = owner
				}
			}
		case "USER":
			i.user = in.arguments
		case "WORKDIR":
			i.folder = in.arguments
		case "VOLUME":
			i.volume = in.arguments
		case "EXPOSE":
			i.port = in.arguments
		case "HEALTHCHECK":
			_, test, _ := strings.Cut(in.arguments, "CMD ")
			i.healthcheck = words(instruction{in.name, test})
		case "ENTRYPOINT":
			i.entrypoint = words(in)
		case "CMD":
			i.command = words(in)
		default:
			require.Fail(tb, "nothing checks this instruction", in.name)
		}
	}
	return i
}

// here converts a command line of the image to this machine, with another address.
func (i image) here(line []string, listen, addr string) []string {
	line = slices.Clone(line)
	for n, word := range line {
		if file, ok := i.files[word]; ok {
			line[n] = file
		}
		if word == listen {
			line[n] = addr
		}
	}
	return line
}

// flagOf returns the value of a flag of a command line.
func flagOf(tb testing.TB, line []string, name string) string {
	tb.Helper()
	at := slices.Index(line, name)
	require.GreaterOrEqual(tb, at, 0, "%v has no %s", line, name)
	require.Greater(tb, len(line), at+1)
	return line[at+1]
}

func TestImageHoldsTheStaticBinary(t *testing.T) {
	i := readImage(t)
	require.Contains(t, i.build, "make build", "the image must be built as CI builds alertd")
	require.Equal(t, "scratch", i.base)
	require.Equal(t, "bin/alertd", i.files[i.entrypoint[0]])

	requireBuilt(t)
	binary, err := elf.Open("bin/alertd")
	require.NoError(t, err)
	t.Cleanup(func() { _ = binary.Close() })
	libraries, err := binary.ImportedLibraries()
	require.NoError(t, err)
	require.Empty(t, libraries, "an empty image has no libraries")
	for _, segment := range binary.Progs {
		require.NotEqual(t, elf.PT_INTERP, segment.Type, "an empty image has no loader")
	}
}

func TestImageUserOwnsTheVolumeAndIsNotRoot(t *testing.T) {
	i := readImage(t)
	require.Regexp(t, `^[1-9]\d*:[1-9]\d*$`, i.user, "an empty image knows no names of users")
	require.NotEmpty(t, i.volume)
	require.Equal(t, i.user, i.owners[i.volume], "alertd must be able to write into the volume")
	require.Equal(t, i.volume, filepath.Dir(filepath.Join(i.folder, "data/alertd.db")), "the event log must be in the volume")
}

func TestImageStartsAndIsHealthy(t *testing.T) {
	i := readImage(t)
	listen := flagOf(t, i.command, "--listen")
	host, port, err := net.SplitHostPort(listen)
	require.NoError(t, err)
	require.Equal(t, "0.0.0.0", host, "a container is reached from outside of it")
	require.Equal(t, i.port, port, "EXPOSE must name the port")
	require.Contains(t, i.files, flagOf(t, i.command, "--config"), "the configuration must be in the image")

	requireBuilt(t)
	token, hash := newToken(t)
	start := i.here(slices.Concat(i.entrypoint, i.command), listen, "127.0.0.1:0")
	start[slices.Index(start, imageConfig)] = ownCopy(t, imageConfig)
	t.Setenv("ALERTD_ADMIN_HASH", hash)
	d := startDaemon(t, start[0], start[1:]...)
	health := i.here(i.healthcheck, net.JoinHostPort("127.0.0.1", port), d.addr)
	require.Contains(t, health, d.addr, "the health check must ask where alertd listens")
	output, err := command(t.Context(), health[0], health[1:]...).CombinedOutput()
	require.NoError(t, err, "%s", output)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	for authorization, want := range map[string]int{"": http.StatusUnauthorized, "Bearer " + token: http.StatusOK} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.url()+"/config", nil)
		require.NoError(t, err)
		request.Header.Set("Authorization", authorization)
		answer, err := client.Do(request)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, want, answer.StatusCode, "with %q", authorization)
	}
}

// imageConfig is the configuration in the image.
const imageConfig = "config/docker.toml"

func TestImageNeedsAToken(t *testing.T) {
	i := readImage(t)
	requireBuilt(t)
	serve := func(config string) string {
		t.Helper()
		start := i.here(slices.Concat(i.entrypoint, i.command), flagOf(t, i.command, "--listen"), "0.0.0.0:0")
		start[slices.Index(start, imageConfig)] = config
		cmd := command(t.Context(), start[0], start[1:]...)
		cmd.Env = slices.DeleteFunc(cmd.Env, func(variable string) bool { return strings.HasPrefix(variable, "ALERTD_ADMIN_HASH=") })
		output, err := cmd.CombinedOutput()
		require.Error(t, err, "%s", output)
		require.Equal(t, 2, cmd.ProcessState.ExitCode(), "%s", output)
		return string(output)
	}
	require.Contains(t, serve(ownCopy(t, imageConfig)), "server.tokens[0].hash: environment variable ALERTD_ADMIN_HASH is not set")
	require.Contains(t, serve(ownConfig(t)), `server.listen: "0.0.0.0:0" can be reached from other machines`)
}

// newToken makes a token.
func newToken(tb testing.TB) (token, hash string) {
	tb.Helper()
	output, err := command(tb.Context(), "bin/alertd", "token", "new", "--name", "admin", "--role", "admin").Output()
	require.NoError(tb, err)
	token, _, _ = strings.Cut(string(output), "\n")
	hash = regexp.MustCompile(`sha256:[0-9a-f]{64}`).FindString(string(output))
	require.NotEmpty(tb, hash)
	return token, hash
}

// checkDocker checks the README's commands against the Dockerfile: build the image, make a
// token, run the image with its hash.
func checkDocker(t *testing.T, text string) {
	t.Helper()
	i := readImage(t)
	lines := strings.Split(strings.TrimSpace(text), "\n")
	require.Len(t, lines, 3)
	built, made, ran := strings.Fields(lines[0]), strings.Fields(lines[1]), strings.Fields(lines[2])
	require.Equal(t, []string{"docker", "build"}, built[:2])
	require.Equal(t, ".", built[len(built)-1])
	name := flagOf(t, built, "-t")
	require.Equal(t, []string{"docker", "run", "--rm", name}, made[:4])
	output, err := command(t.Context(), "bin/alertd", made[4:]...).CombinedOutput()
	require.NoError(t, err, "%s", output)

	require.Equal(t, []string{"docker", "run"}, ran[:2])
	require.Equal(t, name, ran[len(ran)-1])
	require.Equal(t, readmeAddr+":"+i.port, flagOf(t, ran, "-p"))
	variable, shown, _ := strings.Cut(flagOf(t, ran, "-e"), "=")
	require.Equal(t, "sha256:…", shown, "the reader's own hash belongs here")
	require.Equal(t, imageConfig, i.files[flagOf(t, i.command, "--config")])
	check := command(t.Context(), "bin/alertd", "check-config", imageConfig)
	check.Env = append(check.Env, variable+"="+regexp.MustCompile(`sha256:[0-9a-f]{64}`).FindString(string(output)))
	output, err = check.CombinedOutput()
	require.NoError(t, err, "%s", output)
	require.Contains(t, string(output), "1 token (1 admin)")
}

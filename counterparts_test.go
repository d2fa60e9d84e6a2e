package alertd_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
)

// counterparts is the running program of that name, and its output.
type counterparts struct {
	webhook, slack string // addresses
	lines          *bufio.Scanner
}

// secret and token are those of the program and of the README's configuration.
const (
	secret = "whsec_dG8gdHJ5IGRlbGl2ZXJ5LCBhbmQgbm90aGluZyBlbHNl"
	token  = "xoxb-to-try-delivery"
)

func startCounterparts(t *testing.T) *counterparts {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "counterparts")
	output, err := command(t.Context(), "go", "build", "-o", binary, "./examples/counterparts").CombinedOutput()
	require.NoError(t, err, "%s", output)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := command(ctx, binary, "-webhook", "127.0.0.1:0", "-slack", "127.0.0.1:0")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = patience
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		cancel()
		require.ErrorIs(t, cmd.Wait(), context.Canceled, "it does not end well")
	})
	c := &counterparts{lines: bufio.NewScanner(stdout)}
	c.webhook = "http://" + strings.TrimPrefix(c.line(t), "webhook listens on ")
	c.slack = "http://" + strings.TrimPrefix(c.line(t), "slack listens on ")
	return c
}

// line waits for the next line.
func (c *counterparts) line(t *testing.T) string {
	t.Helper()
	require.True(t, c.lines.Scan(), "it says nothing more: %v", c.lines.Err())
	return c.lines.Text()
}

// post returns the status and the body of an answer; 0 without an answer.
func post(t *testing.T, url, body string, header http.Header) (status int, answered string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	request.Header = header
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	answer, err := client.Do(request)
	if err != nil {
		return 0, ""
	}
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	return answer.StatusCode, string(text)
}

func unix(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }

func TestCounterpartsAcceptOnlySignedWebhooks(t *testing.T) {
	c := startCounterparts(t)
	const body = `{"type":"incident.opened"}`
	hook, err := standardwebhooks.NewWebhook(secret)
	require.NoError(t, err)
	now := time.Now()
	signature, err := hook.Sign("msg_1", now, []byte(body))
	require.NoError(t, err)
	header := http.Header{}
	header.Set("webhook-id", "msg_1")
	header.Set("webhook-timestamp", unix(now.Add(-time.Second)))
	header.Set("webhook-signature", signature)
	status, _ := post(t, c.webhook, body, header)
	require.Equal(t, http.StatusUnauthorized, status, "the time is another")
	require.Equal(t, "webhook refused: the signature is bad", c.line(t))
	header.Set("webhook-timestamp", unix(now))
	status, _ = post(t, c.webhook, body, header)
	require.Equal(t, http.StatusNoContent, status)
	require.Equal(t, "webhook incident.opened, msg_1, the signature is good", c.line(t))
}

func TestSlackCounterpartIsStrictAndCanBeTakenDown(t *testing.T) {
	c := startCounterparts(t)
	const message = `{"channel":"#alerts","text":"t","blocks":[{"type":"header","text":{"type":"plain_text","text":"a &gt; b"}}]`
	header := http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + token}}
	say := func(method, arguments string) string {
		_, answer := post(t, c.slack+"/api/"+method, arguments, header)
		return answer
	}
	posted := say("chat.postMessage", message+"}")
	require.Contains(t, posted, `"ok":true`)
	require.Equal(t, "slack posted: a > b", c.line(t))
	_, after, _ := strings.Cut(posted, `"ts":"`)
	ts, _, _ := strings.Cut(after, `"`)
	require.Contains(t, say("chat.postMessage", message+`,"thread_ts":"`+ts+`"}`), `"ok":true`)
	require.Equal(t, "slack replied: a > b", c.line(t))
	require.Contains(t, say("chat.update", strings.Replace(message, "#alerts", "C0123456789", 1)+`,"ts":"`+ts+`"}`), `"ok":true`)
	require.Equal(t, "slack updated: a > b", c.line(t))

	status, answer := post(t, c.slack+"/down", "", nil)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "Slack is down\n", answer)
	require.Empty(t, say("chat.postMessage", message+"}"))
	require.Equal(t, "slack gave no answer", c.line(t))
	_, answer = post(t, c.slack+"/up", "", nil)
	require.Equal(t, "Slack is up\n", answer)

	require.Contains(t, say("chat.postMessage", `{"channel":"#alerts"}`), `"error":"no_text"`)
	require.Contains(t, c.line(t), "slack refused: no_text")
	require.Contains(t, say("chat.postMessage", message+"}"), `"ok":true`)
	require.Equal(t, "slack posted: a > b", c.line(t))
}

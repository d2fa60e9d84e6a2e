package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// wordedChannel is a webhook with templates, and a route with a title of its own.
func wordedChannel(url, title string) string {
	return fmt.Sprintf(`[alerting]
enabled = true
[alerting.channels.desk]
kind = "webhook"
enabled = true
url = %q
[alerting.channels.desk.template]
title = %q
body = "{{ range 9 }}{{ $.Message }}{{ end }}"
[[alerting.routes]]
name = "gates"
match = { source = ["*_gate"] }
channels = ["desk"]
template = { title = "{{ .Route }}: {{ .Source }}" }
`, url, title)
}

func TestMessagesHaveTheWordsOfTheConfiguration(t *testing.T) {
	type words struct {
		Title, Body string
		Failed      string `json:"template_error"`
	}
	told := make(chan words, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var message struct{ Data words }
		if json.NewDecoder(r.Body).Decode(&message) == nil {
			told <- message.Data
		}
	}))
	t.Cleanup(server.Close)
	next := func() words {
		t.Helper()
		select {
		case w := <-told:
			return w
		case <-time.After(patience):
			require.Fail(t, "nothing is told")
			return words{}
		}
	}
	p := startProcess(t, "")
	p.configure(wordedChannel(server.URL, "{{ .Source }} on {{ .Channel }}"))
	p.signal(syscall.SIGHUP)
	p.awaitLog("configuration reloaded")
	alert := func(source, message string) {
		t.Helper()
		body := fmt.Sprintf(`{"severity": "error", "category": "other", "source": %q, "message": %q}`, source, message)
		require.Equal(t, http.StatusCreated, p.post("/alerts", body).status)
	}

	alert("feed", "stale")
	require.Equal(t, words{Title: "feed on desk", Body: strings.Repeat("stale", 9)}, next())
	alert("var_gate", "x")
	require.Equal(t, words{Title: "gates: var_gate", Body: "xxxxxxxxx"}, next())
	alert("feed", strings.Repeat("long ", 1600)+".")
	require.Equal(t, words{Failed: "body: it makes more than 65536 bytes of text"}, next())
	require.Contains(t, p.get("/metrics").body, "\nalertd_template_failures_total{channel=\"desk\"} 1\n")
	p.awaitLog("template failed, the message has the built-in words")

	p.configure(wordedChannel(server.URL, "{{ .Sverity }}"))
	p.signal(syscall.SIGHUP)
	require.Contains(t, p.awaitLog("configuration not reloaded"), "alerting.channels.desk.template.title: line 1: no field .Sverity, did you mean .Severity?")
	alert("router", "slow")
	require.Equal(t, "router on desk", next().Title, "as before")
	require.Equal(t, exitOK, p.exit(), "%s", p.log)
}

package main

import (
	"database/sql"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/audit"
)

// TestAuditLogIsVerifiedFromOutside has an alertd at work, and then somebody who changes
// its database.
func TestAuditLogIsVerifiedFromOutside(t *testing.T) {
	p := startProcess(t, strict)
	p.configure(lenient)
	require.Equal(t, http.StatusOK, p.post("/-/reload", "").status)
	p.signal(syscall.SIGHUP)
	recorded := func() bool { return strings.Contains(p.get("/audit").body, `"number":2`) }
	require.Eventually(t, recorded, patience, 10*time.Millisecond)
	p.configure("[alerting]\nmin_severity = \"s3cret\"\n")
	require.Equal(t, http.StatusUnprocessableEntity, p.post("/-/reload", "").status)

	var page struct{ Records []audit.Record }
	p.get("/audit?order=asc").into(t, &page)
	require.Len(t, page.Records, 3)
	says := func(r audit.Record) string {
		return fmt.Sprintf("%s %s %s %s", r.Actor, r.Action, strings.TrimPrefix(r.Object, p.config), r.After)
	}
	require.Equal(t, `anonymous config.reload  {"changed":["alerting.min_severity"],"restart_required":[]}`, says(page.Records[0]))
	require.Equal(t, "127.0.0.1", page.Records[0].Address)
	require.Equal(t, `alertd config.reload  {"changed":[],"restart_required":[]}`, says(page.Records[1]))
	require.Equal(t, `anonymous config.reload_refused  {"keys":["alerting.min_severity"]}`, says(page.Records[2]))

	p.configure(lenient)
	head := page.Records[2].Mark().String()
	whole := "ok: 3 records, from 1 to 3, head " + head + "\n"
	verify := func(args ...string) (int, string, string) {
		return command(t.Context(), append([]string{"audit", "verify", "--config", p.config}, args...)...)
	}
	code, stdout, stderr := verify("--head", head)
	require.Equal(t, []any{exitOK, whole, ""}, []any{code, stdout, stderr}, "alertd is running")

	code, lines, stderr := command(t.Context(), "audit", "export", "--config", p.config)
	require.Equal(t, exitOK, code, stderr)
	require.Equal(t, lines, p.do(http.MethodGet, "/audit", "", "Accept", "application/x-ndjson").body)
	file := p.beside("audit.ndjson")
	code, _, stderr = command(t.Context(), "audit", "export", "--config", p.config, file)
	require.Equal(t, exitOK, code, stderr)
	code, stdout, _ = verify(file)
	require.Equal(t, []any{exitOK, whole}, []any{code, stdout})
	code, _, stderr = command(t.Context(), "audit", "export", "--config", p.config, file)
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "is there already")

	// An export that somebody has changed.
	for change, want := range map[string]string{
		strings.Replace(lines, `"actor":"alertd"`, `"actor":"nobody"`, 1):       "record 2 was changed: its hash",
		strings.Replace(lines, `"actor":"alertd",`, ``, 1):                      "record 2 was changed: line 2 is not a record as alertd writes it",
		strings.Join(strings.SplitAfter(lines, "\n")[1:], ""):                   "record 1 was removed: the log begins with record 2",
		strings.SplitAfter(lines, "\n")[0] + strings.SplitAfter(lines, "\n")[2]: "record 2 was removed or moved: record 3 stands in its place",
		strings.Join(strings.SplitAfter(lines, "\n")[:2], ""):                   "record 3 was removed, with all that came after it: the log once had record 3",
		"": "record 1 was removed, with all that came after it",
	} {
		require.NoError(t, os.WriteFile(file, []byte(change), 0o600))
		code, stdout, stderr = verify(file, "--head", head)
		require.Equal(t, exitError, code)
		require.Empty(t, stdout)
		require.Contains(t, stderr, "alertd: the audit log is not as it was written: "+want)
	}
	require.Equal(t, exitOK, p.exit())

	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: p.beside("alertd.db")}).EscapedPath())
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	for _, statement := range []string{`DROP TRIGGER audit_no_update`, `UPDATE audit SET actor = 'nobody' WHERE number = 2`} {
		_, err = db.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	code, _, stderr = verify()
	require.Equal(t, exitError, code)
	require.Contains(t, stderr, "record 2 was changed")
}

func TestReloadGoesOnWithoutItsRecord(t *testing.T) {
	p := startProcess(t, strict)
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: p.beside("alertd.db")}).EscapedPath()+"?_pragma=busy_timeout(10000)")
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	_, err = db.ExecContext(t.Context(), `CREATE TRIGGER refused BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'refused by the test'); END`)
	require.NoError(t, err)
	p.configure(lenient)
	require.Equal(t, http.StatusOK, p.post("/-/reload", "").status)
	require.Contains(t, p.awaitLog("a reload is not in the audit log"), `alerting.min_severity`)
	require.Equal(t, http.StatusCreated, p.post("/alerts", notice).status, "it is in force")
	p.get("/audit").into(t, new(struct{ Records []audit.Record }))
}

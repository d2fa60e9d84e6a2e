package config_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/access"
	"alertd/internal/config"
)

// hashes are those of some tokens.
var hashes = []string{
	"sha256:0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
	"sha256:1f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f1",
}

func hashOf(tb testing.TB, text string) access.Hash {
	tb.Helper()
	hash, err := access.ParseHash(text)
	require.NoError(tb, err)
	return hash
}

// entry is an entry of [[server.tokens]] with these lines.
func entry(lines ...string) string { return "[[server.tokens]]\n" + strings.Join(lines, "\n") + "\n" }

// adminEntry is the entry of an admin.
func adminEntry() string { return entry(`name = "admin"`, `role = "admin"`, `hash = "`+hashes[0]+`"`) }

const (
	signIn  = "[server.oidc]\nissuer = 'https://login.example.com'\nclient_id = 'alertd'\nroles = { desk = 'operator' }\n"
	exposed = " can be reached from other machines, and nobody is configured to be let in: add a token, which alertd token new makes, " +
		"or set allow_anonymous = true in [server], which lets everybody do everything"
)

func TestWrongEntryIsReported(t *testing.T) {
	good := map[string]string{"name": `"desk"`, "role": `"operator"`, "hash": `"` + hashes[0] + `"`}
	secret := access.NewSecret()
	const notHash = "must be sha256: and 64 hexadecimal digits, as alertd token new prints it"
	const notTime = " is not allowed, must be a date and time with an offset, such as 2027-01-01T00:00:00Z or 2027-01-01T09:00:00+01:00"
	for _, row := range []struct{ key, value, at, want string }{
		{"name", ``, ".name", `is missing`},
		{"name", `""`, ".name", `"" is not allowed, must be 1 to 64 letters, digits, dots, underscores, at signs and dashes, the first a letter or a digit`},
		{"name", `"a desk"`, ".name", `"a desk" is not allowed, must be 1 to 64 letters, digits, dots, underscores, at signs and dashes, the first a letter or a digit`},
		{"role", ``, ".role", `is missing, must be ingest, read, operator or admin`},
		{"role", `"root"`, ".role", `"root" is not one of ingest, read, operator or admin`},
		{"role", `5`, ".role", `5 is not allowed, must be a string`},
		{"role", `"${UNSET}"`, ".role", `environment variable UNSET is not set`},
		{"hash", ``, "", `has neither a hash, which alertd token new prints, nor the subject of a client certificate`},
		{"hash", `""`, ".hash", notHash},
		{"hash", `"sha256:0f1e"`, ".hash", notHash},
		{"hash", `"` + hashes[0] + `0"`, ".hash", notHash},
		{"hash", `"${SPACE}"`, ".hash", notHash + "; the value has white space around it"},
		{"hash", `"` + secret.Reveal() + `"`, ".hash", `is a token itself, must be its hash: make another token, this one is known to the readers of the file`},
		{"hash", `5`, ".hash", `the value (not shown) is not allowed, must be a string`},
		{"hash", `"${UNSET}"`, ".hash", `environment variable UNSET is not set`},
		{"subject", `"CN=desk"`, "", `has a hash and a subject, must have one of them`},
		{"sources", `["var_*"]`, ".sources", `is not allowed for role operator, only for one that sends alerts: ingest or admin`},
		{"sources", `"var_*"`, ".sources", `"var_*" is not allowed, must be a list of strings`},
		{"expires", `2027-01-01T00:00:00`, ".expires", `2027-01-01T00:00:00` + notTime},
		{"expires", `2027-01-01`, ".expires", `2027-01-01` + notTime},
		{"expires", `"2027-01-01T00:00:00Z"`, ".expires", `"2027-01-01T00:00:00Z"` + notTime},
		{"expires", `"${SPACE}"`, ".expires", `" ` + hashes[0] + `"` + notTime + "; the value has white space around it"},
		{"hsah", `5`, ".hsah", `is not a known key, did you mean hash?`},
	} {
		t.Run(row.key+" = "+row.value, func(t *testing.T) {
			var lines []string
			for key, value := range good {
				if key != row.key {
					lines = append(lines, key+" = "+value)
				}
			}
			if row.value != "" {
				lines = append(lines, row.key+" = "+row.value)
			}
			content := entry(`name = "first"`, `role = "read"`, `hash = "`+hashes[1]+`"`) + entry(lines...)
			_, err := parse(content, env{"SPACE": " " + hashes[0]})
			want := "server.tokens[1]" + row.at + ": " + row.want
			if row.key == "subject" {
				want += "\nserver.tokens[1].subject: needs client_ca_file in [server.tls]"
			}
			requireProblemsIn(t, err, strings.Split(want, "\n")...)
		})
	}
}

func TestPatternOfSourcesCanBeSeen(t *testing.T) {
	for _, pattern := range []string{`var\u202egate`, `var\u009b`, `var\ngate`, `var\u200b_*`} {
		_, err := config.Parse([]byte("[[server.tokens]]\nname = \"gate\"\nrole = \"ingest\"\nhash = \""+hashes[0]+"\"\nsources = [\""+pattern+"\"]\n"), config.Options{})
		require.ErrorContains(t, err, `server.tokens[0].sources[0]: "`+pattern+`" is not allowed, must be of characters that can be seen; * stands for others`)
	}
}

func TestEntriesMustBeTables(t *testing.T) {
	for value, want := range map[string]string{"5": "a single value", `"x"`: "a string", "[5]": "a list", "[{}, 5]": "a list"} {
		requireProblems(t, "[server]\ntokens = "+value, nil, "server.tokens: is "+want+", must be tables, each beginning with [[server.tokens]]")
	}
	c := requireGood(t, "[server]\ntokens = []", nil)
	require.Empty(t, c.Server.Tokens)
	c = requireGood(t, "[server]\ntokens = [{ name = 'a', role = 'read', hash = '"+hashes[0]+"' }]", nil)
	require.Len(t, c.Server.Tokens, 1)
}

func TestTokensMayShareANameAndNotAHash(t *testing.T) {
	c := requireGood(t, adminEntry()+entry(`name = "admin"`, `role = "read"`, `hash = "`+hashes[1]+`"`), nil)
	directory, err := c.Server.Directory()
	require.NoError(t, err)
	require.False(t, directory.Open())
	found, err := directory.ByHash(hashOf(t, hashes[1]), time.Time{})
	require.NoError(t, err)
	require.Equal(t, access.RoleRead, found.Role)

	requireProblems(t, adminEntry()+adminEntry(), nil, "server.tokens[1].hash: is also that of server.tokens[0], must be of a token of its own")
	byCertificate := entry(`name = "gate"`, `role = "ingest"`, `subject = "CN=gate"`)
	requireProblems(t, byCertificate+byCertificate+"[server.tls]\ncert_file = 'c'\nkey_file = 'k'\nclient_ca_file = 'ca'", nil,
		"server.tokens[1].subject: is also that of server.tokens[0], must be of a certificate of its own")
}

func TestSubjectIsThatOfACertificate(t *testing.T) {
	const files = "[server.tls]\ncert_file = 'c'\nkey_file = 'k'\nclient_ca_file = 'ca'"
	requireProblems(t, entry(`name = "gate"`, `role = "ingest"`, `subject = "gate"`)+files, nil,
		`server.tokens[0].subject: "gate" is not allowed, must be the subject of a client certificate, such as CN=var-gate,O=Desk`)
	requireProblems(t, entry(`name = "gate"`, `role = "ingest"`, `subject = "CN=gate"`), nil,
		"server.tokens[0].subject: needs client_ca_file in [server.tls]")
}

func TestExpiredEntryMakesAWarning(t *testing.T) {
	content := entry(`name = "old"`, `role = "read"`, `hash = "`+hashes[0]+`"`, "expires = 2026-01-02T03:04:05Z")
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for now, warned := range map[time.Time]bool{at: true, at.Add(-1): false} {
		c, err := config.Parse([]byte("[alerting]\n"+content), config.Options{Now: func() time.Time { return now }})
		require.NoError(t, err)
		if warned {
			require.Equal(t, []string{"server.tokens[0]: the entry of old has expired at 2026-01-02T03:04:05Z"}, c.Warnings)
		} else {
			require.Empty(t, c.Warnings)
		}
	}
}

func TestBeyondLoopbackNeedsSomebody(t *testing.T) {
	for listen, beyond := range map[string]bool{
		"127.0.0.1:1": false, "127.8.9.1:1": false, "[::1]:1": false, "localhost:1": false, "[::ffff:127.0.0.1]:1": false,
		"unix:/alertd.sock": false, "unix:/run/alertd:1": false, "systemd": false, "systemd:alertd": false,
		"0.0.0.0:1": true, ":1": true, "[::]:1": true, "10.0.0.1:1": true, "alertd.example.com:1": true, "[fe80::1%eth0]:1": true, "Localhost.example.com:1": true,
	} {
		for _, key := range []string{"listen", "admin_listen"} {
			content := "[server]\n" + key + " = \"" + listen + "\"\n"
			if !beyond {
				requireGood(t, content, nil)
			} else {
				requireProblems(t, content, nil, "server."+key+": \""+listen+"\""+exposed)
			}
			requireGood(t, content+"allow_anonymous = true\n", nil)
			requireGood(t, content+adminEntry(), nil)
			requireGood(t, content+"public_url = 'https://alertd.example.com'\n"+signIn, nil)
		}
		_, err := config.Parse(nil, config.Options{Listen: listen})
		require.Equal(t, beyond, err != nil, "--listen %s", listen)
	}
	requireProblems(t, "[server]\nlisten = '0.0.0.0:1'\n"+entry(`name = "x"`, `role = "x"`, `hash = "${UNSET}"`), nil,
		"server.tokens[0].hash: environment variable UNSET is not set", // and no word about listen
		`server.tokens[0].role: "x" is not one of ingest, read, operator or admin`)
}

func TestAddressOfAListenerIsJudged(t *testing.T) {
	tcp := func(text string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(text), Port: 8080} }
	open := requireGood(t, "", nil)
	for _, c := range []config.Config{requireGood(t, adminEntry(), nil), requireGood(t, "[server]\nallow_anonymous = true", nil)} {
		require.NoError(t, c.Server.CheckAddress("server.listen", tcp("0.0.0.0")))
	}
	for _, addr := range []net.Addr{tcp("127.0.0.1"), tcp("::1"), &net.UnixAddr{Name: "/run/alertd.sock", Net: "unix"}} {
		require.NoError(t, open.Server.CheckAddress("server.listen", addr))
	}
	for _, text := range []string{"0.0.0.0", "10.0.0.1", "::"} {
		addr := tcp(text)
		requireProblemsIn(t, open.Server.CheckAddress("server.admin_listen", addr), "server.admin_listen: "+addr.String()+exposed)
	}
}

func TestAllowAnonymousIsForNobodyElse(t *testing.T) {
	const want = "server.allow_anonymous: true is not allowed, must be false where tokens or [server.oidc] say who may do what"
	requireProblems(t, "[server]\nallow_anonymous = true\n"+adminEntry(), nil, want)
	requireProblems(t, "[server]\nallow_anonymous = true\npublic_url = 'https://alertd.example.com'\n"+signIn, nil, want)
}

func TestReloadDoesNotSilentlyLetEverybodyIn(t *testing.T) {
	const (
		says      = "; to let everybody do everything, the file must say allow_anonymous = true in [server]"
		tokens    = "server.tokens: would let in nobody any more, and therefore everybody" + says
		anonymous = "server.allow_anonymous: is missing, and alertd listens beyond this machine until it is restarted" + says
		public    = "[server]\npublic_url = 'https://alertd.example.com'\n"
		anywhere  = "[server]\nallow_anonymous = true\nlisten = "
	)
	for name, test := range map[string]struct{ before, after, want string }{
		"the last token is gone":                     {adminEntry(), "", tokens},
		"the last token is gone, and it says so":     {adminEntry(), "[server]\nallow_anonymous = true\n", ""},
		"another token":                              {adminEntry(), entry(`name = "b"`, `role = "read"`, `hash = "`+hashes[1]+`"`), ""},
		"nobody was configured":                      {"", "", ""},
		"sign-in instead waits for a restart":        {adminEntry(), public + signIn, tokens},
		"sign-in stays until a restart":              {public + signIn, "", ""},
		"it is not said any more":                    {anywhere + "'0.0.0.0:1'\n", "", anonymous},
		"it is not said any more, of systemd":        {anywhere + "'systemd'\n", "", anonymous},
		"it is not said any more, on this machine":   {anywhere + "'127.0.0.1:1'\n", "", ""},
		"a token is added":                           {anywhere + "'0.0.0.0:1'\n", adminEntry(), ""},
		"beyond the machine for metrics, and unsaid": {"[server]\nallow_anonymous = true\nadmin_listen = ':1'\n", "", anonymous},
	} {
		t.Run(name, func(t *testing.T) {
			before, after := requireGood(t, test.before+"[alerting]\n", nil), requireGood(t, test.after+"[alerting]\n", nil)
			err := before.CheckReload(after)
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			requireProblemsIn(t, err, test.want)
		})
	}
	before := requireGood(t, adminEntry()+telling, nil)
	requireProblemsIn(t, before.CheckReload(requireGood(t, "", nil)),
		"alerting: is missing; to turn alerting off while alertd runs, the file must have this table, with enabled = false", tokens)
}

func TestSettingsOfAccessMustGoTogether(t *testing.T) {
	const missing = ": is missing or empty, "
	for content, want := range map[string][]string{
		"[server.tls]\ncert_file = 'c'":       {"server.tls: must have both cert_file and key_file, or neither"},
		"[server.tls]\nkey_file = 'k'":        {"server.tls: must have both cert_file and key_file, or neither"},
		"[server.tls]\nclient_ca_file = 'ca'": {"server.tls.client_ca_file: needs cert_file and key_file, as certificates are shown over TLS alone"},
		"[server.tls]\nkeyfile = 'k'":         {"server.tls.keyfile: is not a known key, did you mean key_file?"},
		"[server.session]\nidle_timeout = '8d'": {
			"server.session.idle_timeout: 8d is not allowed, must be at most absolute_timeout, which is 7d",
		},
		"[server.session]\nidle_timeout = '1s'": {
			`server.session.idle_timeout: "1s" is not allowed, must be a duration from 1m to 366d such as 500ms, 30s, 15m, 8h or 90d`,
		},
		"[server.oidc]\nclient_id = 'x'": {"server.oidc.issuer" + missing + "without it nobody can sign in"},
		"[server.oidc]\nissuer = 'https://login.example.com'\nscopes = ['email']\nclaim = ''\nname_claim = ''": {
			"server.oidc.claim" + missing + "must be the claim with the values that roles has",
			"server.oidc.client_id" + missing + "the issuer has given it to alertd",
			"server.oidc.name_claim" + missing + "must be the claim with a person's name",
			"server.oidc.roles" + missing + `must say which role a value of the claim has, such as { "risk-desk" = "operator" }`,
			"server.oidc.scopes: must contain openid",
			"server.public_url" + missing + "[server.oidc] needs it: people come back to it after they have signed in",
		},
		"[server]\npublic_url = 'https://alertd.example.com'\n" + strings.Replace(signIn, "operator", "boss", 1): {
			`server.oidc.roles.desk: "boss" is not one of ingest, read, operator or admin`,
		},
	} {
		requireProblems(t, content, nil, want...)
	}
	c := requireGood(t, "[server.session]\nabsolute_timeout = '1h'", nil)
	require.Equal(t, time.Hour, c.Server.Session.Idle, "it is at most the absolute one")
}

func TestIssuerSpeaksTLS(t *testing.T) {
	for issuer, good := range map[string]bool{
		"https://login.example.com": true, "https://login.example.com/realms/desk": true, "http://127.0.0.1:5556/dex": true, "http://localhost:5556": true, "http://[::1]:1": true,
		"http://login.example.com": false, "login.example.com": false, "https://": false, "https://a:b@login.example.com": false, "https://login.example.com?x=1": false,
	} {
		_, err := parse("[server]\npublic_url = 'https://alertd.example.com'\n"+strings.Replace(signIn, "https://login.example.com", issuer, 1), nil)
		if good {
			require.NoError(t, err, issuer)
			continue
		}
		requireProblemsIn(t, err, `server.oidc.issuer: "`+issuer+`" is not allowed, must be the provider's URL with https://, such as https://login.example.com`)
	}
}

func TestWrongListsOfAccessAreReported(t *testing.T) {
	const (
		origin = " is not allowed, must be an origin as browsers send it, such as https://desk.example.com, in lower case and without a path, or *"
		proxy  = " is not allowed, must be an address such as 10.0.0.7, a range such as 10.0.0.0/8, or unix"
	)
	for _, text := range []string{"desk.example.com", "https://desk.example.com/", "https://Desk.example.com", "ftp://desk.example.com", "null", "", "https://a@desk.example.com", "https://*.example.com", "https://desk.example.com:x"} {
		requireProblems(t, "[server]\nallowed_origins = ['*', '"+text+"']", nil, `server.allowed_origins[1]: "`+text+`"`+origin)
	}
	for _, text := range []string{"", "10.0.0", "10.0.0.0/33", "localhost", "unix:", "fe80::1%eth0/64"} {
		requireProblems(t, "[server]\ntrusted_proxies = ['unix', '"+text+"']", nil, `server.trusted_proxies[1]: "`+text+`"`+proxy)
	}
	for _, text := range []string{"", "0999", "1000", "0x1ff", "rw", "-1"} {
		requireProblems(t, "[server]\nsocket_mode = '"+text+"'", nil, `server.socket_mode: "`+text+`" is not allowed, must be permissions in octal from 0000 to 0777, such as 0660`)
	}
	for _, key := range []string{"rate", "address_rate", "login_failure_rate"} {
		requireProblems(t, "[server]\n"+key+" = '5/y'", nil, "server."+key+`: "5/y" is not allowed, must be a number and a time, such as 60/min, 1/s, 1000/h or 10/30s`)
		requireGood(t, "[server]\n"+key+" = ''", nil)
	}
}

package storetest

import (
	"encoding/json"
	"log/slog"
	"net/netip"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"alertd/internal/access"
	"alertd/internal/audit"
	"alertd/internal/store"
)

func firstUses(t *testing.T, db Database) {
	hash := access.NewSecret().Hash()
	token := &access.Identity{Kind: access.Token, Name: "desk-bot", Role: access.RoleOperator, Hash: hash}
	gate := &access.Identity{Kind: access.Certificate, Name: "gate", Role: access.RoleIngest, Subject: "CN=gate"}
	ctx := access.NewContext(t.Context(), &access.Caller{Identity: token, Address: netip.MustParseAddr("192.0.2.7")})
	for range 2 {
		log := db.Start(t)
		for range 3 {
			require.True(t, log.FirstUse(ctx, token))
			require.True(t, log.FirstUse(t.Context(), gate))
			require.True(t, log.FirstUse(t.Context(), access.Anybody()))
		}
		log.Stop()
	}
	log := db.Open(t)
	records := log.auditLog(t)
	require.Len(t, records, 2)
	require.Equal(t, audit.Entry{
		Actor: "desk-bot", Kind: access.Token, Address: "192.0.2.7", Action: audit.TokenFirstUse, Object: "desk-bot", After: []byte(`{"role":"operator"}`),
	}, records[0].Entry)
	require.Equal(t, "gate", records[1].Actor)
	require.EqualValues(t, 1, db.Number(t, `SELECT count(*) FROM token_uses WHERE hash = '`+hash.String()+`'`))
}

// noticed is a log that says once that something was written to it.
type noticed struct {
	once sync.Once
	some chan struct{}
}

func (n *noticed) Write(p []byte) (int, error) {
	n.once.Do(func() { close(n.some) })
	return len(p), nil
}

func writtenLater(t *testing.T, db Database) {
	warned := &noticed{some: make(chan struct{})}
	log := db.Start(t, func(c *store.Config) {
		c.Logger = slog.New(slog.NewTextHandler(warned, &slog.HandlerOptions{Level: slog.LevelWarn}))
	})
	db.Exec(t, `ALTER TABLE audit RENAME TO hidden`)
	require.Error(t, log.Audit(t.Context(), entry(1)))
	require.True(t, log.FirstUse(t.Context(), &access.Identity{Kind: access.Certificate, Name: "gate", Subject: "CN=gate"}))
	<-warned.some
	log.AuditFailure(audit.By(t.Context(), audit.LoginFailed, ""))
	db.Exec(t, `ALTER TABLE hidden RENAME TO audit`)
	log.Stop()
	seen := make(map[audit.Action]int)
	for _, r := range db.Open(t).auditLog(t) {
		seen[r.Action]++
	}
	require.Equal(t, 1, seen[audit.TokenFirstUse])
	require.Equal(t, 1, seen[audit.LoginFailed]+seen[audit.LeftOut])
}

func failureFlood(t *testing.T, db Database) {
	log := db.Start(t)
	var group errgroup.Group
	for range 4 {
		group.Go(func() error {
			for range 250 {
				log.AuditFailure(audit.By(t.Context(), audit.LoginFailed, ""))
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	log.Stop()
	records := db.Open(t).auditLog(t)
	last := records[len(records)-1]
	require.LessOrEqual(t, len(records), 121, "60 in each minute that it has taken")
	require.Equal(t, audit.LeftOut, last.Action)
	var after struct {
		Left map[string]int `json:"left_out"`
	}
	require.NoError(t, json.Unmarshal(last.After, &after))
	require.Equal(t, map[string]int{string(audit.LoginFailed): 1000 - len(records) + 1}, after.Left)
}

package audit_test

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"alertd/internal/access"
	"alertd/internal/audit"
)

func Example() {
	ada := &access.Caller{
		Identity: &access.Identity{Kind: access.Token, Name: "desk-bot"}, Address: netip.MustParseAddr("192.0.2.7"),
	}
	ctx := access.NewContext(context.Background(), ada)
	at := time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)

	first := audit.Seal(audit.Mark{}, at, audit.By(ctx, audit.Acknowledge, "019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55").
		Claiming("desk-bot for ada").Changing(map[string]any{"status": "triggered"}, map[string]any{"status": "acknowledged"}))
	second := audit.Seal(first.Mark(), at.Add(time.Minute), audit.By(context.Background(), audit.Reload, "config.toml"))
	fmt.Println(first.Number, first.Actor, "for", first.For, first.Action, string(first.After))
	fmt.Println(second.Number, second.Actor, second.Previous == first.Hash)

	second.Actor = "somebody else"
	v := audit.NewVerifier()
	fmt.Println(v.Next(first), v.Next(second))
	// Output:
	// 1 desk-bot for ada incident.acknowledge {"status":"acknowledged"}
	// 2 alertd true
	// <nil> record 2 was changed: its hash is not that of what it says
}

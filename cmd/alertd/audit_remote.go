package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"alertd/internal/audit"
)

var auditColumns = []column{
	number("NUMBER", "number"), moment("TIME", "at"), age("at").or(1), member("ACTOR", "actor", 0, 24), member("FOR", "for", 0, 24).or(2),
	member("ADDRESS", "address", 0, 0).or(3), member("ACTION", "action", 0, 0), member("OBJECT", "object", 0, 36),
	{title: "AFTER", cell: func(e element, _ time.Time) string { return e.json("after") }},
}

// json returns a member as JSON; "" if it is null or absent.
func (e element) json(name string) string {
	if e[name] == nil {
		return ""
	}
	data, err := json.Marshal(e[name])
	if err != nil { // cannot be: it was read from JSON
		return ""
	}
	return string(data)
}

func newAuditListCommand() *cobra.Command {
	return newListCommand(list{
		use: "list", short: "Show records of the audit log of a running alertd",
		long: "Shows the newest records of who did what. Times are in UTC. With --output json it prints one\n" +
			"record a line; what alertd audit verify reads is an export.",
		example: "  alertd audit list --since 1d\n  alertd audit list --actor desk --action incident.resolve --output json",
		path:    "/audit", name: "records", columns: auditColumns, pages: true,
		filters: []filter{
			{flag: "actor", parameter: "actor", usage: "only by this `name`; may be given several times", several: true},
			{flag: "action", parameter: "action", usage: "only this `action`, such as incident.resolve; may be given several times", several: true},
			{flag: "object", parameter: "object", usage: "only about this `object`, such as the id of an incident"},
			sinceFilter, untilFilter, orderFilter,
		},
	})
}

// verifyRemote verifies the log that a running alertd answers.
func (f *remoteFlags) verifyRemote(ctx context.Context, cmd *cobra.Command, noted []audit.Mark) (seen audit.Verified, err error) {
	alertd, err := f.open(cmd)
	if err != nil {
		return seen, usageError{err}
	}
	defer alertd.Close()
	records, err := alertd.Lines(ctx, "/audit")
	if err != nil {
		return seen, err
	}
	defer func() { err = errors.Join(err, records.Close()) }()
	return verifyLines(ctx, records, noted)
}

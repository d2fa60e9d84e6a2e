package audit

import (
	"context"

	"github.com/go-json-experiment/json"
)

// removed is what a record of [RetainAudit] has in After.
type removed struct {
	Through int64  `json:"through"`
	Hash    string `json:"hash"`
}

// SignOff returns the entry by which retention signs off that it deletes the beginning of
// the log, up to a record.
func SignOff(ctx context.Context, through Mark) Entry {
	return By(ctx, RetainAudit, "").Changing(nil, removed{through.Number, through.Hash.String()})
}

// signedThrough returns the record up to which a record signs off that the log's beginning
// was deleted.
func signedThrough(r Record) (Mark, bool) {
	var after removed
	if r.Action != RetainAudit || json.Unmarshal(r.After, &after) != nil || after.Through >= r.Number {
		return Mark{}, false
	}
	hash, err := ParseHash(after.Hash)
	return Mark{after.Through, hash}, err == nil
}

package httpapi

import (
	"context"
	"net/http"

	"alertd/internal/access"
	"alertd/internal/audit"
)

// CredentialLog is told of the credentials that callers show. It holds nobody up. Safe for
// concurrent use.
type CredentialLog interface {
	// FirstUse notes that the caller of a context has shown a credential, unless that was noted
	// before. It returns false if it is to be called again at the next use.
	FirstUse(ctx context.Context, i *access.Identity) bool
	// AuditFailure notes that a caller was refused. It may leave out some of very many.
	AuditFailure(e audit.Entry)
}

// noteCredential tells the log of a credential that is wrong, or is used for the first time
// since the settings are in force.
func (a *API) noteCredential(r *http.Request, settings *inForce, i *access.Identity, refusal error) {
	switch {
	case isWrong(refusal):
		a.config.Credentials.AuditFailure(audit.By(r.Context(), audit.CredentialRefused, "").Changing(nil, map[string]any{"reason": "the credential " + refusal.Error()}))
	case refusal == nil && i.Login == nil && (i.Kind == access.Token || i.Kind == access.Certificate): // a session's token was used to sign in
		if _, noted := settings.used.Load(i); !noted && a.config.Credentials.FirstUse(r.Context(), i) {
			settings.used.Store(i, nil)
		}
	}
}

package httpapi

import (
	"net/http"

	"alertd/internal/access"
)

// getWhoAmI answers with who the caller is, so that a page shows only what they may do.
func (a *API) getWhoAmI(w *response, _ *http.Request) error {
	caller := w.caller
	return w.sendJSON(http.StatusOK, struct {
		Name string      `json:"name"`
		Role access.Role `json:"role"`
		Kind access.Kind `json:"kind"`
		// Open says that nobody is configured, so that anybody may do everything.
		Open      bool    `json:"open"`
		ExpiresAt *string `json:"expires_at"`
		// SignedIn says that the caller has come by a session, which can be ended.
		SignedIn bool `json:"signed_in"`
	}{caller.Name, caller.Role, caller.Kind, caller.Kind == access.Anonymous, maybeTime(caller.Expires), caller.Login != nil})
}

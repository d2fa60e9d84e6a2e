package access

import (
	"fmt"
	"slices"
	"strings"
)

// Role is what an entry of the configuration may do.
type Role string

// The roles, from the least to the most trusted. A role has what it says and no more: a
// token that may read cannot send alerts.
const (
	// RoleIngest sends alerts and heartbeats.
	RoleIngest Role = "ingest"
	// RoleRead reads everything but the configuration and the audit log.
	RoleRead Role = "read"
	// RoleOperator reads, and acts on incidents, deliveries and channels.
	RoleOperator Role = "operator"
	// RoleAdmin may do everything.
	RoleAdmin Role = "admin"
)

// Roles returns all roles, from the least to the most trusted.
func Roles() []Role { return []Role{RoleIngest, RoleRead, RoleOperator, RoleAdmin} }

// ParseRole returns the role of that name. The error says which there are.
func ParseRole(name string) (Role, error) {
	if role := Role(name); slices.Contains(Roles(), role) {
		return role, nil
	}
	return "", fmt.Errorf("%q is not one of %s", name, joined(Roles()))
}

// Need is what a caller must be allowed to do to use a route.
type Need uint8

// The needs.
const (
	// NeedNothing: anybody may ask, such as a load balancer or a reader of the docs.
	NeedNothing Need = iota + 1
	// NeedKnown: any role, such as to ask who one is.
	NeedKnown
	// NeedIngest: send alerts.
	NeedIngest
	// NeedRead: see events, incidents, deliveries and how alertd does.
	NeedRead
	// NeedOperator: act on incidents, deliveries and channels.
	NeedOperator
	// NeedAdmin: see and change how alertd works, and who did what.
	NeedAdmin
)

// Allows reports whether a role is enough for a need.
func (r Role) Allows(n Need) bool { return n == NeedNothing || slices.Contains(n.Roles(), r) }

// Roles returns the roles that are enough for a need, from the least trusted; of
// [NeedNothing] and [NeedKnown] all.
func (n Need) Roles() []Role {
	switch n {
	case NeedNothing, NeedKnown:
		return Roles()
	case NeedIngest:
		return []Role{RoleIngest, RoleAdmin}
	case NeedRead:
		return []Role{RoleRead, RoleOperator, RoleAdmin}
	case NeedOperator:
		return []Role{RoleOperator, RoleAdmin}
	case NeedAdmin:
	}
	return []Role{RoleAdmin}
}

// String names the roles that are enough, such as "ingest or admin".
func (n Need) String() string { return joined(n.Roles()) }

func joined(roles []Role) string {
	names := make([]string, len(roles))
	for i, role := range roles {
		names[i] = string(role)
	}
	last := len(names) - 1
	if last == 0 {
		return names[0]
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

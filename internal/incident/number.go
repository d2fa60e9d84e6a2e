package incident

// Number counts incidents from 1, in the order they were opened; 0 stands for none. It is
// signed like SQL's integers.
type Number int64

// Digests is the number under which digests are told: a digest is about no incident alone.
const Digests = 0

// Ref identifies an incident by number and id.
type Ref struct {
	Number Number `json:"number"`
	ID     ID     `json:"incident_id"`
}

package store

import "alertd/internal/alerting"

// Dialect has the words in which the SQL of the two databases differs. Statements are
// written with ? for each argument.
type Dialect struct {
	// Rebind turns each ? into the database's own placeholder.
	Rebind func(query string) string
	// AnyOf follows a column of numbers and holds for those in a list: one placeholder.
	AnyOf string
	// List turns numbers into that placeholder's argument. A nil list is empty, not NULL.
	List func(numbers []int64) any
	// Values are the numbers of such a list as rows of v, each its value: one placeholder.
	Values string
	// AnyText and Texts are AnyOf and List for texts.
	AnyText string
	Texts   func(texts []string) any
	// AnyID and IDs are AnyOf and List for UUIDs.
	AnyID string
	IDs   func(ids []alerting.EventID) any
	// Pairs returns a query for rows of two numbers, given side by side, and its
	// arguments.
	Pairs func(first, second []int64) (query string, args []any)
	// SkipLocked ends a query for rows of table d that are locked until the transaction
	// ends; rows that another transaction has locked are left out.
	SkipLocked string
	// Hold ends a query for rows that are locked until the transaction ends. It waits for
	// transactions that have locked them.
	Hold string
	// Keeping ends a query for rows that cannot be deleted until the transaction ends.
	Keeping string
	// Now is an expression for the time, in microseconds since 1970.
	Now string
	// ID turns a UUID into an argument.
	ID func(id alerting.EventID) any
}

func idTexts(ids []alerting.EventID) []string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = id.String()
	}
	return texts
}

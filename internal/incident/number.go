package incident

// Number counts incidents from 1, in the order in which they were opened; 0 stands for
// none. It is signed as the numbers of SQL are.
type Number int64

// Ref names an incident by its number and its id.
type Ref struct {
	Number Number
	ID     ID
}

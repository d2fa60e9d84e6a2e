package delivery

// Number orders deliveries by when they were planned, from 1; 0 stands for none. It is
// signed as the numbers of SQL are.
type Number int64

//go:build !race

package transfer_test

// manyEvents is how many events the test of the memory moves.
const manyEvents = 200_000

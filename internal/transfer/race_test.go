//go:build race

package transfer_test

// manyEvents are fewer under the race detector, which takes ten times as long,
// but twice what the store keeps in memory for its index all the same.
const manyEvents = 80_000

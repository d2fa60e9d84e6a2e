//go:build race

package storetest

// Slow says that everything takes many times as long.
const Slow = true

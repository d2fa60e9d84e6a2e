// Command generate writes the alerts of a trading day: see package tradingday. Without flags
// it makes testdata/tradingday/alerts.jsonl.gz again, and must run in the repository's root.
package main

import (
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"os"

	"alertd/test/tradingday"
)

func main() {
	seed := flag.Uint64("seed", tradingday.Seed, "the `number` that the day is made from")
	out := flag.String("out", "testdata/tradingday/alerts.jsonl.gz", "the `file` to write")
	flag.Parse()
	if err := write(*seed, *out); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// write writes the day to a file.
func write(seed uint64, path string) error {
	var data bytes.Buffer
	zipped, err := gzip.NewWriterLevel(&data, gzip.BestCompression)
	if err != nil {
		return err
	}
	alerts := tradingday.Generate(seed)
	if err := tradingday.Write(zipped, alerts); err != nil {
		return err
	}
	if err := zipped.Close(); err != nil {
		return err
	}
	if err := os.WriteFile(path, data.Bytes(), 0o644); err != nil {
		return err
	}
	fmt.Printf("%s: %d alerts, %d bytes\n", path, len(alerts), data.Len())
	return nil
}

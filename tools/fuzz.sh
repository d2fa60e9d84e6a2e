#!/usr/bin/env bash
# Runs each fuzz target for a span or a number of inputs (make fuzz): tools/fuzz.sh 1000x. Each
# package is built once. New interesting inputs are kept where go test keeps them, too.
set -euo pipefail
cd "$(dirname "$0")/.."

binary=$(mktemp)
trap 'rm -f "$binary"' EXIT
kept="$("${GO:-go}" env GOCACHE)/fuzz"
module=$("${GO:-go}" list -m)
# Without the contract's tests: their validator takes minutes to build for fuzzing.
grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u | while read -r package; do
	"${GO:-go}" test -tags fuzz -c -fuzz . -o "$binary" "$package"
	(
		cd "$package"
		"$binary" -test.list '^Fuzz' | while read -r target; do
			echo "== $package $target"
			"$binary" -test.run '^$' -test.fuzz "^$target\$" -test.fuzztime "$1" -test.fuzzminimizetime 10x \
				-test.fuzzcachedir "$kept/$module/${package#./}" -test.paniconexit0 </dev/null
		done
	)
done

#!/usr/bin/env bash
# Runs the tests of the dashboard in Chromium (make e2e). Arguments are those of Playwright, such as
# the name of a spec.
set -euo pipefail
cd "$(dirname "$0")/../e2e"

# lacks says what the machine has not, and how to get it. With ALERTD_TEST_SKIP=never that is a failure.
lacks() {
	echo "e2e: there is no $1, nothing was tested: apt-get install $2"
	[ "${ALERTD_TEST_SKIP:-}" != never ] || exit 1
	exit 0
}
command -v node >/dev/null || lacks node nodejs
command -v npm >/dev/null || lacks npm npm
export CHROMIUM="${CHROMIUM:-/usr/bin/chromium}"
[ -x "$CHROMIUM" ] || lacks "$CHROMIUM" chromium

# npm writes this file last; older than the lock, it is of another version.
if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
	npm ci --ignore-scripts --no-audit --no-fund --loglevel error
	touch node_modules/.package-lock.json
fi
exec node_modules/.bin/playwright test "$@"

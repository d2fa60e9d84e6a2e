#!/usr/bin/env bash
# A risk gate that reports a breach of its limit to alertd.
#
#     var_gate.sh CURRENT_VAR LIMIT
#
# Exit status 0: trade on; 1: blocked. The gate decides by itself: an alert that
# cannot be registered is reported on standard error, and never opens the gate.
set -euo pipefail
export LC_ALL=C # numbers have a point

ALERTD_URL=${ALERTD_URL:-http://127.0.0.1:8080}
current_var=$1 limit=$2

if jq -en --argjson now "$current_var" --argjson limit "$limit" '$now <= $limit' >/dev/null; then
	echo "trade on"
	exit 0
fi

jq -n \
	--arg message "$(printf 'VaR limit breached: %.4f > %.4f' "$current_var" "$limit")" \
	--argjson current_var "$current_var" --argjson limit "$limit" \
	'{
		severity: "error", category: "risk_limit", source: "var_gate", message: $message,
		context: {
			current_var: $current_var, limit: $limit,
			breach_pct: (($current_var - $limit) / $limit * 100)
		}
	}' |
	curl -sS --fail-with-body --max-time 3 --json @- "$ALERTD_URL/alerts" -o /dev/null ||
	echo "var_gate: alert not registered" >&2

echo "blocked"
exit 1

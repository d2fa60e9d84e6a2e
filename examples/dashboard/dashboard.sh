#!/usr/bin/env bash
# Prints what a monitoring dashboard shows, as JSON: the statistics and the five
# newest events that are errors or worse.
set -euo pipefail

ALERTD_URL=${ALERTD_URL:-http://127.0.0.1:8080}

get() { curl -sS --fail-with-body --max-time 3 "$ALERTD_URL$1"; }

stats=$(get /stats)
recent=$(get '/events?limit=5&min_severity=error')
jq -n --argjson stats "$stats" --argjson recent "$recent" \
	'{stats: $stats, recent_critical: $recent.events, alerting_enabled: $stats.alerting_enabled}'

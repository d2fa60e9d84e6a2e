#!/usr/bin/env bash
# A kill switch that tells alertd when it halts all trading.
#
#     kill_switch.sh REASON
#
# The alert must arrive exactly once. It is sent until alertd answers, each time
# with the same Idempotency-Key, so that it is registered once even if an answer
# is lost. Exit status 1: it did not get through.
set -euo pipefail

ALERTD_URL=${ALERTD_URL:-http://127.0.0.1:8080}
reason=$1

# Halt all trading here first.

alert=$(jq -n --arg reason "$reason" '{
	severity: "critical", category: "system_health", source: "kill_switch",
	message: "Kill switch activated: \($reason)",
	context: {reason: $reason, action: "all_trading_halted"}
}')
key=$(cat /proc/sys/kernel/random/uuid)

if ! answer=$(curl -sS --fail --max-time 3 --retry 2 --retry-all-errors \
	-H "Idempotency-Key: $key" --json "$alert" "$ALERTD_URL/alerts"); then
	echo "kill_switch: trading is halted, but the alert is not registered" >&2
	exit 1
fi
echo "registered $(jq -r .event_id <<<"$answer")"

#!/usr/bin/env python3
"""A kill switch that tells alertd when it halts all trading.

    kill_switch.py REASON

The alert must arrive exactly once. It is sent until alertd answers, each time
with the same Idempotency-Key, so that it is registered once even if an answer
is lost. Exit status 1: it did not get through.
"""

import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid

ALERTD = os.environ.get("ALERTD_URL", "http://127.0.0.1:8080")


def register_alert(attempts=4, **alert):
    request = urllib.request.Request(
        ALERTD + "/alerts",
        data=json.dumps(alert).encode(),
        headers={"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())},
    )
    for attempt in range(attempts):
        try:
            with urllib.request.urlopen(request, timeout=3) as answer:
                return json.load(answer)
        except (OSError, http.client.HTTPException) as error:
            final = isinstance(error, urllib.error.HTTPError) and error.code < 500 and error.code != 429
            if final or attempt == attempts - 1:
                raise
            time.sleep(0.1 * 2**attempt)


class KillSwitch:
    is_active = False

    def activate(self, reason):
        self.is_active = True  # first of all
        return register_alert(
            severity="critical",
            category="system_health",
            source="kill_switch",
            message=f"Kill switch activated: {reason}",
            context={"reason": reason, "action": "all_trading_halted"},
        )


if __name__ == "__main__":
    try:
        print("registered", KillSwitch().activate(reason=sys.argv[1])["event_id"])
    except (OSError, http.client.HTTPException) as failure:
        sys.exit(f"kill_switch: trading is halted, but the alert is not registered: {failure}")

#!/usr/bin/env python3
"""A risk gate that reports a breach of its limit to alertd.

    var_gate.py CURRENT_VAR LIMIT

Exit status 0: trade on; 1: blocked. The gate decides by itself: an alert that
cannot be registered is reported on standard error, and never opens the gate.
"""

import http.client
import json
import os
import sys
import urllib.request

ALERTD = os.environ.get("ALERTD_URL", "http://127.0.0.1:8080")


def register_alert(**alert):
    request = urllib.request.Request(
        ALERTD + "/alerts",
        data=json.dumps(alert).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=3) as answer:
        answer.read()


class VaRGate:
    def __init__(self, limit):
        self.limit = limit

    def check(self, current_var):
        """Reports whether trading may go on."""
        if current_var <= self.limit:
            return True
        try:
            register_alert(
                severity="error",
                category="risk_limit",
                source="var_gate",
                message=f"VaR limit breached: {current_var:.4f} > {self.limit:.4f}",
                context={
                    "current_var": current_var,
                    "limit": self.limit,
                    "breach_pct": (current_var - self.limit) / self.limit * 100,
                },
            )
        except (OSError, http.client.HTTPException) as error:
            print(f"var_gate: alert not registered: {error}", file=sys.stderr)
        return False


if __name__ == "__main__":
    open_gate = VaRGate(limit=float(sys.argv[2])).check(float(sys.argv[1]))
    print("trade on" if open_gate else "blocked")
    sys.exit(0 if open_gate else 1)

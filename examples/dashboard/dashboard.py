#!/usr/bin/env python3
"""Prints what a monitoring dashboard shows, as JSON: the statistics and the
five newest events that are errors or worse."""

import json
import os
import urllib.parse
import urllib.request

ALERTD = os.environ.get("ALERTD_URL", "http://127.0.0.1:8080")


def get(path, **query):
    url = ALERTD + path + "?" + urllib.parse.urlencode(query)
    with urllib.request.urlopen(url, timeout=3) as answer:
        return json.load(answer)


def get_dashboard_data():
    stats = get("/stats")
    return {
        "stats": stats,
        "recent_critical": get("/events", limit=5, min_severity="error")["events"],
        "alerting_enabled": stats["alerting_enabled"],
    }


if __name__ == "__main__":
    print(json.dumps(get_dashboard_data(), indent=2))

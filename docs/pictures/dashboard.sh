#!/bin/bash
# Takes the pictures of the dashboard that README.md and docs/dashboard.md show: they are screenshots of
# its tests. It needs chromium, node and pngquant.
set -euo pipefail
cd "$(dirname "$0")/../.."

tools/e2e.sh pages -g "desk, admin"
for picture in overview-1440-light overview-1440-dark incidents-1440-light incident-360-light incident-360-dark; do
  target="docs/pictures/dashboard-$picture.png"
  pngquant --force --output "$target" --speed 1 128 "e2e/pictures/desk-admin/$picture.png"
  size=$(stat -c %s "$target")
  echo "$target: $((size / 1024)) KiB"
  [ "$size" -lt 150000 ] || { echo "that is too large for a document" >&2; exit 1; }
done

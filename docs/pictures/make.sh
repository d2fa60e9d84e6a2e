#!/bin/bash
# Takes the pictures of docs/channels.md. It needs chromium, pngquant, fonts-liberation
# and fonts-dejavu of Debian: with other fonts they look different.
set -euo pipefail
cd "$(dirname "$0")/../.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go run ./docs/pictures "$work"

width=720
browser() { # ARGUMENTS
  timeout 60 chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$work/profile" \
    --force-device-scale-factor=1.5 --virtual-time-budget=5000 "$@" 2>/dev/null
}

for page in "$work"/*.html; do
  name=$(basename "$page" .html)
  # A picture is as high as its window: a first look tells how high the page is.
  measured="$work/$name.measured.htm"
  cat "$page" - >"$measured" <<'END'
<script>addEventListener("load", () => setTimeout(() => { document.title = "height " + document.querySelector("main").offsetHeight }, 500))</script>
END
  height=$(browser --window-size="$width,4000" --dump-dom "file://$measured" | sed -n 's/.*<title>height \([0-9]*\)<.*/\1/p')
  browser --window-size="$width,$height" --screenshot="docs/pictures/$name.png" "file://$page"
  pngquant --force --ext .png --speed 1 64 "docs/pictures/$name.png"
  size=$(stat -c %s "docs/pictures/$name.png")
  echo "docs/pictures/$name.png: $((size / 1024)) KiB"
  [ "$size" -lt 150000 ] || { echo "that is too large for a document" >&2; exit 1; }
done

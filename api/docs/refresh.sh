#!/bin/sh
# Takes the renderer of the contract's page from its npm package, and writes down
# what was taken. Usage: api/docs/refresh.sh [VERSION]
set -eu
version=${1:-2.5.4}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm pack --silent "redoc@$version" >/dev/null
tar xzf "redoc-$version.tgz" package/bundles/redoc.standalone.js package/LICENSE
# The footer's logo would come from another host: an empty image takes its place.
sed -e 's#https://cdn\.redoc\.ly/redoc/logo-mini\.svg#data:,#g' -e '/^\/\/# sourceMappingURL=/d' package/bundles/redoc.standalone.js >"$here/redoc.standalone.js"
cp package/LICENSE "$here/LICENSE.redoc.txt"
sum=$(sha256sum "$here/redoc.standalone.js" | cut -d' ' -f1)
printf '{"package": "redoc", "version": "%s", "license": "MIT", "file": "redoc.standalone.js", "sha256": "%s"}\n' "$version" "$sum" >"$here/manifest.json"

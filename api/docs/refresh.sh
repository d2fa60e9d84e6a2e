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
tar xzf "redoc-$version.tgz"
# The footer's logo would come from another host: an empty image takes its place.
sed -e 's#https://cdn\.redoc\.ly/redoc/logo-mini\.svg#data:,#g' -e '/^\/\/# sourceMappingURL=/d' package/bundles/redoc.standalone.js >"$here/redoc.standalone.js"
# The bundle has other people's work in it, and so has its worker; the package keeps their notices apart.
{
	cat package/LICENSE
	for notices in package/bundles/redoc.standalone.js.LICENSE.txt package/bundles/*.worker.js.LICENSE.txt; do
		printf '\n'
		cat "$notices"
	done
} >"$here/LICENSE.redoc.txt"
sum=$(sha256sum "$here/redoc.standalone.js" | cut -d' ' -f1)
printf '{"package": "redoc", "version": "%s", "license": "MIT", "file": "redoc.standalone.js", "sha256": "%s"}\n' "$version" "$sum" >"$here/manifest.json"

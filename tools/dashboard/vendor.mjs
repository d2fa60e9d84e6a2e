// Copies the modules that the dashboard loads from node_modules to internal/dashboard/web/vendor,
// and writes there manifest.json (where each file comes from, and its checksum) and LICENSES.txt.
// The code is not changed, except that a module is imported by a relative path, as browsers
// know no other without an inline import map, and that no source map is named.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";

const modules = [
  { name: "preact", from: "dist/preact.mjs", to: "preact.js" },
  { name: "preact", from: "hooks/dist/hooks.mjs", to: "hooks.js" },
  { name: "@preact/signals-core", from: "dist/signals-core.mjs", to: "signals-core.js" },
  { name: "@preact/signals", from: "dist/signals.mjs", to: "signals.js" },
  { name: "htm", from: "dist/htm.mjs", to: "htm.js" },
  // The minified build is a script; a last line makes a module of it.
  { name: "uplot", from: "dist/uPlot.iife.min.js", to: "uplot.js", append: "\nexport default uPlot;\n" },
  { name: "uplot", from: "dist/uPlot.min.css", to: "uplot.css" },
];
const paths = { preact: "./preact.js", "preact/hooks": "./hooks.js", "@preact/signals-core": "./signals-core.js" };

const here = new URL("./", import.meta.url);
const target = new URL("../../internal/dashboard/web/vendor/", here);
const lock = JSON.parse(readFileSync(new URL("package-lock.json", here), "utf8"));
mkdirSync(target, { recursive: true });

const manifest = [];
const licences = new Map();
for (const { name, from, to, append = "" } of modules) {
  const folder = new URL(`node_modules/${name}/`, here);
  const { version, license } = JSON.parse(readFileSync(new URL("package.json", folder), "utf8"));
  let text = readFileSync(new URL(from, folder), "utf8").replace(/\/\/# sourceMappingURL=.*\n?/g, "");
  text = text.replace(/\bfrom ?"([^".]+)"/g, (whole, bare) => {
    if (!paths[bare]) throw new Error(`${name} imports ${bare}, which is not vendored`);
    return `from "${paths[bare]}"`;
  });
  text = text.trimEnd() + "\n" + append.trimStart();
  writeFileSync(new URL(to, target), text);
  licences.set(name, `${name} ${version} (${license})\n\n${readFileSync(new URL("LICENSE", folder), "utf8").trim()}\n`);
  manifest.push({
    file: to, package: name, version, licence: license, from,
    integrity: lock.packages[`node_modules/${name}`].integrity,
    sha256: createHash("sha256").update(text).digest("hex"),
  });
}
writeFileSync(new URL("manifest.json", target), JSON.stringify(manifest, null, 2) + "\n");
writeFileSync(new URL("LICENSES.txt", target), [...licences.values()].join("\n" + "-".repeat(72) + "\n\n"));

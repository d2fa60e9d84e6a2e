// A configuration, as the tables of TOML that it is read from.

/** @typedef {{name: string, title: string, rows: [key: string, value: string][]}} Section title: the header of the table, such as [server.tls] or [[alerting.routes]] */

/** @param {unknown} value @returns {value is Record<string, unknown>} */
const isTable = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

/** @param {string} key */
const quotedKey = (key) => (/^[\w-]+$/.test(key) ? key : JSON.stringify(key));

/** A value as TOML writes it. @param {unknown} value @returns {string} */
export function toml(value) {
  if (value === "<secret>") return value;
  if (Array.isArray(value)) return `[${value.map(toml).join(", ")}]`;
  if (isTable(value)) return Object.keys(value).length === 0 ? "{}" : `{ ${Object.entries(value).map(([key, v]) => `${quotedKey(key)} = ${toml(v)}`).join(", ")} }`;
  return JSON.stringify(value);
}

/**
 * The tables of a configuration. What is in a table of an array, such as the match of a route, is a value.
 * @param {Record<string, unknown>} config
 * @returns {Section[]}
 */
export function sections(config) {
  /** @type {Section[]} */
  const all = [];
  /** @param {string} name @param {string} title @param {Record<string, unknown>} table @param {boolean} last whether tables in it are values */
  const add = (name, title, table, last) => {
    const entries = Object.entries(table).sort(([a], [b]) => Number(b === "name") - Number(a === "name") || a.localeCompare(b));
    const isList = (/** @type {unknown} */ v) => Array.isArray(v) && v.length > 0 && v.every(isTable);
    const values = entries.filter(([, v]) => last || !(isTable(v) || isList(v)));
    if (values.length) all.push({ name, title, rows: values.map(([key, v]) => [key, toml(v)]) });
    if (last) return;
    for (const [key, v] of entries) {
      const inner = name ? `${name}.${quotedKey(key)}` : quotedKey(key);
      if (isTable(v)) add(inner, `[${inner}]`, v, false);
      else if (isList(v)) for (const one of /** @type {Record<string, unknown>[]} */ (v)) add(inner, `[[${inner}]]`, one, true);
    }
  };
  add("", "", config, false);
  return all;
}

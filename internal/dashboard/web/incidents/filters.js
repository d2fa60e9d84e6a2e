// Which incidents a list shows: in its address, so that it can be kept and shared.
import { html, useEffect, useRef, useState } from "../components/html.js";
import { go, place, withQuery } from "../router.js";
import { incidents } from "../standing.js";
import { severities } from "../components/severity.js";

/** @typedef {import("./rows.js").Query} Query */

const categories = ["risk_limit", "position_violation", "execution_error", "data_quality", "system_health", "compliance", "performance", "other"];

/**
 * What an address asks alertd for.
 * @param {URLSearchParams} query
 * @returns {Query}
 */
export function read(query) {
  const status = query.get("status");
  const open = !status || status === "open";
  return /** @type {Query} */ ({
    status: open ? ["triggered", "acknowledged"] : [status],
    min_severity: query.get("min_severity") || undefined,
    category: query.getAll("category"),
    source: query.getAll("source"),
    q: query.get("q") || undefined,
    order: query.get("order") || undefined,
  });
}

/** @param {Record<string, string | string[] | null>} changes */
const change = (changes) => go(withQuery(changes), { replace: true });

export function Tabs() {
  const now = place.value.query.get("status") || "open";
  /** @param {"triggered" | "acknowledged"} status */
  const count = (status) => {
    const counts = incidents.value?.[status];
    return counts && severities.reduce((sum, s) => sum + counts[s], 0);
  };
  const [triggered, acknowledged] = [count("triggered"), count("acknowledged")];
  const tabs = [
    { status: "open", word: "Open", count: triggered === undefined || acknowledged === undefined ? undefined : triggered + acknowledged },
    { status: "triggered", word: "Triggered", count: triggered },
    { status: "acknowledged", word: "Acknowledged", count: acknowledged },
    { status: "resolved", word: "Resolved" },
  ];
  return html`<nav class="tabs" aria-label="State">${tabs.map((t) => html`
    <a key=${t.status} href=${withQuery({ status: t.status === "open" ? null : t.status })} aria-current=${now === t.status ? "page" : undefined}>${t.word}${t.count !== undefined && html` <span class="tab-count">${t.count.toLocaleString("en")}</span>`}</a>`)}</nav>`;
}

/**
 * @param {{sources: string[], search: {current: HTMLInputElement | null}}} props sources: to choose from
 */
export function Filters({ sources, search }) {
  const query = place.value.query;
  const given = query.get("q") ?? "";
  const [text, setText] = useState(given);
  const timer = useRef(0);
  useEffect(() => setText(given), [given]);
  useEffect(() => () => clearTimeout(timer.current), []);
  /** @param {string} value */
  const later = (value) => {
    setText(value);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => change({ q: value.trim() }), 300);
  };
  /** @param {string} name @param {string} value */
  const add = (name, value) => { if (value.trim()) change({ [name]: [...new Set([...query.getAll(name), value.trim()])] }); };
  const chosen = ["category", "source"].flatMap((name) => query.getAll(name).map((value) => ({ name, value })));
  return html`
    <div class="filters" role="search">
      <input type="search" ref=${search} aria-label="Message has" placeholder="Message has …  ( / )" value=${text} onInput=${(/** @type {any} */ e) => later(e.target.value)} />
      <select aria-label="Least severity" value=${query.get("min_severity") ?? ""} onChange=${(/** @type {any} */ e) => change({ min_severity: e.target.value })}>
        <option value="">any severity</option>${severities.map((s) => html`<option key=${s} value=${s}>${s === "critical" ? s : `${s} or worse`}</option>`)}</select>
      <select aria-label="Category" value="" onChange=${(/** @type {any} */ e) => { add("category", e.target.value); e.target.value = ""; }}>
        <option value="">${query.has("category") ? "another category" : "any category"}</option>${categories.map((c) => html`<option key=${c} value=${c}>${c}</option>`)}</select>
      <input class="source-filter" aria-label="Source" list="incident-sources" placeholder=${query.has("source") ? "another source" : "any source"}
        onChange=${(/** @type {any} */ e) => { add("source", e.target.value); e.target.value = ""; }} />
      <datalist id="incident-sources">${sources.map((s) => html`<option key=${s} value=${s} />`)}</datalist>
      <select aria-label="Order" value=${query.get("order") ?? "desc"} onChange=${(/** @type {any} */ e) => change({ order: e.target.value === "asc" ? "asc" : null })}>
        <option value="desc">newest first</option><option value="asc">oldest first</option></select>
      ${chosen.map(({ name, value }) => html`<button key=${name + value} type="button" class="chip" title="Remove this filter" onClick=${() => change({ [name]: query.getAll(name).filter((v) => v !== value) })}>${name} <strong>${value}</strong> <span aria-hidden="true">✕</span></button>`)}
    </div>`;
}

/** Whether anything but the state is filtered. @param {URLSearchParams} query */
export const filtered = (query) => ["min_severity", "category", "source", "q"].some((name) => query.get(name));

export const clearFilters = () => change({ min_severity: null, category: null, source: null, q: null });

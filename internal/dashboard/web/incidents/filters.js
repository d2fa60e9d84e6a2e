// Which incidents a list shows: in its address, so that it can be kept and shared.
import { html } from "../components/html.js";
import { place, withQuery } from "../router.js";
import { incidents } from "../standing.js";
import { filter, Filters } from "../components/filters.js";
import { severities } from "../components/severity.js";

/** @typedef {import("./rows.js").Query} Query */

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

/** @param {{sources: string[]}} props to choose from */
export function IncidentFilters({ sources }) {
  return html`
    <${Filters} label="Filter the incidents" sources=${sources}>
      <select aria-label="Order" value=${place.value.query.get("order") ?? "desc"} onChange=${(/** @type {import("../components/filters.js").Change} */ e) => filter({ order: e.currentTarget.value === "asc" ? "asc" : null })}>
        <option value="desc">newest first</option><option value="asc">oldest first</option></select>
    </${Filters}>`;
}

/** Whether anything but the state is filtered. @param {URLSearchParams} query */
export const filtered = (query) => ["min_severity", "category", "source", "q"].some((name) => query.get(name));

export const clearFilters = () => filter({ min_severity: null, category: null, source: null, q: null });

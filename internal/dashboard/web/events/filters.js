// The row of filters above the events. What they say is in the address.
import { html, useEffect, useRef, useState } from "../components/html.js";
import { go, place, withQuery } from "../router.js";
import { zone } from "../settings.js";
import { stats } from "../standing.js";
import { categories } from "../components/category.js";
import { MomentInput } from "../components/moment.js";
import { severities } from "../components/severity.js";
import { spans } from "./filter.js";

/** @param {Parameters<typeof withQuery>[0]} changes */
const set = (changes) => go(withQuery(changes), { replace: true });

/** @typedef {Event & {currentTarget: HTMLInputElement & HTMLSelectElement}} Change */

/** @param {{query: URLSearchParams, narrow: boolean}} props narrow: only the text is there until more is asked for */
export function Filters({ query, narrow }) {
  const [text, setText] = useState(query.get("q") ?? "");
  const asked = useRef(query.get("q") ?? "");
  const pause = useRef(0);
  useEffect(() => { // the address was changed by something else, such as the back button
    if ((query.get("q") ?? "") !== asked.current) setText(asked.current = query.get("q") ?? "");
  }, [query.get("q")]);
  /** @param {string} value */
  const search = (value) => {
    clearTimeout(pause.current);
    asked.current = value.trim();
    if (asked.current !== (place.value.query.get("q") ?? "")) set({ q: asked.current || null });
  };
  const span = query.has("since") || query.has("until") ? "exact" : query.get("last") ?? "";
  const [exactly, setExactly] = useState(false);
  const [all, setAll] = useState(false);
  /** @param {string} name @param {string} value */
  const add = (name, value) => value && set({ [name]: [...new Set([...query.getAll(name), value])] });
  /** @param {string} name @param {string} value */
  const drop = (name, value) => set({ [name]: query.getAll(name).filter((v) => v !== value) });
  const chosen = ["category", "source"].flatMap((name) => query.getAll(name).map((value) => ({ name, value })));
  const hidden = all ? 0 : ["min_severity", "last", "since", "until"].filter((name) => query.get(name)).length;
  return html`
    <form class="ev-filters" role="search" aria-label="Filter the events" onSubmit=${(/** @type {Event} */ e) => { e.preventDefault(); search(text); }}>
      <input type="search" aria-label="Message has" placeholder="Message has …  ( / )" maxlength="255" value=${text} data-search
        onInput=${(/** @type {Change} */ e) => { const value = e.currentTarget.value; setText(value); clearTimeout(pause.current); pause.current = setTimeout(search, 300, value); }} />
      ${narrow && html`<button type="button" aria-expanded=${all} onClick=${() => setAll(!all)}>Filters${hidden > 0 && ` (${hidden})`}</button>`}
      ${(!narrow || all) && html`
        <select aria-label="Least severity" value=${query.get("min_severity") ?? ""} onChange=${(/** @type {Change} */ e) => set({ min_severity: e.currentTarget.value })}>
          <option value="">any severity</option>${severities.slice(0, -1).map((s) => html`<option value=${s}>${s === "critical" ? s : `${s} or worse`}</option>`)}</select>
        <select aria-label="Category" value="" onChange=${(/** @type {Change} */ e) => { add("category", e.currentTarget.value); e.currentTarget.value = ""; }}>
          <option value="">${query.has("category") ? "another category" : "any category"}</option>${categories.filter((c) => !query.getAll("category").includes(c)).map((c) => html`<option>${c}</option>`)}</select>
        <input aria-label="Source" list="event-sources" autocomplete="off" placeholder=${query.has("source") ? "another source" : "any source"} size="16" maxlength="255"
          onChange=${(/** @type {Change} */ e) => { add("source", e.currentTarget.value.trim()); e.currentTarget.value = ""; }} />
        <datalist id="event-sources">${Object.keys(stats.value?.by_source ?? {}).sort().slice(0, 500).map((s) => html`<option value=${s}></option>`)}</datalist>
        <select aria-label="When" value=${exactly ? "exact" : span} onChange=${(/** @type {Change} */ e) => {
          const value = e.currentTarget.value;
          setExactly(value === "exact");
          if (value !== "exact") set({ last: value, since: null, until: null });
        }}>
          <option value="">any time</option>${Object.entries(spans).map(([name, { words }]) => html`<option value=${name}>${words}</option>`)}<option value="exact">from … to …</option></select>
        ${(exactly || span === "exact") && html`
          <label>from <${MomentInput} value=${query.get("since") ?? ""} onChange=${(/** @type {string} */ since) => set({ since, last: null })} /></label>
          <label>to before <${MomentInput} value=${query.get("until") ?? ""} onChange=${(/** @type {string} */ until) => set({ until, last: null })} /></label>
          <span class="soft">${zone.value === "utc" ? "UTC" : "local time"}</span>`}`}
      ${chosen.map(({ name, value }) => html`<button key=${name + value} type="button" class="ev-chip" title="Remove this filter" onClick=${() => drop(name, value)}>${name} <strong>${value}</strong> <span aria-hidden="true">✕</span></button>`)}
    </form>`;
}

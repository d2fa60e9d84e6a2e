// The row of filters above the events. What they say is in the address.
import { html, useEffect, useRef, useState } from "../components/html.js";
import { get } from "../api.js";
import { go, place, withQuery } from "../router.js";
import { useResource } from "../resource.js";
import { zone } from "../settings.js";
import { severities } from "../components/severity.js";
import { exact } from "../components/time.js";
import { spans } from "./filter.js";

export const categories = ["risk_limit", "position_violation", "execution_error", "data_quality", "system_health", "compliance", "performance", "other"];

/** @param {Parameters<typeof withQuery>[0]} changes */
const set = (changes) => go(withQuery(changes), { replace: true });

/** @typedef {Event & {currentTarget: HTMLInputElement & HTMLSelectElement}} Change */

/**
 * A time as an input of the type datetime-local has it, in the zone that the person has chosen.
 * @param {string | null} time
 */
const toInput = (time) => (time && !Number.isNaN(Date.parse(time)) ? exact(time).slice(0, 19).replace(" ", "T") : "");

/** @param {string} text of the input */
const fromInput = (text) => (text ? new Date(zone.value === "utc" ? text + "Z" : text).toISOString().replace(".000Z", "Z") : null);

/** @param {{query: URLSearchParams}} props */
export function Filters({ query }) {
  const known = useResource((signal) => get("/stats", { signal }), [], { every: 60 });
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
  /** @param {string} name @param {string} value */
  const add = (name, value) => value && set({ [name]: [...new Set([...query.getAll(name), value])] });
  /** @param {string} name @param {string} value */
  const drop = (name, value) => set({ [name]: query.getAll(name).filter((v) => v !== value) });
  const chosen = ["category", "source"].flatMap((name) => query.getAll(name).map((value) => ({ name, value })));
  return html`
    <form class="filters" role="search" aria-label="Filter the events" onSubmit=${(/** @type {Event} */ e) => { e.preventDefault(); search(text); }}>
      <label><span>Severity</span><select value=${query.get("min_severity") ?? ""} onChange=${(/** @type {Change} */ e) => set({ min_severity: e.currentTarget.value })}>
        <option value="">any</option>${[...severities].reverse().slice(1).map((s) => html`<option value=${s}>${s === "critical" ? s : `${s} and worse`}</option>`)}</select></label>
      <label><span>Category</span><select value="" onChange=${(/** @type {Change} */ e) => { add("category", e.currentTarget.value); e.currentTarget.value = ""; }}>
        <option value="">${query.has("category") ? "one more…" : "any"}</option>${categories.filter((c) => !query.getAll("category").includes(c)).map((c) => html`<option>${c}</option>`)}</select></label>
      <label><span>Source</span><input list="sources" autocomplete="off" placeholder=${query.has("source") ? "one more…" : "any"} size="16" maxlength="255"
        onChange=${(/** @type {Change} */ e) => { add("source", e.currentTarget.value.trim()); e.currentTarget.value = ""; }} /></label>
      <datalist id="sources">${Object.keys(known.data?.by_source ?? {}).sort().slice(0, 500).map((s) => html`<option value=${s}></option>`)}</datalist>
      <label><span>Time</span><select value=${exactly ? "exact" : span} onChange=${(/** @type {Change} */ e) => {
        const value = e.currentTarget.value;
        setExactly(value === "exact");
        if (value !== "exact") set({ last: value, since: null, until: null });
      }}>
        <option value="">any</option>${Object.entries(spans).map(([name, { words }]) => html`<option value=${name}>${words}</option>`)}<option value="exact">exactly…</option></select></label>
      ${(exactly || span === "exact") && html`
        <label><span>From</span><input type="datetime-local" step="1" value=${toInput(query.get("since"))} onChange=${(/** @type {Change} */ e) => set({ since: fromInput(e.currentTarget.value), last: null })} /></label>
        <label><span>to before</span><input type="datetime-local" step="1" value=${toInput(query.get("until"))} onChange=${(/** @type {Change} */ e) => set({ until: fromInput(e.currentTarget.value), last: null })} /></label>`}
      <label class="search"><span>Text</span><input type="search" placeholder="in the message" maxlength="255" value=${text} data-search
        onInput=${(/** @type {Change} */ e) => { const value = e.currentTarget.value; setText(value); clearTimeout(pause.current); pause.current = setTimeout(search, 300, value); }} /></label>
    </form>
    ${chosen.length > 0 && html`<ul class="chosen" aria-label="Chosen">${chosen.map(({ name, value }) => html`
      <li key=${name + value}><span>${name} <b>${value}</b></span><button type="button" class="quiet" aria-label=${`Do not ask for ${name} ${value}`} onClick=${() => drop(name, value)}>✕</button></li>`)}</ul>`}`;
}

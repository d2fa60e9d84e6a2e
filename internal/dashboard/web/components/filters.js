// The row of filters above a list of events or incidents. What they say is in the address.
import { html, useEffect, useRef, useState } from "./html.js";
import { go, place, withQuery } from "../router.js";
import { categories } from "./category.js";
import { severities } from "./severity.js";

/** @param {Parameters<typeof withQuery>[0]} changes */
export const filter = (changes) => go(withQuery(changes));

/** @typedef {Event & {currentTarget: HTMLInputElement & HTMLSelectElement}} Change */

/**
 * @param {{label: string, sources: string[], more?: string[], narrow?: boolean, children?: unknown}} props sources: to choose from; children: further
 * filters, and more: their parameters; narrow: only the text is there until the others are asked for
 */
export function Filters({ label, sources, more = [], narrow = false, children }) {
  const query = place.value.query;
  const given = query.get("q") ?? "";
  const [text, setText] = useState(given);
  const [all, setAll] = useState(false);
  const asked = useRef(given);
  const pause = useRef(0);
  useEffect(() => { // the address was changed by something else, such as the back button
    if (given !== asked.current) setText(asked.current = given);
  }, [given]);
  useEffect(() => () => clearTimeout(pause.current), []);
  /** @param {string} value */
  const search = (value) => {
    clearTimeout(pause.current);
    asked.current = value.trim();
    if (asked.current !== (place.value.query.get("q") ?? "")) go(withQuery({ q: asked.current || null }), { replace: true }); // not an entry for each letter
  };
  /** @param {string} name @param {string} value */
  const add = (name, value) => value && filter({ [name]: [...new Set([...query.getAll(name), value])] });
  const chosen = ["category", "source"].flatMap((name) => query.getAll(name).map((value) => ({ name, value })));
  const hidden = all ? 0 : ["min_severity", ...more].filter((name) => query.get(name)).length;
  return html`
    <form class="filters" role="search" aria-label=${label} onSubmit=${(/** @type {Event} */ e) => { e.preventDefault(); search(text); }}>
      <input type="search" aria-label="Message has" placeholder="Message has …  ( / )" maxlength="255" value=${text} data-search
        onInput=${(/** @type {Change} */ e) => { const value = e.currentTarget.value; setText(value); clearTimeout(pause.current); pause.current = setTimeout(search, 300, value); }} />
      ${narrow && html`<button type="button" aria-expanded=${all} onClick=${() => setAll(!all)}>Filters${hidden > 0 && ` (${hidden})`}</button>`}
      ${(!narrow || all) && html`
        <select aria-label="Least severity" value=${query.get("min_severity") ?? ""} onChange=${(/** @type {Change} */ e) => filter({ min_severity: e.currentTarget.value })}>
          <option value="">any severity</option>${severities.map((s) => html`<option key=${s} value=${s}>${s === "critical" ? s : `${s} or worse`}</option>`)}</select>
        <select aria-label="Category" value="" onChange=${(/** @type {Change} */ e) => { add("category", e.currentTarget.value); e.currentTarget.value = ""; }}>
          <option value="">${query.has("category") ? "another category" : "any category"}</option>${categories.filter((c) => !query.getAll("category").includes(c)).map((c) => html`<option key=${c}>${c}</option>`)}</select>
        <input aria-label="Source" list="sources" autocomplete="off" placeholder=${query.has("source") ? "another source" : "any source"} size="16" maxlength="255"
          onChange=${(/** @type {Change} */ e) => { add("source", e.currentTarget.value.trim()); e.currentTarget.value = ""; }} />
        <datalist id="sources">${sources.map((s) => html`<option key=${s} value=${s}></option>`)}</datalist>
        ${children}`}
      ${chosen.map(({ name, value }) => html`<button key=${name + value} type="button" class="chip" title="Remove this filter"
        onClick=${() => filter({ [name]: query.getAll(name).filter((v) => v !== value) })}>${name} <strong>${value}</strong> <span aria-hidden="true">✕</span></button>`)}
    </form>`;
}

/** What a key does that leads to the search. */
export const toSearch = () => /** @type {HTMLElement | null} */ (document.querySelector("[data-search]"))?.focus();

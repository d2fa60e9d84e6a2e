// The filters of the events: those of every list, and a span of time.
import { html, useMemo, useState } from "../components/html.js";
import { place } from "../router.js";
import { zone } from "../settings.js";
import { stats } from "../standing.js";
import { filter, Filters } from "../components/filters.js";
import { MomentInput } from "../components/moment.js";
import { spans } from "./filter.js";

/** @param {{narrow: boolean}} props */
export function EventFilters({ narrow }) {
  const query = place.value.query;
  const span = query.has("since") || query.has("until") ? "exact" : query.get("last") ?? "";
  const [exactly, setExactly] = useState(false);
  const known = stats.value?.by_source;
  const sources = useMemo(() => Object.keys(known ?? {}).sort().slice(0, 500), [known]);
  return html`
    <${Filters} label="Filter the events" sources=${sources} more=${["last", "since", "until"]} narrow=${narrow}>
      <select aria-label="When" value=${exactly ? "exact" : span} onChange=${(/** @type {import("../components/filters.js").Change} */ e) => {
        const value = e.currentTarget.value;
        setExactly(value === "exact");
        if (value !== "exact") filter({ last: value, since: null, until: null });
      }}>
        <option value="">any time</option>${Object.entries(spans).map(([name, { words }]) => html`<option key=${name} value=${name}>${words}</option>`)}<option value="exact">from … to …</option></select>
      ${(exactly || span === "exact") && html`
        <label>from <${MomentInput} value=${query.get("since") ?? ""} onChange=${(/** @type {string} */ since) => filter({ since, last: null })} /></label>
        <label>to before <${MomentInput} value=${query.get("until") ?? ""} onChange=${(/** @type {string} */ until) => filter({ until, last: null })} /></label>
        <span class="soft">${zone.value === "utc" ? "UTC" : "local time"}</span>`}
    </${Filters}>`;
}

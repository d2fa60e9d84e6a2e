// What happened to an incident, the newest first.
import { html, useState } from "../components/html.js";
import { Time } from "../components/time.js";

/** @typedef {import("../api.js").Schemas["Entry"]} Entry */
/** @typedef {import("../api.js").Schemas["Delivery"]} Delivery */

const few = 30;

/** @type {Record<string, string>} */
const tones = { opened: "bad", severity_raised: "bad", promoted: "bad", unacknowledged: "bad", failed: "bad", unreadable: "bad", acknowledged: "busy", held_back: "busy", flapping: "busy", retrying: "busy", resolved: "good", delivered: "good" };

/**
 * @param {{entries: Entry[], deliveries: Delivery[], reveal: (delivery: string) => void}} props reveal: shows one of the deliveries
 */
export function Timeline({ entries, deliveries, reveal }) {
  const [all, setAll] = useState(false);
  const ids = new Set(deliveries.map((d) => d.delivery_id));
  const newest = entries.map((entry, n) => ({ entry, n })).reverse();
  return html`
    <ol class="timeline">${newest.slice(0, all ? undefined : few).map(({ entry, n }) => html`
      <li key=${n + entry.at} data-tone=${tones[entry.kind] ?? "plain"}>
        <span class="timeline-at"><${Time} at=${entry.at} form="clock" /> <span class="soft"><${Time} at=${entry.at} /></span></span>
        <div><strong class="timeline-kind">${entry.kind.replaceAll("_", " ")}</strong> ${entry.channel && html`<span>${entry.channel}${entry.target && ` ${entry.target}`}</span>`} <span class="words">${entry.reason}</span>
          ${entry.by && !entry.reason.includes(entry.by) && html` <span class="soft">by ${entry.by}</span>`}
          ${entry.delivery_id && ids.has(entry.delivery_id) && html` <button type="button" class="quiet link" onClick=${() => reveal(/** @type {string} */ (entry.delivery_id))}>delivery</button>`}
          ${entry.note && html`<blockquote class="words">${entry.note}</blockquote>`}</div></li>`)}</ol>
    ${newest.length > few && html`<button type="button" onClick=${() => setAll(!all)}>${all ? "The newest only" : `All ${newest.length}`}</button>`}`;
}

// What happened to an incident, the newest first.
import { html, useState } from "../components/html.js";
import { Time } from "../components/time.js";

/** @typedef {import("../api.js").Schemas["Entry"]} Entry */
/** @typedef {import("../api.js").Schemas["Delivery"]} Delivery */

const few = 30;

/** @type {Record<string, string>} */
const tones = { opened: "bad", severity_raised: "bad", promoted: "bad", unacknowledged: "bad", failed: "bad", unreadable: "bad", acknowledged: "busy", held_back: "busy", flapping: "busy", retrying: "busy", resolved: "good", delivered: "good" };

/**
 * The entries, the newest first, with attempts at one message that follow each other together.
 * @param {Entry[]} entries
 * @returns {{entry: Entry, n: number, earlier: Entry[]}[]} n: its place, which stays; earlier: attempts before that one
 */
function grouped(entries) {
  /** @type {{entry: Entry, n: number, earlier: Entry[]}[]} */
  const groups = [];
  for (const [n, entry] of entries.entries()) {
    const before = groups.at(-1);
    if (entry.kind === "retrying" && before?.entry.kind === "retrying" && before.entry.delivery_id === entry.delivery_id) {
      before.earlier.unshift(before.entry);
      before.entry = entry;
    } else groups.push({ entry, n, earlier: [] });
  }
  return groups.reverse();
}

/**
 * What happened, the kind first: a reason that begins with it is not told twice.
 * @param {Entry} entry
 */
function what({ kind, channel, target, reason }) {
  const word = kind.replaceAll("_", " ");
  const where = channel && html` ${channel}${target && ` ${target}`}:`;
  if (channel && reason.endsWith(" " + word)) reason = reason.slice(0, -word.length - 1);
  return html`<strong>${word}</strong>${where}${!channel && reason.startsWith(word + " ") ? reason.slice(word.length) : ` ${reason}`}`;
}

/** @param {{entry: Entry, known: (delivery: string) => boolean, reveal: (delivery: string) => void}} props */
const Line = ({ entry, known, reveal }) => html`
  <span class="timeline-at"><${Time} at=${entry.at} form="when" /> <span class="soft"><${Time} at=${entry.at} /></span></span>
  <div><span class="words">${what(entry)}</span>
    ${entry.by && !entry.reason.includes(entry.by) && html` <span class="soft">by ${entry.by}</span>`}
    ${entry.delivery_id && known(entry.delivery_id) && html` <button type="button" class="quiet link" onClick=${() => reveal(/** @type {string} */ (entry.delivery_id))}>delivery</button>`}
    ${entry.note && html`<blockquote class="words">${entry.note}</blockquote>`}</div>`;

/**
 * @param {{entries: Entry[], deliveries: Delivery[], reveal: (delivery: string) => void}} props reveal: shows one of the deliveries
 */
export function Timeline({ entries, deliveries, reveal }) {
  const [all, setAll] = useState(false);
  const ids = new Set(deliveries.map((d) => d.delivery_id));
  const newest = grouped(entries);
  const line = { known: (/** @type {string} */ id) => ids.has(id), reveal };
  return html`
    <ol class="incident-timeline">${newest.slice(0, all ? undefined : few).map(({ entry, n, earlier }) => html`
      <li key=${n} data-tone=${tones[entry.kind] ?? "plain"}><${Line} entry=${entry} ...${line} />
        ${earlier.length > 0 && html`<details class="timeline-earlier"><summary>${earlier.length} earlier ${earlier.length === 1 ? "attempt" : "attempts"}</summary>
          <ol class="incident-timeline">${earlier.map((e) => html`<li key=${e.at}><${Line} entry=${e} ...${line} /></li>`)}</ol></details>`}</li>`)}</ol>
    ${newest.length > few && html`<button type="button" onClick=${() => setAll(!all)}>${all ? "The newest only" : `All ${newest.length}`}</button>`}`;
}

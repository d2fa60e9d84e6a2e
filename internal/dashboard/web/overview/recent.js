// The newest events, live.
import { html, useEffect, useMemo, useState } from "../components/html.js";
import { get } from "../api.js";
import { follow } from "../live.js";
import { useResource } from "../resource.js";
import { useHeld } from "../components/held.js";
import { counted } from "../components/number.js";
import { SeverityBadge } from "../components/severity.js";
import { Empty, Loaded } from "../components/states.js";
import { Time } from "../components/time.js";

/** @typedef {import("../live.js").AlertEvent} AlertEvent */

const shown = 20;

export function Recent() {
  const first = useResource(async (signal) => (await get("/events", { query: { limit: shown }, signal })).events, [], { every: 0 });
  const [came, add] = useState(/** @type {AlertEvent[]} */ ([]));
  useEffect(() => follow((events) => add((had) => [...events.slice(-shown).reverse(), ...had].slice(0, shown))), []);
  const newest = useMemo(() => {
    const all = new Map([...came, ...(first.data ?? [])].map((e) => [e.event_id, e]));
    return first.data && [...all.values()].sort((a, b) => b.seq - a.seq).slice(0, shown);
  }, [came, first.data]);
  const held = useHeld(newest, String(newest?.[0]?.seq));
  const hidden = held.behind && newest && held.value ? Math.min(shown, newest.filter((e) => e.seq > (held.value?.[0]?.seq ?? 0)).length) : 0;
  return html`
    <section class="card recent-events" aria-labelledby="recent">
      <header><h2 id="recent">Recent events</h2><span class="soft">${hidden ? `${hidden === shown ? "at least " : ""}${counted(hidden, "new one", "new ones")} when you point elsewhere` : ""}</span><a href="/events">All events</a></header>
      <div class="recent-rows" ...${held.bind}><${Loaded} of=${{ ...first, data: held.value }} rows=${shown}>${(/** @type {AlertEvent[]} */ events) => (events.length === 0
        ? html`<${Empty} title="No event has come yet." />`
        : html`<ol>${events.map((e) => html`<li key=${e.event_id}><${Time} at=${e.timestamp} form="clock" /> <${SeverityBadge} severity=${e.severity} />
            <span class="cut" title=${`${e.source}: ${e.message}`}><span class="soft">${e.source}</span> ${e.message}</span></li>`)}</ol>`)}
      </${Loaded}></div>
    </section>`;
}

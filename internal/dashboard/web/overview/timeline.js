// When events came, by severity. Drag over it to look closer.
import { html, useEffect, useMemo, useState } from "../components/html.js";
import { get } from "../api.js";
import { go, withQuery } from "../router.js";
import { pending, useResource } from "../resource.js";
import { amount, counted } from "../components/number.js";
import { severities, Shape } from "../components/severity.js";
import { Loaded } from "../components/states.js";
import { clock, exact } from "../components/time.js";

/** @typedef {import("../api.js").Schemas["Histogram"]} Histogram */
/** @typedef {Histogram["buckets"][number]} Bucket */

const minute = 60_000;

/** How long a span is and how wide its buckets are, in milliseconds. */
/** @type {Record<string, {name: string, length: number, width: number}>} */
const spans = {
  "1h": { name: "1 h", length: 60 * minute, width: minute },
  "6h": { name: "6 h", length: 360 * minute, width: 5 * minute },
  "24h": { name: "24 h", length: 1440 * minute, width: 15 * minute },
  "7d": { name: "7 d", length: 10_080 * minute, width: 120 * minute },
};
const usual = "6h";
const most = 96; // buckets of a span of one's own

/**
 * The span that the address asks for by since and until; null if it names none.
 * @param {URLSearchParams} query
 */
function chosen(query) {
  const [since, until] = ["since", "until"].map((name) => Date.parse(query.get(name) ?? ""));
  return since < until ? { since, until } : null;
}

/** @param {number} ms */
const iso = (ms) => new Date(ms).toISOString();

/** @param {Bucket} bucket */
const total = (bucket) => severities.reduce((sum, s) => sum + bucket[s], 0);

/** @param {number} since @param {number} until milliseconds */
const zoom = (since, until) => go(withQuery({ since: iso(since), until: iso(until) }));

const eventsOf = (/** @type {number} */ since, /** @type {number} */ until) => `/events?${new URLSearchParams({ since: iso(since), until: iso(until) })}`;

/** @param {number} since @param {number} until milliseconds */
const range = (since, until) => `${exact(since).slice(0, 16)} – ${until - since < 1440 * minute ? clock(until).slice(0, 5) : exact(until).slice(0, 16)}`;

/** @param {Record<string, number>} counts */
const inWords = (counts) => severities.filter((s) => counts[s]).map((s) => `${amount(counts[s])} ${s}`).join(", ") || "no events";

/** @param {{query: URLSearchParams}} props */
export function Timeline({ query }) {
  const own = chosen(query);
  const name = query.get("span") ?? usual;
  const span = spans[name] ?? spans[usual];
  const histogram = useResource((signal) => {
    // The last bucket is the present one, so that the others stay what they are.
    const now = Date.now();
    const since = own ? own.since : Math.floor(now / span.width) * span.width - span.length + span.width;
    return get("/events/histogram", { query: { since: iso(since), until: iso(own ? own.until : now), buckets: own ? most : span.length / span.width }, signal });
  }, [own, span.name], { every: 10, live: true });
  return html`
    <section class="card timeline" aria-labelledby="timeline">
      <header><h2 id="timeline">Events over time</h2>
        <div class="buttons" role="group" aria-label="Span">${Object.entries(spans).map(([key, s]) => html`
          <button type="button" key=${key} class="quiet" aria-pressed=${!own && s === span} onClick=${() => go(withQuery({ span: key === usual ? null : key, since: null, until: null }))}>${s.name}</button>`)}</div>
        ${own && html`<div class="buttons"><button type="button" onClick=${() => go(withQuery({ since: null, until: null }))}>Zoom out</button>
          <a class="button" href=${eventsOf(own.since, own.until)}>Show these events</a></div>`}
      </header>
      <${Loaded} of=${histogram} rows=${5}>${(/** @type {Histogram} */ data) => html`<${Bars} data=${data} zoomed=${own !== null} />`}</${Loaded}>
    </section>`;
}

/** @param {{data: Histogram, zoomed: boolean}} props */
function Bars({ data, zoomed }) {
  const [Chart, setChart] = useState(/** @type {{draw: typeof import("./chart.js").Chart} | null} */ (null));
  const [at, point] = useState(-1);
  useEffect(() => { // once the rest of the page is drawn
    pending.value++;
    let over = false;
    requestAnimationFrame(() => setTimeout(() => import("./chart.js").then(async (module) => {
      await module.ready;
      if (!over) setChart({ draw: module.Chart });
    }).finally(() => setTimeout(() => { pending.value--; }, 0))));
    return () => { over = true; };
  }, []);
  const width = 1000 * data.width_seconds;
  const sum = useMemo(() => Object.fromEntries(severities.map((s) => [s, data.buckets.reduce((n, b) => n + b[s], 0)])), [data]);
  const bucket = data.buckets[at];
  /** @type {Record<string, any>} */
  const counts = bucket ?? sum;
  const start = Date.parse(bucket?.start ?? data.since);
  const end = bucket ? start + width : Date.parse(data.until);
  const all = severities.reduce((n, s) => n + counts[s], 0);
  const fullest = useMemo(() => data.buckets.reduce((a, b) => (total(b) > total(a) ? b : a)), [data]);
  const summary = `Events from ${exact(data.since)} to ${exact(data.until)}: ${inWords(sum)}.${total(fullest) ? ` The most, ${amount(total(fullest))}, in the ${data.width_seconds / 60} minutes from ${exact(fullest.start)}.` : ""}`;
  return html`
    <p class="timeline-values"><strong>${range(start, end)}</strong> ${counted(all, "event")}</p>
    <ul class="timeline-counts">${severities.map((s) => html`<li key=${s} data-none=${counts[s] === 0 || undefined}><${Shape} severity=${s} /> ${amount(counts[s])} ${s}</li>`)}</ul>
    <div class="timeline-chart" role="img" aria-label=${summary}>${Chart && html`<${Chart.draw} data=${data} onPoint=${point} onZoom=${zoom} onOut=${() => zoomed && go(withQuery({ since: null, until: null }))} />`}</div>
    <p class="soft timeline-hint">Drag to look closer${zoomed ? ", double click to go back" : ""}. One bar is ${data.width_seconds % 3600 ? `${data.width_seconds / 60} min` : `${data.width_seconds / 3600} h`}.</p>
    <${Values} data=${data} width=${width} />`;
}

/** @param {{data: Histogram, width: number}} props width: of a bucket, in milliseconds */
function Values({ data, width }) {
  const [shown, show] = useState(false);
  const buckets = data.buckets.filter((b) => total(b) > 0).reverse();
  return html`
    <details class="timeline-table" onToggle=${(/** @type {any} */ e) => show(e.target.open)}><summary>Values as a table</summary>
      ${shown && html`<div class="scroll" tabindex="0" role="region" aria-label="Events by time and severity"><table class="grid">
        <thead><tr><th scope="col">From</th>${severities.map((s) => html`<th scope="col" class="number" key=${s}>${s}</th>`)}<th scope="col">Look closer</th></tr></thead>
        <tbody>${buckets.map((b) => {
          const start = Date.parse(b.start);
          return html`<tr key=${b.start}><th scope="row">${exact(b.start)}</th>${severities.map((s) => html`<td class="number" key=${s}>${b[s] ? amount(b[s]) : html`<span class="soft">0</span>`}</td>`)}
            <td><a href=${eventsOf(start, start + width)} aria-label=${`Events from ${exact(b.start)}`}>events</a>${width > minute && html` <button type="button" class="quiet" aria-label=${`Zoom to ${exact(b.start)}`} onClick=${() => zoom(start, start + width)}>zoom</button>`}</td></tr>`;
        })}</tbody></table></div>`}
    </details>`;
}

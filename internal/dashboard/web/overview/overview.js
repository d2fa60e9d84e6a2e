// Overview: is anything on fire, is anybody on it, does telling work?
import { html } from "../components/html.js";
import { me } from "../session.js";
import { incidents, standing } from "../standing.js";
import { version } from "../upgrade.js";
import { amount, counted } from "../components/number.js";
import { Copy } from "../components/copy.js";
import { useHeld } from "../components/held.js";
import { severities, SeverityBadge, Shape, StatusBadge } from "../components/severity.js";
import { Empty, Loaded } from "../components/states.js";
import { style } from "../components/style.js";
import { now, span, Time } from "../components/time.js";
import { fire, health, telling, useChannels, useHeartbeats, useReadiness, useWorst } from "./facts.js";
import { Recent } from "./recent.js";
import { Timeline } from "./timeline.js";
import { Noise, Top } from "./totals.js";
import { Wall } from "./wall.js";

/** @typedef {import("./facts.js").Channel} Channel */
/** @typedef {import("./facts.js").Heartbeat} Heartbeat */
/** @typedef {import("./facts.js").Incident} Incident */
/** @typedef {import("./facts.js").Verdict} Verdict */
/** @typedef {import("../standing.js").Stats} Stats */

export const ready = style(new URL("./overview.css", import.meta.url).href);

/** @type {Record<Verdict["tone"], string>} */
const marks = { good: "✓", busy: "◐", bad: "✕" };

/** @param {{verdict: Verdict, heading: string, children?: import("../components/html.js").Children}} props heading: what the verdict is about */
const Answer = ({ verdict, heading, children }) => html`
  <section class="answer card" data-tone=${verdict.tone}>
    <h2><span class="visually-hidden">${heading}: </span><span class="answer-mark" aria-hidden="true">${marks[verdict.tone]}</span> ${verdict.title}</h2>
    ${verdict.more && html`<p class="answer-more">${verdict.more}</p>`}
    ${children}
  </section>`;

function Fire() {
  const counts = incidents.value;
  if (!counts) return html`<section class="answer card"><${Loaded} of=${standing.value}>${() => null}</${Loaded}></section>`;
  return html`
    <${Answer} verdict=${fire(counts)} heading="Incidents">
      <ul class="figures">${severities.map((severity) => {
        const all = counts.open[severity];
        const alone = counts.triggered[severity];
        return html`<li key=${severity}><a href=${`/incidents?min_severity=${severity}`} class="figure" data-severity=${severity} data-none=${all === 0 || undefined}>
          <span class="figure-number" data-long=${all > 999 || undefined}>${amount(all)}</span> <span class="figure-word"><${Shape} severity=${severity} /> ${severity}</span>
          <span class="figure-more">${all === 0 ? "none" : alone === 0 ? "all in hand" : `${amount(alone)} untouched`}</span></a></li>`;
      })}</ul>
    </${Answer}>`;
}

const healths = /** @type {const} */ (["failing", "degraded", "healthy", "disabled"]);

/** @param {{stats: Stats, channels: Channel[]}} props */
const Telling = ({ stats, channels }) => html`
  <${Answer} verdict=${telling(stats, channels, now.value)} heading="Telling">
    <dl class="answer-facts">${healths.map((health) => {
      const these = channels.filter((c) => c.health === health);
      return these.length > 0 && html`<div key=${health}><dt><${StatusBadge} status=${health} /></dt><dd>${these.map((c, i) => html`${i > 0 && ", "}<a href=${`/channels?${new URLSearchParams({ channel: c.name })}`}>${c.name}</a>`)}</dd></div>`;
    })}
      ${stats.alerting_enabled && html`<div><dt>tells from</dt><dd><${SeverityBadge} severity=${stats.min_severity} /></dd></div>`}
    </dl>
  </${Answer}>`;

/** @param {{stats: Stats, checks: Record<string, {ok: boolean, reason?: string}>, heartbeats: Heartbeat[]}} props */
const Daemon = ({ stats, checks, heartbeats }) => html`
  <${Answer} verdict=${health(checks, heartbeats)} heading="alertd">
    <dl class="answer-facts">${/** @type {const} */ (["missed", "failing"]).map((status) => {
      const these = heartbeats.filter((h) => h.status === status);
      return these.length > 0 && html`<div key=${status}><dt><${StatusBadge} status=${status} /></dt><dd><a href="/heartbeats">${these.map((h) => h.name).join(", ")}</a></dd></div>`;
    })}
      <div><dt>version</dt><dd>${version.value || "–"}, up ${span(1000 * stats.uptime_seconds)}</dd></div>
      <div><dt>history</dt><dd>${counted(stats.history.events, "event")}${stats.history.oldest && html` since <${Time} at=${stats.history.oldest} form="exact" />`}</dd></div>
    </dl>
  </${Answer}>`;

const rows = 8;

function Worst() {
  const worst = useWorst(rows);
  const held = useHeld(worst.data, JSON.stringify(worst.data?.map((i) => i.incident_id)));
  const all = incidents.value && incidents.value.open.critical + incidents.value.open.error;
  return html`
    <section class="card worst-incidents" aria-labelledby="worst">
      <header><h2 id="worst">Worst open incidents</h2>
        <span class="soft" role="status">${held.behind ? "The list waits while you point at it." : ""}</span>
        <a href="/incidents?min_severity=error">${all ? `All ${amount(all)} critical and error` : "All open incidents"}</a></header>
      <div class="worst-rows" ...${held.bind}>
        <${Loaded} of=${{ ...worst, data: held.value }} rows=${rows}>${(/** @type {Incident[]} */ list) => (list.length === 0
          ? html`<${Empty} title="No critical or error incident is open." />`
          : html`<table><caption class="visually-hidden">The worst open incidents, those that nobody has acknowledged first</caption>
              <colgroup><col class="w-severity" /><col /><col class="w-source" /><col class="w-count" /><col class="w-owner" /><col class="w-age" /></colgroup>
              <thead class="visually-hidden"><tr><th scope="col">Severity</th><th scope="col">Incident</th><th scope="col">Source</th><th scope="col">Events</th><th scope="col">Who is on it</th><th scope="col">Age</th></tr></thead>
              <tbody>${list.map((i) => html`<tr key=${i.incident_id} data-untouched=${i.status === "triggered" || undefined}>
                <td><${SeverityBadge} severity=${i.severity} /></td>
                <th scope="row" class="w-message"><a href=${`/incidents/${i.incident_id}`} title=${i.message}>${i.message}</a></th>
                <td class="w-source soft" title=${i.source}>${i.source}</td>
                <td class="w-count number soft">${i.count > 1 ? `×${amount(i.count)}` : ""}</td>
                <td class="w-owner">${i.status === "acknowledged" ? html`<span class="status" data-tone="busy" title=${`acknowledged by ${i.acknowledged_by}`}><span aria-hidden="true">◐</span> ${i.acknowledged_by || "somebody"}</span>`
                  : html`<span class="status" data-tone="bad"><span aria-hidden="true">●</span> nobody</span>`}${i.held && html` <span class="soft" title=${i.held.reason}><span aria-hidden="true">‖</span> ${i.held.by.split(" ")[0].replaceAll("_", " ")}</span>`}</td>
                <td class="number"><${Time} at=${i.first_seen} form="age" /></td></tr>`)}</tbody></table>`)}
        </${Loaded}>
      </div>
    </section>`;
}

/** Says how the first alert is sent, for as long as there is none. */
function First() {
  const command = `curl ${location.origin}/alerts ${me.value?.open ? "" : '-H "Authorization: Bearer $ALERTD_TOKEN" '}--json '{"severity": "error", "category": "other", "source": "my_shell", "message": "The first alert"}'`;
  return html`
    <section class="card first"><h2>No alert has come yet</h2>
      <p>Send the first one from a shell. It appears here at once.</p>
      <pre class="json" tabindex="0" aria-label="Command">${command}</pre>
      <div class="buttons"><${Copy} text=${() => command} what="The command">Copy the command</${Copy}>
        ${!me.value?.open && html`<span class="soft"><code>ALERTD_TOKEN</code> is a token with the role ingest or more: <code>alertd token new</code> makes one.</span>`}
        <a href="/docs">What an alert may say</a></div></section>`;
}

/** @param {{query: URLSearchParams}} props */
export default ({ query }) => (query.has("wall") ? html`<${Wall} query=${query} />` : html`<${Overview} query=${query} />`);

/** @param {{query: URLSearchParams}} props */
function Overview({ query }) {
  const channels = useChannels();
  const readiness = useReadiness();
  const heartbeats = useHeartbeats();
  const stats = standing.value.data;
  const both = (/** @type {import("../resource.js").Resource<any>[]} */ ...of) => of.find((r) => r.error || r.data === undefined) ?? of[0];
  return html`
    <h1 class="visually-hidden">Overview</h1>
    <div class="overview">
      <div class="answers">
        <${Fire} />
        <${Loaded} of=${both(standing.value, channels)}>${() => stats && channels.data && html`<${Telling} stats=${stats} channels=${channels.data} />`}</${Loaded}>
        <${Loaded} of=${both(standing.value, readiness, heartbeats)}>${() => stats && readiness.data && heartbeats.data
          && html`<${Daemon} stats=${stats} checks=${readiness.data} heartbeats=${heartbeats.data} />`}</${Loaded}>
      </div>
      ${stats?.history.events === 0 ? html`<${First} />` : html`<div class="overview-middle"><${Worst} /><${Timeline} query=${query} /><${Recent} /></div>`}
      ${stats && stats.history.events > 0 && html`<div class="overview-totals">
        <${Top} title="Top sources" of=${stats.by_source} total=${stats.total_events} parameter="source" />
        <${Top} title="Top categories" of=${stats.by_category} total=${stats.total_events} parameter="category" />
        <${Noise} noise=${stats.noise} /></div>`}
    </div>`;
}

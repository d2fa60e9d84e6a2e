// One incident: what is it, how bad, since when, who is on it, who knows of it, what happens next?
import { html, useState } from "../components/html.js";
import { getText } from "../api.js";
import { useResource } from "../resource.js";
import { go } from "../router.js";
import { may, me } from "../session.js";
import { refreshStanding } from "../standing.js";
import { useKeys } from "../components/keys.js";
import { elements, members } from "../components/jsontext.js";
import { SeverityBadge, StatusBadge } from "../components/severity.js";
import { Loaded } from "../components/states.js";
import { style } from "../components/style.js";
import { Time, span } from "../components/time.js";
import { acknowledge, resolve, silence } from "./actions.js";
import { Deliveries } from "./deliveries.js";
import { Events, Latest } from "./events.js";
import { Holder, Next, WhoKnows } from "./knowing.js";
import { listAddress, neighbour } from "./rows.js";
import { Similar } from "./similar.js";
import { Timeline } from "./timeline.js";

export const ready = style(new URL("./incident.css", import.meta.url).href);

/** @typedef {import("../api.js").Schemas["IncidentInFull"] & {texts: string[]}} Full texts: its events as alertd wrote them, with all digits of numbers */

/** @param {string} text @returns {Full} */
const parsed = (text) => ({ ...JSON.parse(text), texts: elements(members(text).get("events") ?? "[]") });

/** @param {{params: Record<string, string>}} props */
export default function Incident({ params }) {
  const incident_id = params.id;
  const incident = useResource(async (signal) => parsed(await getText("/incidents/{incident_id}", { params: { incident_id }, signal })), [incident_id], { every: 5, changes: true, live: true });
  const [note, setNote] = useState("");
  const [shown, setShown] = useState(/** @type {string | null} */ (null));
  const data = incident.data;
  /** @param {() => Promise<unknown>} action */
  const after = async (action) => {
    const done = await action();
    if (Array.isArray(done) ? done.length === 0 : !done) return;
    setNote("");
    incident.reload();
    refreshStanding();
  };
  const actions = {
    acknowledge: () => { if (data?.status === "triggered" && may("operator")) after(() => acknowledge([data], note.trim())); },
    resolve: () => { if (data && data.status !== "resolved" && may("operator")) after(() => resolve([data])); },
    silence: () => { if (data && may("operator")) after(() => silence([data])); },
  };
  /** @param {1 | -1} step */
  const beside = (step) => {
    const next = neighbour(incident_id, step);
    if (next) go(`/incidents/${next.incident_id}`, { replace: true });
  };
  useKeys("This incident", [
    { key: "a", does: "acknowledge it", run: actions.acknowledge },
    { key: "r", does: "resolve it", run: actions.resolve },
    { key: "s", does: "silence what is like it", run: actions.silence },
    { key: "j", does: "the next one of the list", run: () => beside(1) },
    { key: "k", does: "the one before in the list", run: () => beside(-1) },
    { key: "Escape", does: "back to the list", run: () => go(listAddress()) },
  ]);
  /** @param {string} id */
  const reveal = (id) => {
    setShown(id);
    document.getElementById("delivery-" + id)?.scrollIntoView({ block: "nearest" });
  };
  return html`
    <p class="back"><a href=${listAddress()}>← Incidents</a></p>
    ${!data && html`<h1>Incident</h1>`}
    <${Loaded} of=${incident} rows=${8}>${(/** @type {Full} */ i) => html`
      <article class="incident">
        <${Head} i=${i} />
        <${Actions} i=${i} note=${note} setNote=${setNote} actions=${actions} />
        <div class="incident-columns">
          <div class="incident-side">
            <section class="card"><h2>Who knows</h2><${WhoKnows} i=${i} /></section>
            <section class="card"><h2>What happens next</h2><${Next} i=${i} /></section>
            <section class="card"><h2>Similar before</h2><${Similar} i=${i} /></section>
          </div>
          <div class="incident-main">
            <section class="card"><h2>Latest event</h2><${Latest} event=${i.events[0]} text=${i.texts[0]} /></section>
            <section class="card"><h2>Timeline</h2><${Timeline} entries=${i.timeline} deliveries=${i.deliveries} reveal=${reveal} /></section>
            <section class="card"><h2>Deliveries</h2><${Deliveries} deliveries=${i.deliveries} shown=${shown} show=${setShown} reload=${incident.reload} /></section>
            <section class="card"><h2>Events</h2><${Events} i=${i} /></section>
          </div>
        </div>
      </article>`}
    </${Loaded}>`;
}

/** @param {{i: Full}} props */
function Head({ i }) {
  const [whole, setWhole] = useState(false);
  const long = i.message.length > 240 || i.message.split("\n").length > 3;
  return html`
    <header class="incident-head" data-severity=${i.severity} data-status=${i.status}>
      <p class="incident-badges"><${SeverityBadge} severity=${i.severity} /> <${StatusBadge} status=${i.status} /> <span class="soft">#${i.number}</span>
        ${i.flapping && html`<span class="mark" title="It comes and goes: people were told so, and are told when that ends">⇅ flapping</span>`}
        ${i.held && html`<span class="mark">‖ held back by <${Holder} by=${i.held.by} />${i.held.until && html`, until <${Time} at=${i.held.until} />`}</span>`}</p>
      <h1 class=${long && !whole ? "words clamped" : "words"}>${i.message}</h1>
      ${long && html`<button type="button" class="quiet" aria-expanded=${whole} onClick=${() => setWhole(!whole)}>${whole ? "Less" : "All of the message"}</button>`}
      <dl class="incident-facts">
        <div><dt>Owner</dt><dd>${i.status === "resolved"
          ? html`resolved by <strong>${i.resolved_by}</strong> <${Time} at=${i.resolved_at} />`
          : i.acknowledged_by ? html`<strong>${i.acknowledged_by}</strong> since <${Time} at=${i.acknowledged_at} />` : html`<strong class="nobody">nobody is on it</strong>`}</dd></div>
        ${i.resolved_note && html`<div><dt>How it was resolved</dt><dd class="words">${i.resolved_note}</dd></div>`}
        <div><dt>First seen</dt><dd><${Time} at=${i.first_seen} />${i.resolved_at && ` · lasted ${span(Date.parse(i.resolved_at) - Date.parse(i.first_seen))}`}</dd></div>
        <div><dt>Last seen</dt><dd><${Time} at=${i.last_seen} /></dd></div>
        <div><dt>Events</dt><dd>${i.count.toLocaleString("en")}</dd></div>
        <div><dt>Source</dt><dd><a href=${"/incidents?source=" + encodeURIComponent(i.source)}>${i.source}</a></dd></div>
        <div><dt>Category</dt><dd>${i.category}</dd></div>
        <div><dt>Route</dt><dd>${i.route ?? html`<span class="soft">none matched</span>`}</dd></div>
        <div class="incident-pattern"><dt>Pattern</dt><dd class="cut" title=${i.pattern}>${i.pattern}</dd></div>
      </dl>
    </header>`;
}

/**
 * @param {{i: Full, note: string, setNote: (note: string) => void, actions: {acknowledge: () => void, resolve: () => void, silence: () => void}}} props
 */
function Actions({ i, note, setNote, actions }) {
  if (!may("operator")) return html`<p class="soft">Your role ${me.value?.role} may look. To acknowledge, resolve or silence needs the role operator.</p>`;
  return html`
    <div class="incident-actions" role="group" aria-label="Actions">
      ${i.status === "triggered" && html`<button type="button" class="primary acknowledge" title="Key a" onClick=${actions.acknowledge}>Acknowledge</button>`}
      ${i.status !== "resolved" && html`<button type="button" title="Key r" onClick=${actions.resolve}>Resolve …</button>`}
      <button type="button" title="Key s" onClick=${actions.silence}>Silence …</button>
      ${i.status === "triggered" && html`<input class="note" aria-label="Note (optional)" placeholder="Note to the acknowledgement (optional)" maxlength="8192" value=${note} onInput=${(/** @type {any} */ e) => setNote(e.target.value)}
        onKeyDown=${(/** @type {KeyboardEvent} */ e) => { if (e.key === "Enter") actions.acknowledge(); }} />`}
    </div>`;
}

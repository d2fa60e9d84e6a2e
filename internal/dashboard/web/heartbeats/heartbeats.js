// Heartbeats: is each component that must be heard of alive, and when is it missed?
import { html } from "../components/html.js";
import { get } from "../api.js";
import { useResource } from "../resource.js";
import { me } from "../session.js";
import { Copy, quoted } from "../components/copy.js";
import { SeverityBadge, StatusBadge } from "../components/severity.js";
import { Empty, Loaded } from "../components/states.js";
import { Time } from "../components/time.js";

/** @typedef {import("../api.js").Schemas["Heartbeat"]} Heartbeat */

/** @type {Record<string, number>} */
const order = { missed: 0, failing: 1, waiting: 2, alive: 3 };

/**
 * The call by which a component says that it is alive.
 * @param {string} name
 */
const ping = (name) => `curl -X POST ${me.value?.open ? "" : '-H "Authorization: Bearer $ALERTD_TOKEN" '}${quoted(`${location.origin}/heartbeats/${encodeURIComponent(name)}`)}`;

/**
 * Where the incident is that tells of it.
 * @param {string} name
 */
const incident = (name) => `/incidents?${new URLSearchParams({ source: "alertd", q: `heartbeat ${name} ` })}`;

const isBad = (/** @type {Heartbeat} */ beat) => beat.status === "missed" || beat.status === "failing";

export default function Heartbeats() {
  const heartbeats = useResource((signal) => get("/heartbeats", { signal }), [], { every: 5 });
  return html`
    <h1>Heartbeats</h1>
    <${Loaded} of=${heartbeats}>${(/** @type {{heartbeats: Heartbeat[]}} */ data) => (data.heartbeats.length === 0
      ? html`<${Empty} title="No component is watched.">
          <p>Add one to <code>[[alerting.heartbeats]]</code>, let it call <code>POST /heartbeats/NAME</code>, and alertd raises an alert when it falls silent.</p></${Empty}>`
      : html`<div class="scroll" tabindex="0" role="region" aria-label="Heartbeats"><table class="grid">
          <thead><tr>${["Status", "Component", "Last heard", "Missed", "Every", "Grace", "Raises", "It says", "Ping"].map((title) => html`<th scope="col">${title}</th>`)}</tr></thead>
          <tbody>${[...data.heartbeats].sort((a, b) => (order[a.status] ?? 0) - (order[b.status] ?? 0)).map((beat) => html`<tr key=${beat.name} data-tone=${isBad(beat) ? "bad" : undefined}>
            <td><${StatusBadge} status=${beat.status} />${isBad(beat) && html` <a href=${incident(beat.name)} aria-label=${`Incident of ${beat.name}`}>incident</a>`}</td><th scope="row">${beat.name}</th>
            <td>${beat.last_seen ? html`<${Time} at=${beat.last_seen} />` : "never"}</td><td><${Time} at=${beat.due_at} /></td>
            <td>${beat.every}</td><td>${beat.grace}</td><td><${SeverityBadge} severity=${beat.severity} /></td><td class="words">${beat.message ?? ""}</td>
            <td><${Copy} text=${() => ping(beat.name)} what=${`The command that pings for ${beat.name}`}>Copy curl</${Copy}></td></tr>`)}</tbody></table></div>
        <p class="hint">A component pings with <code>${ping(data.heartbeats[0].name)}</code>${!me.value?.open && html`, where <code>ALERTD_TOKEN</code> is a token with the role ingest or more`}.</p>`)}
    </${Loaded}>`;
}

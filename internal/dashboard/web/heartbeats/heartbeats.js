// Heartbeats: is each component that must be heard of alive, and when is it missed?
import { html } from "../components/html.js";
import { get } from "../api.js";
import { useResource } from "../resource.js";
import { SeverityBadge, StatusBadge } from "../components/severity.js";
import { Empty, Loaded } from "../components/states.js";
import { Time } from "../components/time.js";

/** @typedef {import("../api.js").Schemas["Heartbeat"]} Heartbeat */

/** @type {Record<string, number>} */
const order = { missed: 0, failing: 1, waiting: 2, alive: 3 };

export default function Heartbeats() {
  const heartbeats = useResource((signal) => get("/heartbeats", { signal }), [], { every: 5 });
  return html`
    <h1>Heartbeats</h1>
    <${Loaded} of=${heartbeats}>${(/** @type {{heartbeats: Heartbeat[]}} */ data) => (data.heartbeats.length === 0
      ? html`<${Empty} title="No component is watched.">
          <p>Add one to <code>[[alerting.heartbeats]]</code>, let it call <code>POST /heartbeats/NAME</code>, and alertd raises an alert when it falls silent.</p></${Empty}>`
      : html`<div class="scroll" tabindex="0" role="region" aria-label="Heartbeats"><table class="grid">
          <thead><tr><th>Status</th><th>Component</th><th>Last heard</th><th>Missed</th><th>Every</th><th>Grace</th><th>Raises</th><th>It says</th></tr></thead>
          <tbody>${[...data.heartbeats].sort((a, b) => (order[a.status] ?? 0) - (order[b.status] ?? 0)).map((beat) => html`<tr key=${beat.name} data-tone=${beat.status === "missed" || beat.status === "failing" ? "bad" : undefined}>
            <td><${StatusBadge} status=${beat.status} /></td><th scope="row">${beat.name}</th>
            <td>${beat.last_seen ? html`<${Time} at=${beat.last_seen} />` : "never"}</td><td><${Time} at=${beat.due_at} /></td>
            <td>${beat.every}</td><td>${beat.grace}</td><td><${SeverityBadge} severity=${beat.severity} /></td><td class="words">${beat.message ?? ""}</td></tr>`)}</tbody></table></div>`)}
    </${Loaded}>`;
}

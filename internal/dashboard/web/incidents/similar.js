// What was like an incident before, and how that was resolved.
import { html } from "../components/html.js";
import { get } from "../api.js";
import { useResource } from "../resource.js";
import { Loaded } from "../components/states.js";
import { Time, span } from "../components/time.js";

/** @typedef {import("../api.js").Schemas["Incident"]} Incident */

const few = 10;

/** @param {{i: import("../api.js").Schemas["IncidentInFull"]}} props */
export function Similar({ i }) {
  const before = useResource((signal) => get("/incidents", { query: { fingerprint: i.fingerprint, status: ["resolved"], limit: few + 1 }, signal }), [i.fingerprint, i.status], { every: 60 });
  return html`<${Loaded} of=${before} rows=${2}>${(/** @type {{incidents: Incident[], next_cursor: string | null}} */ data) => {
    const others = data.incidents.filter((other) => other.number !== i.number).slice(0, few);
    if (others.length === 0) return html`<p class="soft">There was none like it.</p>`;
    return html`<ul class="similar">${others.map((other) => html`<li key=${other.incident_id}>
      <a href=${`/incidents/${other.incident_id}`}>#${other.number}</a> <${Time} at=${other.first_seen} />, lasted ${span(Date.parse(other.resolved_at ?? other.last_seen) - Date.parse(other.first_seen))}, resolved by ${other.resolved_by}
      ${other.resolved_note && html`<blockquote class="words">${other.resolved_note}</blockquote>`}</li>`)}</ul>
      ${data.next_cursor && html`<p class="soft">The latest ${others.length}.</p>`}`;
  }}</${Loaded}>`;
}

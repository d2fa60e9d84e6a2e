// All of one event, as alertd has it.
import { html, useMemo } from "../components/html.js";
import { getText } from "../api.js";
import { useResource } from "../resource.js";
import { me } from "../session.js";
import { Copy, quoted } from "../components/copy.js";
import { alertOf } from "../components/alert.js";
import { JsonText, members, pretty } from "../components/jsontext.js";
import { SeverityBadge } from "../components/severity.js";
import { Loaded } from "../components/states.js";
import { Time, span } from "../components/time.js";
import { micros } from "./filter.js";

/** @typedef {import("../live.js").AlertEvent} AlertEvent */

const authorization = () => (me.value?.open ? "" : ` \\\n  -H "Authorization: Bearer $ALERTD_TOKEN"`);

/** @param {string} text the event */
const curlToSend = (text) => `curl ${quoted(location.origin + "/alerts")}${authorization()} \\\n  -H 'Content-Type: application/json' \\\n  -d ${quoted(alertOf(members(text)))}\n`;

/** @param {string} id */
const curlToRead = (id) => `curl ${quoted(`${location.origin}/events/${id}`)}${authorization()}\n`;

/**
 * What leads to the events that have something in common with this one.
 * @param {string} name @param {string} value
 */
const like = (name, value) => `/events?${new URLSearchParams({ [name]: value })}`;

/** @param {{id: string}} props */
export function Details({ id }) {
  const text = useResource((signal) => getText("/events/{event_id}", { params: { event_id: id }, signal }), [id], { every: 15 });
  return html`<${Loaded} of=${text}>${(/** @type {string} */ data) => html`<${All} text=${data} />`}</${Loaded}>`;
}

/** @param {{text: string}} props */
function All({ text }) {
  const { event, context } = useMemo(() => ({ event: /** @type {AlertEvent} */ (JSON.parse(text)), context: members(text).get("context") ?? "{}" }), [text]);
  const late = (micros(event.received_at) - micros(event.timestamp)) / 1000;
  return html`
    <p class="ev-message words">${event.message}</p>
    <div class="buttons">
      ${event.incident_id && html`<a class="button" href=${`/incidents/${event.incident_id}`}>Open the incident</a>`}
      ${event.source !== "alertd" && html`<a class="button" href=${`/explain?event=${event.event_id}`}>Explain this again</a>`}
    </div>
    <div class="ev-copies"><span class="soft">Copy</span>
      <${Copy} text=${() => pretty(text) + "\n"} what="The event as JSON">JSON</${Copy}>
      ${event.source !== "alertd" && html`<${Copy} text=${() => curlToSend(text)} what="A command that sends this alert again">curl to send it again</${Copy}>`}
      <${Copy} text=${() => curlToRead(event.event_id)} what="A command that reads this event">curl to read it</${Copy}></div>
    <dl class="ev-facts">
      <dt>Severity</dt><dd><${SeverityBadge} severity=${event.severity} /></dd>
      <dt>Category</dt><dd><a href=${like("category", event.category)}>${event.category}</a></dd>
      <dt>Source</dt><dd><a href=${like("source", event.source)}>${event.source}</a></dd>
      <dt>Happened</dt><dd><${Time} at=${event.timestamp} form="exact" /> <span class="soft">(<${Time} at=${event.timestamp} />)</span></dd>
      <dt>Received</dt><dd><${Time} at=${event.received_at} form="exact" />${Math.abs(late) >= 1000 && html` <span class="soft">(${span(late)} ${late > 0 ? "later" : "earlier"})</span>`}</dd>
      ${event.dedup_key && html`<dt>Dedup key</dt><dd><code>${event.dedup_key}</code></dd>`}
      ${event.resolves && html`<dt>Resolves</dt><dd>It says that it is over.</dd>`}
      <dt>Place in the log</dt><dd>${event.seq}</dd>
      <dt>Id</dt><dd><code>${event.event_id}</code></dd>
      <dt>Incident</dt><dd>${event.incident_id ? html`<a href=${`/incidents/${event.incident_id}`}><code>${event.incident_id}</code></a>` : "none yet"}</dd>
    </dl>
    <h3>Context</h3>
    ${context === "{}" ? html`<p class="soft">It came without a context.</p>` : html`<${JsonText} text=${context} label="Context" />`}`;
}

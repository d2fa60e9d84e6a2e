// The events of an incident, with what they say.
import { html } from "../components/html.js";
import { address } from "../api.js";
import { Copy, quoted } from "../components/copy.js";
import { JsonText, members, pretty } from "../components/jsontext.js";
import { SeverityBadge } from "../components/severity.js";
import { Time } from "../components/time.js";

/** @typedef {import("../api.js").Schemas["Event"]} AlertEvent */

/** @param {AlertEvent} event */
const curl = (event) => `curl -sS -H "Authorization: Bearer $TOKEN" ${quoted(location.origin + address("/events/{event_id}", { event_id: event.event_id }))}`;

/** @param {{event: AlertEvent, text: string}} props */
const Context = ({ event, text }) => html`
  ${event.context && Object.keys(event.context).length ? html`<${JsonText} text=${members(text).get("context") ?? "{}"} label=${`Context of event ${event.seq}`} />` : html`<p class="soft">It has no context.</p>`}
  <p class="buttons"><${Copy} what="The event as JSON" text=${() => pretty(text)}>Copy as JSON</${Copy}><${Copy} what="The command" text=${() => curl(event)}>Copy as curl</${Copy}></p>`;

/** @param {{event: AlertEvent | undefined, text: string}} props */
export const Latest = ({ event, text }) => (event
  ? html`<p class="words">${event.message}</p><p class="soft">Event ${event.seq} of ${event.source}, <${Time} at=${event.timestamp} form="exact" /></p><${Context} event=${event} text=${text} />`
  : html`<p class="soft">Its events are no longer kept.</p>`);

/** @param {{i: import("../api.js").Schemas["IncidentInFull"] & {texts: string[]}}} props */
export const Events = ({ i }) => html`
  ${i.count > i.events.length && html`<p class="soft">The newest ${i.events.length} of ${i.count.toLocaleString("en")}.</p>`}
  <ul class="folds">${i.events.map((event, n) => html`
    <li key=${event.event_id}><details><summary><${Time} at=${event.timestamp} form="exact" /> <${SeverityBadge} severity=${event.severity} /> <span>${event.message.slice(0, 300)}</span></summary>
      ${event.message.length > 300 && html`<p class="words">${event.message}</p>`}<${Context} event=${event} text=${i.texts[n]} /></details></li>`)}</ul>`;

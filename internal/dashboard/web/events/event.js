// One event: what exactly did a component report, and what has become of it?
import { html } from "../components/html.js";
import { style } from "../components/style.js";
import { Details } from "./details.js";

export const ready = style(new URL("./events.css", import.meta.url).href);

/** @typedef {import("../live.js").AlertEvent} AlertEvent */

/** @param {import("../pages.js").PageProps} props */
export default function EventPage({ params }) {
  return html`<p><a href="/events">All events</a></p>
    <article class="card event"><${Details} id=${params.id} head=${(/** @type {AlertEvent} */ event) => html`<h1>Event ${event.seq}</h1>`} /></article>`;
}

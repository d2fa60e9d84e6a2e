// One event: what exactly did a component report, and what has become of it?
import { html } from "../components/html.js";
import { style } from "../components/style.js";
import { Details } from "./details.js";

export const ready = style(new URL("./events.css", import.meta.url).href);

/** @param {import("../pages.js").PageProps} props */
export default function EventPage({ params }) {
  return html`<p class="back"><a href="/events">← Events</a></p>
    <article class="card ev-one"><h1>Event</h1><${Details} id=${params.id} /></article>`;
}

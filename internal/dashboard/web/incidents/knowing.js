// Who knows of an incident, who does not and why, and what happens next.
import { html } from "../components/html.js";
import { Due } from "../components/due.js";
import { StatusBadge } from "../components/severity.js";
import { Time, Told } from "../components/time.js";

/** @typedef {import("../api.js").Schemas["IncidentInFull"]} Full */
/** @typedef {import("../api.js").Schemas["Recipient"]} Recipient */

/** What holds back, such as a silence, which is a link. @param {{by: string}} props */
export function Holder({ by }) {
  const [kind, name = ""] = by.split(" ");
  return kind === "silence" && name ? html`<a href=${`/silences/${name}`}>a silence</a>` : html`${by.replaceAll("_", " ")}`;
}

/** @param {Recipient} c */
function words(c) {
  const until = c.until && html`<${Time} at=${c.until} />`;
  switch (c.state) {
    case "told": return html`${c.told_at && html`<${Time} at=${c.told_at} />`} ${c.reason}`;
    case "waiting": return c.until ? html`due <${Due} at=${c.until} />${c.reason && `: ${c.reason}`}` : html`${c.reason ?? "is being sent"}`;
    case "held_back": return html`by ${c.by && html`<${Holder} by=${c.by} />`}, ${until ? html`which ends ${until}` : "until that ends"}`;
    case "digest": return html`in its next digest${until && html`, ${until}`}`;
    default: return html`${c.reason}`;
  }
}

/** @param {{i: Full}} props */
export const WhoKnows = ({ i }) => (i.channels.length === 0
  ? html`<p><strong class="nobody">No channel is told of it.</strong> The routes and <code>default_channels</code> name none for it.</p>`
  : html`<ul class="knowing">${i.channels.map((c) => html`
      <li key=${c.channel + c.target} data-state=${c.state}><strong>${c.channel}</strong>${c.target && html` <span class="soft">${c.target}</span>`} <${StatusBadge} status=${c.state} />
        <div class="knowing-why">${words(c)}</div>
        ${c.state !== "told" && c.told_at && html`<div class="knowing-why">told last <${Time} at=${c.told_at} /></div>`}</li>`)}</ul>`);

/** @param {{i: Full}} props */
export function Next({ i }) {
  if (i.next.length === 0) return html`<p class="soft">${i.status === "resolved" ? "Nothing: it is over. A similar event opens a new incident." : "Nothing happens by itself until there is news."}</p>`;
  return html`<ol class="next">${i.next.map((n) => html`<li key=${n.at + n.kind + (n.channel ?? "")}><strong><${Time} at=${n.at} /></strong> ${n.channel && html`<strong>${n.channel}</strong> `}<${Told} text=${n.reason} /></li>`)}</ol>`;
}

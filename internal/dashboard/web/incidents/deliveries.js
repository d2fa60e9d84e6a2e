// The messages about an incident: which arrived, which did not, and every attempt.
import { html } from "../components/html.js";
import { get, post } from "../api.js";
import { useResource } from "../resource.js";
import { may } from "../session.js";
import { Due } from "../components/due.js";
import { StatusBadge } from "../components/severity.js";
import { Loaded } from "../components/states.js";
import { Time } from "../components/time.js";
import { attempt } from "../components/toast.js";

/** @typedef {import("../api.js").Schemas["Delivery"]} Delivery */
/** @typedef {import("../api.js").Schemas["DeliveryInFull"]} Full */

/**
 * @param {{deliveries: Delivery[], shown: string | null, show: (id: string | null) => void, reload: () => void}} props shown: the one that is unfolded
 */
export function Deliveries({ deliveries, shown, show, reload }) {
  if (deliveries.length === 0) return html`<p class="soft">No message about it was made.</p>`;
  return html`
    ${deliveries.length === 100 && html`<p class="soft">The newest 100.</p>`}
    <ul class="folds">${deliveries.map((d) => html`
      <li key=${d.delivery_id} id=${"delivery-" + d.delivery_id} data-tone=${d.status === "failed" ? "bad" : undefined}>
        <details open=${shown === d.delivery_id} onToggle=${(/** @type {any} */ e) => { if (e.target.open) show(d.delivery_id); else if (shown === d.delivery_id) show(null); }}>
          <summary><${StatusBadge} status=${d.status} /> <strong>${d.channel}</strong>${d.target && html` <span class="soft">${d.target}</span>`} ${d.reason.replaceAll("_", " ")}${d.incident_ids.length > 1 && ` of ${d.incident_ids.length} incidents`}
            <span class="soft"> · <${Time} at=${d.finished_at ?? d.created_at} /> · ${d.attempt_count} ${d.attempt_count === 1 ? "attempt" : "attempts"}</span>
            ${d.error && html`<span class="delivery-error">${d.error}</span>`}</summary>
          ${shown === d.delivery_id && html`<${Attempts} d=${d} reload=${reload} />`}
        </details>
      </li>`)}</ul>`;
}

/** @param {{d: Delivery, reload: () => void}} props */
function Attempts({ d, reload }) {
  const full = useResource((signal) => get("/deliveries/{delivery_id}", { params: { delivery_id: d.delivery_id }, signal }), [d.delivery_id, d.attempt_count, d.status], { every: 0 });
  const retry = async () => {
    await attempt(() => post("/deliveries/{delivery_id}/retry", { params: { delivery_id: d.delivery_id } }), `The message to ${d.channel} is sent again.`);
    reload();
  };
  return html`
    <${Loaded} of=${full} rows=${1}>${(/** @type {Full} */ all) => html`
      <p class="soft">Message <code>${d.delivery_id}</code>, made <${Time} at=${d.created_at} form="exact" />.
        ${d.due_at && html` ${d.status === "sending" ? "It is being sent." : html`The next attempt: <${Due} at=${d.due_at} />.`} It is given up <${Time} at=${d.give_up_at} />.`}
        ${d.fallback_for && html` It replaces the failed message <code>${d.fallback_for}</code>.`}</p>
      ${all.attempts.length > 0 && html`<div class="scroll" tabindex="0" role="region" aria-label="Attempts"><table class="grid">
        <thead><tr><th scope="col">#</th><th scope="col">When</th><th scope="col">Took</th><th scope="col">Outcome</th><th scope="col">Code</th><th scope="col">Error</th></tr></thead>
        <tbody>${all.attempts.map((a) => html`<tr key=${a.number} data-tone=${a.outcome === "delivered" ? undefined : "bad"}><td>${a.number}</td><td><${Time} at=${a.time} form="when" /></td><td>${Math.round(a.duration_ms)} ms</td><td>${a.outcome}</td><td>${a.code ?? "–"}</td><td class="words">${a.error ?? ""}</td></tr>`)}</tbody></table></div>`}
      ${d.status === "failed" && (may("operator") ? html`<p class="buttons"><button type="button" onClick=${retry}>Send it again</button></p>` : html`<p class="soft">To send it again needs the role operator.</p>`)}`}
    </${Loaded}>`;
}

// One silence: what does it hold back, for whom, and when does it end?
import { html } from "../components/html.js";
import { get, remove } from "../api.js";
import { useResource } from "../resource.js";
import { may, me } from "../session.js";
import { actor, ask, confirmed } from "../components/ask.js";
import { useKeys } from "../components/keys.js";
import { SeverityBadge, StatusBadge } from "../components/severity.js";
import { SilenceDialog } from "../components/silence.js";
import { Loaded } from "../components/states.js";
import { style } from "../components/style.js";
import { Time } from "../components/time.js";
import { attempt } from "../components/toast.js";
import { go } from "../router.js";

export const ready = style(new URL("./silences.css", import.meta.url).href);

/** @typedef {import("../api.js").Schemas["Silence"]} Silence */

/** @param {{params: Record<string, string>}} props */
export default function OneSilence({ params }) {
  const silence_id = params.id;
  const silence = useResource((signal) => get("/silences/{silence_id}", { params: { silence_id }, signal }), [silence_id], { every: 5, changes: true, live: true });
  const end = async () => {
    const yes = await confirmed({ title: "End this silence?", act: "End it now", children: html`<p>What it holds back is told now, once.</p>` });
    const who = yes === undefined ? undefined : await actor();
    if (who) await attempt(() => remove("/silences/{silence_id}", { params: { silence_id }, query: who }), "The silence has ended.");
    silence.reload();
  };
  const again = async (/** @type {Silence} */ s) => {
    const made = await ask((done) => html`<${SilenceDialog} title="New silence" match=${s.match} not=${s.not} done=${done} />`);
    if (made) go(`/silences/${/** @type {Silence} */ (made).silence_id}`);
  };
  useKeys("This silence", [{ key: "Escape", does: "back to the silences", run: () => go("/silences") }]);
  return html`
    <p class="back"><a href="/silences">← Silences</a></p>
    ${!silence.data && html`<h1>Silence</h1>`}
    <${Loaded} of=${silence}>${(/** @type {Silence} */ s) => html`
      <header class="card silence-head">
        <p><${StatusBadge} status=${s.status} />${s.allow_critical && html` <strong class="silence-all">critical too</strong>`}</p>
        <h1 class="words">${s.condition || "everything"}</h1>
        <dl class="silence-facts">
          <div><dt>Why</dt><dd class="words">${s.comment || html`<span class="soft">not said</span>`}</dd></div>
          <div><dt>By</dt><dd>${s.by}</dd></div>
          <div><dt>${s.status === "pending" ? "Begins" : "Began"}</dt><dd><${Time} at=${s.starts_at} /></dd></div>
          <div><dt>${s.status === "expired" ? "Ended" : "Ends"}</dt><dd><${Time} at=${s.ends_at} />${s.expired_by && ` by ${s.expired_by}`}</dd></div>
          <div><dt>Messages held back</dt><dd>${s.held_back.toLocaleString("en")}</dd></div>
          <div><dt>Critical incidents</dt><dd>${s.allow_critical ? "held back, too" : "told all the same"}</dd></div>
        </dl>
        <p class="buttons">${may("operator") ? html`
          ${s.status !== "expired" && html`<button type="button" class="primary" onClick=${end}>End now …</button>`}
          <button type="button" onClick=${() => again(s)}>New one like it …</button>` : html`<span class="soft">Your role ${me.value?.role} may look. To end it needs the role operator.</span>`}</p>
      </header>
      <h2>Incidents</h2>
      ${s.incidents.length === 0 ? html`<p class="soft">${s.status === "expired" ? "It held back nothing." : "It has held back nothing so far."}</p>` : html`
        <div class="scroll" tabindex="0" role="region" aria-label="Incidents that it holds or has held back"><table class="grid">
          <thead><tr><th scope="col">Incident</th><th scope="col">State</th><th scope="col">Severity</th><th scope="col">Message</th><th scope="col">Source</th><th scope="col">Since</th><th scope="col" class="number">Held back</th><th scope="col">Now</th></tr></thead>
          <tbody>${s.incidents.map((i) => html`<tr key=${i.incident_id}><th scope="row"><a href=${`/incidents/${i.incident_id}`}>#${i.number}</a></th>
            <td>${i.status && html`<${StatusBadge} status=${i.status} />`}</td><td>${i.severity && html`<${SeverityBadge} severity=${i.severity} />`}</td><td class="words">${i.message?.slice(0, 300) ?? "It cannot be read."}</td><td>${i.source}</td>
            <td><${Time} at=${i.since} /></td><td class="number">${i.held_back}</td><td>${i.held ? "held" : "no longer"}</td></tr>`)}</tbody></table></div>`}`}
    </${Loaded}>`;
}

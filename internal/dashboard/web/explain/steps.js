// A decision, drawn step by step.
import { html } from "../components/html.js";
import { SeverityBadge, StatusBadge } from "../components/severity.js";
import { Time } from "../components/time.js";

/** @typedef {import("../api.js").Schemas["Explanation"]} Explanation */
/** @typedef {import("../components/html.js").Children} Children */

const alike = { dedup_key: "its dedup_key", message: "its source, category and message", message_and_context: "its source, category, message, and what the context says of its identity", group_by: "what its route groups by" };
const news = { opened: "it is open", severity_raised: "it is worse", updated: "it has grown", resolved: "it is over" };
const decisions = { send: "told at once", hold: "told later", digest: "in a digest", held_back: "held back", not_asked: "not asked" };
const marks = { send: "✓", hold: "○", digest: "≡", held_back: "⏸", not_asked: "–" };

/** @param {{question: string, tone?: "good" | "bad" | "busy", answer: Children, children?: Children}} props */
const Step = ({ question, tone, answer, children }) => html`
  <li class="ex-step" data-tone=${tone}><h3>${question}</h3><p class="ex-said">${answer}</p>${children}</li>`;

/** What holds something, with a link if it has a page. @param {{by: string}} props */
function Holder({ by }) {
  const id = /^silence ([0-9a-f-]{36})$/.exec(by)?.[1];
  return id ? html`<a href=${`/silences/${id}`}>a silence</a>` : by;
}

/** @param {{of: Explanation}} props */
function Incident({ of }) {
  const { incident, opens, fingerprint } = of;
  if (opens) return html`<${Step} question="Which incident does it belong to?" tone="busy" answer="It opens one: nothing like it is open." />`;
  if (!incident) return html`<${Step} question="Which incident does it belong to?" answer=${of.reason ?? "None."} />`;
  const link = html`<a href=${`/incidents/${incident.incident_id}`}>incident ${incident.number}</a>`;
  return html`<${Step} question="Which incident does it belong to?" answer=${incident.status === "resolved" ? html`It resolves ${link}.` : html`It joins ${link}, which has the same fingerprint.`}>
    <p><${StatusBadge} status=${incident.status} /> <${SeverityBadge} severity=${incident.severity} /> ${incident.count} events, the first <${Time} at=${incident.first_seen} />${incident.flapping && html` <strong>It is flapping: it comes and goes.</strong>`}</p>
    ${incident.fingerprint !== fingerprint && html`<p class="soft">Its fingerprint is <code>${incident.fingerprint}</code>.</p>`}</${Step}>`;
}

/** @param {{of: Explanation}} props */
function Told({ of }) {
  if (!of.decisions.length) {
    return html`<${Step} question="Who is told?" answer=${of.next_update_at ? html`Nobody by itself: it is counted. The next update is due <${Time} at=${of.next_update_at} form="exact" />.` : "Nobody."} />`;
  }
  const told = of.decisions.some((d) => d.decision === "send");
  return html`<${Step} question="Who is told?" tone=${told ? "good" : "busy"} answer=${told ? `${of.decisions.filter((d) => d.decision === "send").map((d) => d.channel).join(", ")} at once.` : "Nobody at once."}>
    <div class="scroll" tabindex="0" role="region" aria-label="Decision for each channel"><table class="grid">
      <thead><tr><th scope="col">Channel</th><th scope="col">That</th><th scope="col">Decision</th><th scope="col">When</th><th scope="col">Why</th></tr></thead>
      <tbody>${of.decisions.map((d) => html`<tr>
        <th scope="row">${d.channel}${d.target && html` <span class="soft">${d.target}</span>`}</th><td>${news[d.news] ?? d.news}</td>
        <td class="ex-decision" data-decision=${d.decision}><span aria-hidden="true">${marks[d.decision] ?? "·"}</span> ${decisions[d.decision] ?? d.decision}</td>
        <td>${d.until ? html`<${Time} at=${d.until} form="exact" />` : d.decision === "send" ? "now" : "–"}</td>
        <td class="words">${d.reason}${d.by && !(d.reason ?? "").includes(d.by) && html` <span class="soft">(<${Holder} by=${d.by} />)</span>`}</td></tr>`)}</tbody></table></div></${Step}>`;
}

/** @param {{of: Explanation}} props */
export function Steps({ of }) {
  return html`
    <div class="card ex-words"><h2>In words</h2>${of.words.map((sentence, n) => html`<p key=${n}>${sentence}</p>`)}
      <p class="soft">This holds for <${Time} at=${of.at} form="exact" />.</p></div>
    <div class="card"><h2>Step by step</h2><ol class="ex-steps">
      <${Step} question="Is it registered?" tone=${of.registered ? "good" : "bad"} answer=${of.registered ? "Yes: it becomes an event." : html`No: ${of.reason}.`} />
      ${of.registered && html`
        ${of.fingerprint && html`<${Step} question="What is it like?" answer=${html`It is known by ${alike[/** @type {keyof typeof alike} */ (of.grouped_by)] ?? of.grouped_by}.`}>
          <p><code class="words">${of.pattern}</code></p><p class="soft">Fingerprint <code>${of.fingerprint}</code></p></${Step}>`}
        <${Incident} of=${of} />
        <${Step} question="Which route decides?" answer=${of.route ? html`Route <strong>${of.route}</strong>.` : "None matches: each channel decides by its own settings, or the default channels are told."} />
        ${of.held ? html`<${Step} question="Is it held back?" tone="busy" answer=${html`Yes, by <${Holder} by=${of.held.by} />: ${of.held.reason}.`}>
          <p>Since <${Time} at=${of.held.since} form="exact" />, ${of.held.until ? html`until <${Time} at=${of.held.until} form="exact" />` : "until it ends; when that is, is not known"}.</p></${Step}>`
        : html`<${Step} question="Is it held back?" answer="No silence, window, inhibition or waiting group holds it." />`}
        <${Step} question="Is there a storm?" tone=${of.storm ? "busy" : undefined} answer=${of.storm ? "Yes: what is not severe enough is told in digests." : "No."} />
        <${Told} of=${of} />
        ${of.text && html`<${Step} question="What does the message say?" answer="The first channel gets:"><pre class="json" tabindex="0" role="region" aria-label="Message">${of.text}</pre></${Step}>`}
        ${of.timeline.length > 0 && html`<${Step} question="What does the timeline of the incident say?" answer=""><ul>${of.timeline.map((entry, n) => html`<li key=${n}>${entry.kind.replaceAll("_", " ")}: ${entry.reason}</li>`)}</ul></${Step}>`}`}
    </ol></div>`;
}

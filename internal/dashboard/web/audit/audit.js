// Audit: who did what, when, and from where?
import { html, useEffect, useState } from "../components/html.js";
import { getText } from "../api.js";
import { useResource } from "../resource.js";
import { go, withQuery } from "../router.js";
import { Copy } from "../components/copy.js";
import { elements, JsonText, members, pretty } from "../components/jsontext.js";
import { useNarrow } from "../components/list.js";
import { MomentInput } from "../components/moment.js";
import { Empty, Loaded } from "../components/states.js";
import { style } from "../components/style.js";
import { Time } from "../components/time.js";

export const ready = style(new URL("./audit.css", import.meta.url).href);

/** @typedef {import("../api.js").Schemas["AuditRecord"]} AuditRecord */

/** What may be chosen; the address may have any. */
const actions = ["incident.acknowledge", "incident.resolve", "silence.add", "silence.expire", "delivery.retry", "channel.test", "config.reload", "config.reload_refused",
  "session.login", "session.login_failed", "session.logout", "token.first_use", "token.refused", "retention.events", "retention.incidents", "retention.audit", "audit.left_out"];

const page = 200;
const filters = ["actor", "action", "object", "since", "until"];

/** The page of what a record is about, if it has one. @param {AuditRecord} record */
function place({ action, object }) {
  const folder = action.startsWith("incident.") ? "/incidents/" : action.startsWith("silence.") ? "/silences/" : "";
  if (folder) return folder + encodeURIComponent(object ?? "");
  return action.startsWith("channel.") ? "/channels" : action.startsWith("config.") ? "/config" : "";
}

/** @param {{record: AuditRecord, text: string}} props text: the same as alertd wrote it, with every digit */
function Row({ record, text }) {
  const [unfolded, unfold] = useState(false);
  const narrow = useNarrow();
  const to = place(record);
  return html`<tr>
      <td><button type="button" class="quiet" aria-expanded=${unfolded} aria-label=${`Record ${record.number} in full`} onClick=${() => unfold(!unfolded)}>${unfolded ? "▾" : "▸"}</button></td>
      <td><${Time} at=${record.at} form=${narrow ? "relative" : "exact"} /></td>
      <th scope="row"><a href=${withQuery({ actor: record.actor })}>${record.actor}</a>${record.for && html` <span class="soft">for ${record.for}</span>`}</th>
      <td class="audit-apart">${record.kind}</td><td class="audit-apart">${record.address ?? "–"}</td><td class="audit-action">${record.action}</td>
      <td>${!record.object ? "–" : to ? html`<a href=${to}>${record.object}</a>` : record.object}</td></tr>
    ${unfolded && html`<tr class="audit-more"><td></td><td colspan="6">
      <div class="audit-change"><section><h3>Before</h3>${record.before === null ? html`<p class="soft">Nothing is said.</p>` : html`<${JsonText} text=${members(text).get("before") ?? ""} label=${`Before record ${record.number}`} />`}</section>
        <section><h3>After</h3>${record.after === null ? html`<p class="soft">Nothing is said.</p>` : html`<${JsonText} text=${members(text).get("after") ?? ""} label=${`After record ${record.number}`} />`}</section></div>
      <p class="soft">Record ${record.number}, known by ${record.kind}${record.address && `, from ${record.address}`}, hash <code>${record.hash}</code></p>
      <p class="buttons">${record.object && html`<a class="button" href=${withQuery({ object: record.object })}>All about ${record.object}</a>`}
        <${Copy} text=${() => pretty(text) + "\n"} what="The record as JSON">Copy as JSON</${Copy}></p></td></tr>`}`;
}

/**
 * A text that goes into the address once it is complete: with Enter, or when the field is left.
 * @param {{name: string, given: string, placeholder: string}} props
 */
function Choice({ name, given, placeholder }) {
  const [text, setText] = useState(given);
  useEffect(() => setText(given), [given]);
  return html`<input value=${text} maxlength="255" placeholder=${placeholder} onInput=${(/** @type {any} */ e) => setText(e.currentTarget.value)}
    onChange=${(/** @type {any} */ e) => go(withQuery({ [name]: e.currentTarget.value.trim() }), { replace: true })} />`;
}

/** @param {import("../pages.js").PageProps} props */
export default function Audit({ query }) {
  const asked = { actor: query.getAll("actor"), action: query.getAll("action"), object: query.get("object") || undefined, since: query.get("since") || undefined, until: query.get("until") || undefined };
  const key = JSON.stringify(asked);
  const [more, setMore] = useState({ key, pages: 1 });
  const pages = more.key === key ? more.pages : 1;
  const records = useResource(async (signal) => {
    /** @type {{record: AuditRecord, text: string}[]} */
    const all = [];
    let unreadable = 0;
    /** @type {string | null | undefined} */
    let cursor;
    for (let n = 0; n < pages && cursor !== null; n++) {
      const text = await getText("/audit", { query: { ...asked, limit: page, cursor }, signal });
      const read = JSON.parse(text);
      const texts = elements(members(text).get("records") ?? "[]");
      all.push(...read.records.map((/** @type {AuditRecord} */ record, /** @type {number} */ i) => ({ record, text: texts[i] })));
      unreadable += read.unreadable ?? 0;
      cursor = read.next_cursor;
    }
    return { all, unreadable, more: cursor !== null };
  }, [key, pages], { every: 15, changes: true });
  const filtered = filters.some((name) => query.get(name));
  return html`
    <h1>Audit</h1>
    <form class="audit-filters" role="search" aria-label="Filter the records" onSubmit=${(/** @type {Event} */ e) => e.preventDefault()}>
      <label>Who <${Choice} name="actor" given=${query.get("actor") ?? ""} placeholder="anybody" /></label>
      <label>did what <select value=${query.get("action") ?? ""} onChange=${(/** @type {any} */ e) => go(withQuery({ action: e.currentTarget.value }), { replace: true })}>
        <option value="">anything</option>${[...new Set([...actions, ...query.getAll("action")])].map((a) => html`<option key=${a} value=${a}>${a}</option>`)}</select></label>
      <label>to <${Choice} name="object" given=${query.get("object") ?? ""} placeholder="an id or a name" /></label>
      <label>from <${MomentInput} value=${query.get("since") ?? ""} onChange=${(/** @type {string} */ since) => go(withQuery({ since }), { replace: true })} /></label>
      <label>to before <${MomentInput} value=${query.get("until") ?? ""} onChange=${(/** @type {string} */ until) => go(withQuery({ until }), { replace: true })} /></label>
      ${filtered && html`<a href="/audit">Show all</a>`}
    </form>
    <${Loaded} of=${records} rows=${8}>${(/** @type {{all: {record: AuditRecord, text: string}[], unreadable: number, more: boolean}} */ data) => html`
      ${data.unreadable > 0 && html`<div class="failure" role="alert">${data.unreadable} records cannot be read and are left out. <code>alertd audit verify</code> names them.</div>`}
      ${data.all.length === 0
        ? html`<${Empty} title=${filtered ? "No record matches." : "Nobody has done anything yet."}><p>${filtered ? html`<a href="/audit">Show all records</a>` : "Each acknowledgement, silence, sign-in and reload makes a record here."}</p></${Empty}>`
        : html`<div class="scroll" tabindex="0" role="region" aria-label="Records, the newest first"><table class="grid audit">
          <thead><tr><th scope="col"><span class="visually-hidden">In full</span></th><th scope="col">When</th><th scope="col">Who</th><th scope="col" class="audit-apart">Known by</th><th scope="col" class="audit-apart">From</th><th scope="col">Did</th><th scope="col">To</th></tr></thead>
          <tbody>${data.all.map(({ record, text }) => html`<${Row} key=${record.number} record=${record} text=${text} />`)}</tbody></table></div>`}
      ${data.more && html`<p><button type="button" onClick=${() => setMore({ key, pages: pages + 1 })}>Older ones</button></p>`}`}
    </${Loaded}>
    <p class="soft">Each record has the hash of the one before it. <code>alertd audit verify</code> finds what was changed, removed or moved; <code>alertd audit export</code> keeps a copy.</p>`;
}

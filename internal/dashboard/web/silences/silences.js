// Silences: what is nobody told of now, who wanted that, why, and until when?
import { html, useState } from "../components/html.js";
import { get } from "../api.js";
import { useResource } from "../resource.js";
import { go, place, withQuery } from "../router.js";
import { may, me } from "../session.js";
import { ask } from "../components/ask.js";
import { useKeys } from "../components/keys.js";
import { StatusBadge } from "../components/severity.js";
import { SilenceDialog } from "../components/silence.js";
import { Empty, Loaded } from "../components/states.js";
import { style } from "../components/style.js";
import { Time } from "../components/time.js";

export const ready = style(new URL("./silences.css", import.meta.url).href);

/** @typedef {import("../api.js").Schemas["Silence"]} Silence */

const statuses = ["active", "pending", "expired"];
const page = 200;

export default function Silences() {
  const status = place.value.query.get("status") ?? "";
  const [pages, setPages] = useState(1);
  const silences = useResource(async (signal) => {
    /** @type {Silence[]} */
    const all = [];
    /** @type {string | null | undefined} */
    let cursor;
    for (let n = 0; n < pages && cursor !== null; n++) {
      const read = await get("/silences", { query: { limit: page, cursor, active: status === "active" ? "true" : status ? "false" : undefined }, signal });
      all.push(...read.silences);
      cursor = read.next_cursor;
    }
    return { all, more: cursor !== null };
  }, [status, pages], { every: 10, changes: true });
  const add = async () => {
    const made = await ask((done) => html`<${SilenceDialog} title="New silence" done=${done} />`);
    if (made) go(`/silences/${/** @type {Silence} */ (made).silence_id}`);
  };
  useKeys("Silences", may("operator") ? [{ key: "c", does: "make a silence", run: add }] : []);
  return html`
    <div class="silences-top"><h1>Silences</h1>
      <nav class="silence-tabs" aria-label="Status">${["", ...statuses].map((s) => html`<a key=${s} href=${withQuery({ status: s || null })} aria-current=${status === s ? "page" : undefined}>${s || "all"}</a>`)}</nav>
      ${may("operator") ? html`<button type="button" class="primary" title="Key c" onClick=${add}>New silence …</button>` : html`<span class="soft">Your role ${me.value?.role} may look. To make or end a silence needs the role operator.</span>`}</div>
    <${Loaded} of=${silences}>${(/** @type {{all: Silence[], more: boolean}} */ data) => {
      const shown = data.all.filter((s) => !status || s.status === status).sort((a, b) => statuses.indexOf(a.status) - statuses.indexOf(b.status));
      if (shown.length === 0) {
        return html`<${Empty} title=${status ? `No silence is ${status}.` : "Nothing is silenced."}>
          <p>A silence holds back what people would be told, for a time: during maintenance, or while somebody works on it. Make one here, or from an incident with the key <kbd>s</kbd>.</p></${Empty}>`;
      }
      return html`<div class="scroll" tabindex="0" role="region" aria-label="Silences"><table class="grid">
        <thead><tr><th scope="col">Status</th><th scope="col">What</th><th scope="col">Until</th><th scope="col">Who</th><th scope="col">Why</th><th scope="col" class="number">Held back</th></tr></thead>
        <tbody>${shown.map((s) => html`<tr key=${s.silence_id} data-status=${s.status}>
          <td><${StatusBadge} status=${s.status} /></td>
          <th scope="row" class="words"><a href=${`/silences/${s.silence_id}`}>${s.condition || "everything"}</a>${s.allow_critical && html` <strong class="silence-all">critical too</strong>`}</th>
          <td>${s.status === "pending" && html`begins <${Time} at=${s.starts_at} />, `}${s.status === "expired" ? "ended " : "ends "}<${Time} at=${s.ends_at} /></td>
          <td>${s.by}</td><td class="words">${s.comment}</td><td class="number">${s.held_back.toLocaleString("en")}</td></tr>`)}</tbody></table></div>
        ${data.more && html`<p><button type="button" onClick=${() => setPages(pages + 1)}>Older ones</button></p>`}`;
    }}</${Loaded}>`;
}

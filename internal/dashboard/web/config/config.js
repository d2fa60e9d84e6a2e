// Config: what is in force, and how is it changed?
import { html, useState } from "../components/html.js";
import { ApiError, get, post } from "../api.js";
import { useResource } from "../resource.js";
import { go, withQuery } from "../router.js";
import { Empty, Failure, Loaded } from "../components/states.js";
import { style } from "../components/style.js";
import { Time } from "../components/time.js";
import { sections } from "./toml.js";

export const ready = style(new URL("./config.css", import.meta.url).href);

/** @typedef {import("../../types/helpers.js").Answer<"/-/reload", "post">} Reloaded */

/** @param {{reread: () => void}} props */
function Reload({ reread }) {
  const [busy, setBusy] = useState(false);
  const [outcome, setOutcome] = useState(/** @type {Reloaded | Error | null} */ (null));
  const reload = async () => {
    setBusy(true);
    setOutcome(await post("/-/reload").catch((/** @type {Error} */ error) => error));
    setBusy(false);
    reread();
  };
  return html`<p class="buttons"><button type="button" class="primary" disabled=${busy} onClick=${reload}>Read the file again</button>
      <span class="soft">Change the file, check it by <code>alertd check-config FILE</code>, and read it again: here, by SIGHUP, or by <code>POST /-/reload</code>. A bad file changes nothing.</span></p>
    ${outcome instanceof ApiError && outcome.errors.length > 0 ? html`<div class="failure" role="alert"><p><strong>The file was not taken over; nothing has changed.</strong></p>
        <ul>${outcome.errors.map((e) => html`<li>${e.field && html`<code>${e.field}</code> `}${e.message}</li>`)}</ul></div>`
    : outcome instanceof Error ? html`<${Failure} error=${outcome} retry=${reload} />`
    : outcome && html`<div class="card config-done" role="status"><strong>The file is in force.</strong> ${outcome.restart_required.length > 0
        ? html`These keys need a restart: ${outcome.restart_required.map((key, n) => html`${n > 0 && ", "}<code>${key}</code>`)}.` : "Nothing in it needs a restart."}</div>`}`;
}

/** Which file it is, as far as the audit log tells. */
function Origin() {
  const last = useResource(async (signal) => (await get("/audit", { query: { action: ["config.reload"], limit: 1 }, signal })).records, []);
  const [record] = last.data ?? [];
  return html`<p class="soft">${record
    ? html`Read last from <code>${record.object}</code> <${Time} at=${record.at} />, by ${record.actor}.`
    : "Read at the start, from the file that alertd serve --config names."} Secrets are shown as <code>${"<secret>"}</code>, and defaults are filled in.</p>`;
}

/** @param {import("../pages.js").PageProps} props */
export default function Config({ query }) {
  const config = useResource((signal) => get("/config", { signal }), [], { every: 60 });
  const part = (query.get("q") ?? "").toLowerCase();
  return html`
    <h1>Config</h1>
    <${Origin} />
    <${Reload} reread=${config.reload} />
    <p><input type="search" aria-label="Key or value has" placeholder="Key or value has …" value=${query.get("q") ?? ""} onInput=${(/** @type {any} */ e) => go(withQuery({ q: e.currentTarget.value }), { replace: true })} /></p>
    <${Loaded} of=${config} rows=${8}>${(/** @type {Record<string, unknown>} */ data) => {
      const found = sections(data).map((s) => ({ ...s, rows: s.rows.filter(([key, value]) => `${s.name}.${key} = ${value}`.toLowerCase().includes(part)) })).filter((s) => s.rows.length > 0);
      if (found.length === 0) return html`<${Empty} title="Nothing there has that."><p><a href="/config">Show all</a></p></${Empty}>`;
      return html`<div class="config-sections">${found.map((s, n) => html`
        <section class="card" key=${s.name + n} aria-label=${s.name}><h2><code>${s.title}</code></h2>
          <table class="config-rows"><tbody>${s.rows.map(([key, value]) => html`<tr key=${key}><th scope="row"><code>${key}</code></th><td><code>${value}</code></td></tr>`)}</tbody></table></section>`)}</div>`;
    }}</${Loaded}>`;
}

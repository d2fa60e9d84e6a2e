// Channels: does each way of telling work, and since when not?
import { html, useState } from "../components/html.js";
import { get, post } from "../api.js";
import { useResource } from "../resource.js";
import { withQuery } from "../router.js";
import { may } from "../session.js";
import { stats } from "../standing.js";
import { Due } from "../components/due.js";
import { useHeld } from "../components/held.js";
import { amount, counted } from "../components/number.js";
import { StatusBadge } from "../components/severity.js";
import { Empty, Loaded } from "../components/states.js";
import { style } from "../components/style.js";
import { Time } from "../components/time.js";
import { attempt } from "../components/toast.js";
import { Sparkline } from "./sparkline.js";

/** @typedef {import("../api.js").Schemas["Channel"]} Channel */
/** @typedef {import("../api.js").Schemas["Delivery"]} Delivery */
/** @typedef {import("../api.js").Schemas["Test"]} Test */

export const ready = style(new URL("./channels.css", import.meta.url).href);

/** @type {Record<string, number>} */
const order = { failing: 0, degraded: 1, healthy: 2, disabled: 3 };

/** @type {Record<string, string>} */
const breakers = { closed: "Attempts are made", open: "Too many attempts have failed, so none is made for a while", half_open: "One attempt is made, as a trial" };

/** @param {{query: URLSearchParams}} props */
export default function Channels({ query }) {
  const channels = useResource(async (signal) => (await get("/channels", { signal })).channels, [], { every: 5 });
  const sorted = channels.data && [...channels.data].sort((a, b) => order[a.health] - order[b.health] || a.name.localeCompare(b.name));
  const held = useHeld(sorted?.map((c) => c.name), JSON.stringify(sorted?.map((c) => c.name)));
  const chosen = query.get("channel");
  return html`
    <h1>Channels</h1>
    ${stats.value?.alerting_enabled === false && html`<p class="stale" role="status"><strong>alertd tells nobody:</strong> <code>[alerting] enabled</code> is false.</p>`}
    <${Loaded} of=${channels}>${(/** @type {Channel[]} */ list) => (list.length === 0
      ? html`<${Empty} title="No channel is configured, so nobody is told."><p>Add one to <code>[alerting.channels]</code> and reload the configuration. <code>docs/channels.md</code> tells each kind.</p></${Empty}>`
      : html`<ul class="channels" aria-label="Channels" ...${held.bind}>${held.value?.map((name) => list.find((c) => c.name === name))
          .map((c) => c && html`<${Row} key=${c.name} channel=${c} chosen=${c.name === chosen} />`)}</ul>`)}
    </${Loaded}>
    <${Undelivered} channel=${chosen} reload=${channels.reload} />`;
}

/** @param {{channel: Channel, chosen: boolean}} props */
const Row = ({ channel: c, chosen }) => html`
  <li class="channel card" data-health=${c.health} data-chosen=${chosen || undefined}>
    <div><h2><a href=${withQuery({ channel: chosen ? null : c.name })} aria-current=${chosen || undefined} title=${chosen ? "Show what no channel has delivered" : "Show what it has not delivered"}>${c.name}</a></h2>
      <p class="channel-kind"><${StatusBadge} status=${c.health} /> <span class="soft">${c.kind}</span></p></div>
    <div class="channel-activity"><${Sparkline} activity=${c.activity} /><span class="soft">${amount(c.successes)} worked, ${amount(c.failures)} failed${c.consecutive_failures > 1 ? `, ${amount(c.consecutive_failures)} in a row` : ""}</span></div>
    <dl class="channel-facts">
      <div><dt>Waiting</dt><dd>${c.queue === 0 ? "none" : html`<strong>${amount(c.queue)}</strong>${c.oldest_waiting_at && html`, for <${Time} at=${c.oldest_waiting_at} form="age" />`}`}</dd></div>
      <div><dt>Last success</dt><dd>${c.last_success_at ? html`<${Time} at=${c.last_success_at} />` : "never"}</dd></div>
      <div><dt>Breaker</dt><dd data-tone=${c.breaker && c.breaker !== "closed" ? "bad" : undefined} title=${c.breaker ? breakers[c.breaker] : "The channel has none"}>${c.breaker?.replace("_", " ") ?? "–"}</dd></div>
    </dl>
    <p class="channel-error words" title=${c.last_error}>${c.last_error ? html`<span class="soft"><${Time} at=${c.last_failure_at} />:</span> ${c.last_error}` : html`<span class="soft">No failure.</span>`}</p>
    <${Try} channel=${c} />
  </li>`;

const patience = 11 * 60_000; // ms: a channel's timeout is ten minutes at most

/** @param {{channel: Channel}} props */
function Try({ channel: c }) {
  const [{ busy, test, error }, set] = useState(/** @type {{busy?: boolean, test?: Test, error?: Error}} */ ({}));
  const send = async () => {
    set({ busy: true });
    try {
      set({ test: await post("/channels/{name}/test", { params: { name: c.name }, patience }) });
    } catch (reason) {
      set({ error: /** @type {Error} */ (reason) });
    }
  };
  const why = !may("operator") ? "A test needs the role operator" : !c.enabled ? "The channel is off: its enabled is false" : "Sends one real message, marked as a test";
  const good = test?.outcome === "delivered";
  return html`
    <div class="channel-test"><button type="button" disabled=${busy || !may("operator") || !c.enabled} title=${why} aria-label=${`Send a test through ${c.name}`} onClick=${send}>${busy ? "Sending …" : "Send a test"}</button>
      <p role="status">${busy && "It may take as long as the channel's timeout."}
        ${test && html`<span class="status" data-tone=${good ? "good" : "bad"}><span aria-hidden="true">${good ? "✓" : "✕"}</span> ${good ? "delivered" : "not delivered"}</span> in ${amount(Math.round(test.duration_ms))} ms${good ? "" : `, ${test.outcome}`}${test.code !== null && `, code ${test.code}`}${test.error && html`: <span class="words">${test.error}</span>`}`}
        ${error && html`<span class="status" data-tone="bad"><span aria-hidden="true">✕</span> not sent</span>: ${error.message}`}</p></div>`;
}

const most = 50;

/**
 * What did not arrive, or not yet.
 * @param {{channel: string | null, reload: () => void}} props channel: null for all; reload: reads the channels anew
 */
function Undelivered({ channel, reload }) {
  const deliveries = useResource(async (signal) => (await get("/deliveries", { query: { status: ["failed", "waiting"], channel: channel ?? undefined, limit: most }, signal })).deliveries, [channel], { every: 5, changes: true });
  const held = useHeld(deliveries.data, JSON.stringify(deliveries.data?.map((d) => d.delivery_id)));
  /** @param {Delivery} d */
  const retry = async (d) => {
    await attempt(() => post("/deliveries/{delivery_id}/retry", { params: { delivery_id: d.delivery_id } }), `The message to ${d.channel} is sent again.`);
    held.release();
    deliveries.reload();
    reload();
  };
  return html`
    <h2 class="undelivered">Not delivered${channel && html` by ${channel} <a href=${withQuery({ channel: null })}>Show all channels</a>`}</h2>
    <${Loaded} of=${{ ...deliveries, data: held.value }}>${(/** @type {Delivery[]} */ list) => (list.length === 0
      ? html`<${Empty} title="No message waits, and none has failed." />`
      : html`<div class="scroll undelivered-table" tabindex="0" role="region" aria-label="Not delivered" ...${held.bind}><table class="grid">
          <thead><tr><th scope="col">Status</th><th scope="col">Channel</th><th scope="col">About</th><th scope="col">Made</th><th scope="col">Attempts</th><th scope="col">Next</th><th scope="col">Error</th><th scope="col">Action</th></tr></thead>
          <tbody>${list.map((d) => html`<tr key=${d.delivery_id} data-tone=${d.status === "failed" ? "bad" : undefined}>
            <td><${StatusBadge} status=${d.status} /></td><th scope="row">${d.channel}${d.target && html` <span class="soft">${d.target}</span>`}</th>
            <td>${d.incident_id && html`<a href=${`/incidents/${d.incident_id}`}>${d.incident_ids.length > 1 ? counted(d.incident_ids.length, "incident") : "incident"}</a> `}${d.reason.replaceAll("_", " ")}</td>
            <td><${Time} at=${d.created_at} /></td><td>${d.attempt_count}</td><td>${d.due_at ? html`<${Due} at=${d.due_at} />` : "none"}</td><td class="words">${d.error ?? ""}</td>
            <td>${d.status === "failed" && html`<button type="button" disabled=${!may("operator")} title=${may("operator") ? "" : "A retry needs the role operator"} onClick=${() => retry(d)}>Send again</button>`}</td></tr>`)}</tbody></table></div>
        ${list.length === most && html`<p class="soft">The newest ${most}.</p>`}`)}
    </${Loaded}>`;
}

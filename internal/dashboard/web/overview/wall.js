// The wall screen, /?wall: readable from five metres, and nothing on it needs a pointer.
import { html, useLayoutEffect, useSignalEffect } from "../components/html.js";
import { ended, heard, unreachable } from "../api.js";
import { state } from "../live.js";
import { incidents, standing } from "../standing.js";
import { theme } from "../settings.js";
import { upgraded } from "../upgrade.js";
import { amount } from "../components/number.js";
import { severities, SeverityBadge, Shape } from "../components/severity.js";
import { clock, exact, now, span, Time } from "../components/time.js";
import { fire, health, telling, useChannels, useHeartbeats, useReadiness, useWorst } from "./facts.js";

/** @typedef {import("./facts.js").Verdict} Verdict */

const old = 45_000; // ms after which what the screen shows is too old to rely on

/**
 * Why the screen cannot be relied on, in words; "" if it can.
 * @param {number} at when the statistics were read, in milliseconds
 */
function doubt(at) {
  if (ended.value) return "Signed out";
  if (state.value === "refused") return "Not allowed";
  if (state.value === "away" || unreachable.value) return "Disconnected";
  return at && now.value - at > old ? "Old data" : "";
}

/**
 * The theme of the address, if it names one, for as long as the screen is shown.
 * @param {string | null} wanted
 */
function useTheme(wanted) {
  useLayoutEffect(() => {
    if (wanted !== "dark" && wanted !== "light") return;
    document.documentElement.dataset.theme = wanted;
    return () => {
      if (theme.peek() === "system") delete document.documentElement.dataset.theme;
      else document.documentElement.dataset.theme = theme.peek();
    };
  }, [wanted]);
}

/** @type {Record<string, string>} */
const marks = { good: "✓", busy: "◐", bad: "✕" };

/** @param {{verdict: Verdict, names?: string}} props */
const State = ({ verdict, names }) => html`
  <li data-tone=${verdict.tone}><span aria-hidden="true">${marks[verdict.tone]}</span> <strong>${verdict.title}</strong>${names && html` <span>${names}</span>`} <span class="soft">${verdict.more}</span></li>`;

/** @param {{query: URLSearchParams}} props */
export function Wall({ query }) {
  useTheme(query.get("theme"));
  useSignalEffect(() => { if (upgraded.value) location.reload(); });
  const channels = useChannels();
  const readiness = useReadiness();
  const heartbeats = useHeartbeats();
  const worst = useWorst(7);
  const counts = incidents.value;
  const { data: stats, at } = standing.value;
  const why = doubt(at);
  const untouched = counts?.triggered.critical ?? 0;
  const alarm = why || (counts && untouched ? `Critical: nobody is on ${untouched === counts.open.critical ? (untouched === 1 ? "it" : `any of ${amount(untouched)}`) : `${amount(untouched)} of ${amount(counts.open.critical)}`}` : "");
  const read = Math.min(...[at, worst.at].filter((t) => t > 0));
  /** @param {{name: string}[]} list */
  const names = (list) => list.map((one) => one.name).join(", ");
  return html`
    <div class="wall-screen" data-alarm=${why ? "doubt" : untouched ? "critical" : undefined}>
      <h1 class="visually-hidden">Wall screen</h1>
      <p class="wall-alarm" role="status">${alarm && html`<span aria-hidden="true">${why ? "⚠" : "!"}</span> ${alarm}${why && heard.value ? `: what you see is ${span(now.value - (at || heard.value))} old` : ""}`}</p>
      <div class="wall-figures">${counts && html`
        ${severities.slice(0, 3).map((severity) => html`<div key=${severity} class="wall-figure" data-severity=${severity} data-none=${counts.open[severity] === 0 || undefined}>
          <span class="wall-number" data-long=${counts.open[severity] > 999 || undefined}>${amount(counts.open[severity])}</span>
          <span class="wall-word"><${Shape} severity=${severity} /> ${severity}</span>
          <span class="wall-more">${counts.open[severity] === 0 ? "none open" : counts.triggered[severity] === 0 ? "all in hand" : `nobody on ${amount(counts.triggered[severity])}`}</span></div>`)}`}
        <div class="wall-clock"><time>${clock(now.value)}</time><span>${exact(now.value).slice(0, 10)} ${exact(now.value).slice(20)}</span><span class="soft">${Number.isFinite(read) ? `read ${span(now.value - read)} ago` : "reading"}</span></div>
      </div>
      <ol class="wall-worst" aria-label="The worst open incidents">${worst.data?.length === 0 && counts && html`<li class="wall-quiet">${fire(counts).title}. <span class="soft">${fire(counts).more}</span></li>`}
        ${worst.data?.map((i) => html`<li key=${i.incident_id} data-untouched=${i.status === "triggered" || undefined}>
          <${SeverityBadge} severity=${i.severity} /><span class="wall-message"><strong>${i.source}</strong> ${i.message}</span>
          <span class="wall-owner">${i.status === "acknowledged" ? html`◐ ${i.acknowledged_by || "somebody"}` : "● nobody"}</span><${Time} at=${i.first_seen} form="age" /></li>`)}</ol>
      <ul class="wall-states">
        ${stats && channels.data && html`<${State} verdict=${telling(stats, channels.data, now.value)} names=${names(channels.data.filter((c) => c.health === "failing"))} />`}
        ${readiness.data && heartbeats.data && html`<${State} verdict=${health(readiness.data, heartbeats.data)} names=${names(heartbeats.data.filter((h) => h.status === "missed" || h.status === "failing"))} />`}
      </ul>
    </div>`;
}

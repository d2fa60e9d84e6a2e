// What the overview and the wall screen read, and what they conclude from it.
import { ApiError, get } from "../api.js";
import { useResource } from "../resource.js";
import { amount, counted } from "../components/number.js";
import { severities } from "../components/severity.js";
import { span } from "../components/time.js";

/** @typedef {import("../api.js").Schemas["Incident"]} Incident */
/** @typedef {import("../api.js").Schemas["Channel"]} Channel */
/** @typedef {import("../api.js").Schemas["Heartbeat"]} Heartbeat */
/** @typedef {import("../standing.js").Stats} Stats */
/** @typedef {import("../standing.js").Counts} Counts */
/** @typedef {{tone: "good" | "busy" | "bad", title: string, more: string}} Verdict more: what there is to add, or "" */

/**
 * The checks of alertd's readiness, also if some fail.
 * @param {AbortSignal} signal
 * @returns {Promise<Record<string, {ok: boolean, reason?: string}>>}
 */
async function readiness(signal) {
  try {
    return (await get("/readyz", { signal })).checks ?? {};
  } catch (error) {
    if (error instanceof ApiError && error.answer.checks) return error.answer.checks;
    throw error;
  }
}

export const useReadiness = () => useResource(readiness, [], { every: 10 });
export const useChannels = () => useResource(async (signal) => (await get("/channels", { signal })).channels, [], { every: 10 });
export const useHeartbeats = () => useResource(async (signal) => (await get("/heartbeats", { signal })).heartbeats, [], { every: 10 });

/**
 * The worst comes first; of the same severity those that nobody is on, and the newest of these.
 * @param {Incident} a
 * @param {Incident} b
 */
const worse = (a, b) => severities.indexOf(a.severity) - severities.indexOf(b.severity)
  || Number(a.status !== "triggered") - Number(b.status !== "triggered") || b.number - a.number;

/**
 * The worst open incidents, of severity error or more.
 * @param {number} most
 */
export const useWorst = (most) => useResource(async (signal) => {
  // The newest errors may be so many that a critical incident is not among them.
  const answers = await Promise.all([
    get("/incidents", { query: { status: ["triggered"], min_severity: "critical", limit: most }, signal }),
    get("/incidents", { query: { status: ["triggered", "acknowledged"], min_severity: "error", limit: 4 * most }, signal }),
  ]);
  const all = new Map(answers.flatMap((a) => a.incidents).map((i) => [i.incident_id, i]));
  return [...all.values()].sort(worse).slice(0, most);
}, [most], { every: 10, changes: true, live: true });

/**
 * Is anything on fire, and is anybody on it?
 * @param {{triggered: Counts, open: Counts}} incidents
 * @returns {Verdict}
 */
export function fire({ triggered, open }) {
  for (const severity of /** @type {const} */ (["critical", "error"])) {
    const all = open[severity];
    const alone = triggered[severity];
    if (!all) continue;
    const title = `${counted(all, severity, severity === "error" ? "errors" : "criticals")} open`;
    if (alone === 0) return { tone: "busy", title, more: all === 1 ? "Somebody is on it." : `Somebody is on each of the ${amount(all)}.` };
    return { tone: "bad", title, more: alone === all ? (all === 1 ? "Nobody is on it." : `Nobody is on any of the ${amount(all)}.`) : `Nobody is on ${amount(alone)} of ${amount(all)}.` };
  }
  return { tone: "good", title: "Nothing is on fire", more: "No critical or error incident is open." };
}

/**
 * Does telling work?
 * @param {Stats} stats
 * @param {Channel[]} channels
 * @param {number} now milliseconds
 * @returns {Verdict}
 */
export function telling(stats, channels, now) {
  if (!stats.alerting_enabled) return { tone: "bad", title: "alertd tells nobody", more: "[alerting] enabled is false." };
  const used = channels.filter((c) => c.enabled);
  if (used.length === 0) return { tone: "bad", title: "alertd tells nobody", more: channels.length ? "No channel is enabled." : "No channel is configured." };
  const queue = used.reduce((sum, c) => sum + c.queue, 0);
  const oldest = used.map((c) => c.oldest_waiting_at).filter((at) => at !== null).sort()[0];
  const more = queue ? `${counted(queue, "message")} ${queue === 1 ? "waits" : "wait"}${oldest ? `, the oldest for ${span(now - Date.parse(oldest))}` : ""}.` : "No message waits.";
  const failing = used.filter((c) => c.health === "failing").length;
  if (failing) return { tone: "bad", title: `${failing} of ${counted(used.length, "channel")} ${failing === 1 ? "fails" : "fail"}`, more };
  const degraded = used.filter((c) => c.health === "degraded").length;
  if (degraded) return { tone: "busy", title: `${degraded} of ${counted(used.length, "channel")} degraded`, more };
  return { tone: "good", title: "Telling works", more };
}

/**
 * Is alertd itself well, and does it hear of what must be heard of?
 * @param {Record<string, {ok: boolean, reason?: string}>} checks
 * @param {Heartbeat[]} heartbeats
 * @returns {Verdict}
 */
export function health(checks, heartbeats) {
  const failed = Object.entries(checks).filter(([, check]) => !check.ok);
  if (failed.length) return { tone: "bad", title: "alertd is not ready", more: failed.map(([name, check]) => `${name}: ${check.reason}`).join("; ") };
  const silent = heartbeats.filter((h) => h.status === "missed" || h.status === "failing");
  if (silent.length) return { tone: "bad", title: `${silent.length} of ${counted(heartbeats.length, "heartbeat")} ${silent.length === 1 ? "is" : "are"} bad`, more: "" };
  return { tone: "good", title: "alertd is well", more: heartbeats.length ? `${counted(heartbeats.length, "heartbeat")}, none missed.` : "" };
}

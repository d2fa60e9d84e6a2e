// Severity and status, each by shape and word as well as colour.
import { html } from "./html.js";

/** @typedef {import("../api.js").Schemas["Severity"]} Severity */

/** From the worst to the least. @type {Severity[]} */
export const severities = ["critical", "error", "warning", "info", "debug"];

/** @type {Record<string, string>} */
const shapes = {
  critical: "M5 .5h6L15.5 5v6L11 15.5H5L.5 11V5z", // octagon
  error: "M8 1 15.5 14.5H.5z", // triangle
  warning: "M8 .5 15.5 8 8 15.5.5 8z", // diamond
  info: "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1z", // circle
  debug: "M3 6.5h10v3H3z", // bar
};

/**
 * The shape alone; a word must stand beside it, or label what it is in.
 * @param {{severity: string}} props
 */
export const Shape = ({ severity }) => html`
  <svg class="shape" data-severity=${severity} viewBox="0 0 16 16" width="12" height="12" aria-hidden="true"><path d=${shapes[severity] ?? shapes.info} /></svg>`;

/**
 * The shape and the word. A word of a newer alertd is shown as it is.
 * @param {{severity: string}} props
 */
export const SeverityBadge = ({ severity }) => html`<span class="severity" data-severity=${severity}><${Shape} severity=${severity} /> ${severity}</span>`;

/** @type {Record<string, string>} */
const marks = { triggered: "●", acknowledged: "◐", resolved: "✓", healthy: "✓", degraded: "◐", failing: "✕", disabled: "–", alive: "✓", waiting: "○", missed: "✕",
  active: "●", pending: "○", expired: "–", delivered: "✓", sending: "◐", failed: "✕", superseded: "–", told: "✓", held_back: "‖", digest: "≡", not_asked: "–" };

/** @type {Record<string, string>} */
const tones = { triggered: "bad", acknowledged: "busy", resolved: "good", healthy: "good", degraded: "busy", failing: "bad", alive: "good", missed: "bad",
  active: "busy", delivered: "good", failed: "bad", told: "good", held_back: "busy" };

/**
 * A status with its mark.
 * @param {{status: string}} props
 */
export const StatusBadge = ({ status }) => html`
  <span class="status" data-tone=${tones[status] ?? "plain"}><span aria-hidden="true">${marks[status] ?? "·"}</span> ${status.replaceAll("_", " ")}</span>`;

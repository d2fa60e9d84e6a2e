// Which events are wanted: as the address has it, as the API takes it, and as live events are judged.
import { severities } from "../components/severity.js";

/** @typedef {import("../live.js").AlertEvent} AlertEvent */

/** Spans back from now that the address names by last=. */
export const spans = /** @type {Record<string, {words: string, ms: number}>} */ ({
  "15m": { words: "last 15 minutes", ms: 900_000 },
  "1h": { words: "last hour", ms: 3_600_000 },
  "24h": { words: "last 24 hours", ms: 86_400_000 },
  "7d": { words: "last 7 days", ms: 604_800_000 },
});

/** The parameters of the address that choose events. */
export const parameters = ["min_severity", "category", "source", "q", "since", "until", "last"];

/**
 * The question to the API. A span back from now becomes a time here, so that all pages of the list have the same.
 * @param {URLSearchParams} query of the address
 */
export function question(query) {
  const last = spans[query.get("last") ?? ""];
  const since = query.get("since") ?? (last && new Date(Date.now() - last.ms).toISOString());
  return /** @type {NonNullable<import("../../types/helpers.js").Options<"/events", "get">["query"]>} */ ({
    min_severity: query.get("min_severity") || undefined, category: query.getAll("category"), source: query.getAll("source"),
    q: query.get("q") || undefined, since: since || undefined, until: query.get("until") || undefined,
  });
}

/**
 * Microseconds since 1970, as alertd compares times. A time without an offset is UTC. NaN: it is no time.
 * @param {string} time of RFC 3339
 */
export function micros(time) {
  const zoned = /(z|[+-]\d\d(:?\d\d)?)$/i.test(time) ? time : time + "Z";
  return Date.parse(zoned) * 1000 + Number((/[.,]\d{3}(\d{1,3})/.exec(time)?.[1] ?? "").padEnd(3, "0"));
}

/**
 * The first time after one, so that a list that ends there has all that came at it.
 * @param {string} time
 */
export function after(time) {
  const next = micros(time) + 1;
  return `${new Date(Math.floor(next / 1000)).toISOString().slice(0, -1)}${String(next % 1000).padStart(3, "0")}Z`;
}

/** Letter by letter, as alertd does it: JavaScript makes a final ς where alertd makes σ. @param {string} text */
const fold = (text) => text.replace(/./gsu, (letter) => letter.toLowerCase());

/**
 * Whether an event is wanted; the rules are those of GET /events.
 * @param {ReturnType<typeof question>} question
 * @returns {(event: AlertEvent) => boolean}
 */
export function matcher({ min_severity, category = [], source = [], q, since, until }) {
  const severe = new Set(min_severity ? severities.slice(0, severities.indexOf(/** @type {any} */ (min_severity)) + 1) : severities);
  const categories = category.flatMap((c) => c.split(","));
  const sources = source.map((s) => s.trim());
  const from = since ? micros(since) : -Infinity;
  const to = until ? micros(until) : Infinity;
  const plain = q !== undefined && /^[\0-\x7f]*$/.test(q);
  const part = q && (plain ? q.toLowerCase() : fold(q));
  return (event) => {
    const at = micros(event.timestamp);
    return severe.has(event.severity) && (!categories.length || categories.includes(event.category)) && (!sources.length || sources.includes(event.source))
      && at >= from && at < to && (!part || (plain ? event.message.toLowerCase() : fold(event.message)).includes(part));
  };
}

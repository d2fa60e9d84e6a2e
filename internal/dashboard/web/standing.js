// How many incidents are open: in the title, the icon and the head of every page.
import { batch, computed, effect, signal } from "./components/html.js";
import { get } from "./api.js";
import { follow, onChange, resyncs } from "./live.js";
import { pending } from "./resource.js";
import { severities } from "./components/severity.js";

/** @typedef {import("./api.js").Schemas["Stats"]} Stats */

/** @typedef {Record<import("./components/severity.js").Severity, number>} Counts */

/** The latest statistics, as useResource has what a page reads. */
export const standing = signal(/** @type {import("./resource.js").Resource<Stats>} */ ({ data: undefined, error: undefined, loading: true, at: 0, reload: refreshStanding }));

/** The latest statistics; null until they are known. */
export const stats = computed(() => standing.value.data ?? null);

/**
 * Open incidents by severity: those that nobody has acknowledged, those that somebody has, and
 * both together; null until they are known.
 */
export const incidents = signal(/** @type {{triggered: Counts, acknowledged: Counts, open: Counts} | null} */ (null));

/** Open incidents by severity, triggered and acknowledged together; null until they are known. */
export const open = computed(() => incidents.value?.open ?? null);

let underWay = false;
let wanted = false;

/** Reads the statistics anew; once more, if they are being read already: that answer may be older than what was just done. */
export async function refreshStanding() {
  if (underWay) { wanted = true; return; }
  underWay = true;
  try {
    const read = await get("/stats");
    const { triggered, acknowledged } = /** @type {Record<"triggered" | "acknowledged", Counts>} */ (read.incidents);
    const both = { critical: 0, error: 0, warning: 0, info: 0, debug: 0 };
    for (const s of severities) both[s] = triggered[s] + acknowledged[s];
    const counts = { triggered, acknowledged, open: both };
    batch(() => {
      standing.value = { ...standing.value, data: read, error: undefined, loading: false, at: Date.now() };
      if (JSON.stringify(counts) !== JSON.stringify(incidents.peek())) incidents.value = counts;
    });
  } catch (error) {
    standing.value = { ...standing.value, error: /** @type {Error} */ (error), loading: false };
  } finally {
    underWay = false;
    if (wanted) {
      wanted = false;
      setTimeout(refreshStanding, 200);
    }
  }
}

const every = 10_000;

/** Keeps the counts fresh: every ten seconds, and soon after new events and other changes. */
export function startStanding() {
  pending.value++;
  refreshStanding().finally(() => setTimeout(() => { pending.value--; }, 0));
  setInterval(refreshStanding, every);
  let soon = 0;
  follow(() => { soon ||= setTimeout(() => { soon = 0; refreshStanding(); }, 1500); });
  onChange(refreshStanding);
  let known = resyncs.peek();
  effect(() => { if (resyncs.value !== known) { known = resyncs.value; refreshStanding(); } });
  effect(() => { if (open.value) icon(open.value.critical); });
}

/**
 * Puts the number of open critical incidents on the page's icon.
 * @param {number} critical
 */
function icon(critical) {
  const text = critical > 99 ? "99+" : String(critical);
  const svg = critical === 0
    ? `<rect width="32" height="32" rx="7" fill="#1f5fbf"/><path d="M16 6v11" stroke="#fff" stroke-width="4" stroke-linecap="round"/><circle cx="16" cy="24" r="2.6" fill="#fff"/>`
    : `<path d="M10 1h12l9 9v12l-9 9H10l-9-9V10z" fill="#c8102e"/><text x="16" y="22" font-family="sans-serif" font-weight="bold" font-size="${[0, 19, 16, 12][text.length]}" text-anchor="middle" fill="#fff">${text}</text>`;
  const link = document.querySelector('link[rel="icon"]');
  link?.setAttribute("href", "data:image/svg+xml," + encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">${svg}</svg>`));
}

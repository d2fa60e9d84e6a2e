// What a channel did in the last hours: what worked goes up, what failed goes down.
import { html } from "../components/html.js";
import { amount } from "../components/number.js";
import { clock } from "../components/time.js";

/** @typedef {import("../api.js").Schemas["Channel"]["activity"]} Activity */

const pitch = 8; // px from one hour to the next
const up = 16;
const down = 12;

/** @param {Activity} activity */
function inWords({ buckets }) {
  const successes = buckets.reduce((sum, b) => sum + b.successes, 0);
  const failures = buckets.reduce((sum, b) => sum + b.failures, 0);
  if (successes + failures === 0) return "No attempt in the last 24 hours";
  const last = buckets.findLast((b) => b.failures > 0);
  return `Last 24 hours: ${amount(successes)} worked, ${amount(failures)} failed${last ? `, the last in the hour from ${clock(last.start).slice(0, 5)}` : ""}`;
}

/** @param {{activity: Activity}} props */
export function Sparkline({ activity }) {
  const most = Math.max(1, ...activity.buckets.flatMap((b) => [b.successes, b.failures]));
  const words = inWords(activity);
  const width = pitch * activity.buckets.length;
  return html`
    <svg class="sparkline" role="img" aria-label=${words} viewBox=${`0 0 ${width} ${up + down + 1}`} width=${width} height=${up + down + 1}>
      <title>${words}</title>
      <line x1="0" y1=${up + 0.5} x2=${width} y2=${up + 0.5} />
      ${activity.buckets.map((b, i) => {
        const worked = b.successes && Math.max(2, (up * b.successes) / most);
        const failed = b.failures && Math.max(4, (down * b.failures) / most);
        return html`${worked > 0 && html`<rect class="worked" x=${i * pitch + 1} width=${pitch - 2} y=${up - worked} height=${worked} />`}
          ${failed > 0 && html`<path class="failed" d=${`M${i * pitch} ${up + 1}h${pitch}l${-pitch / 2} ${failed}z`} />`}`;
      })}
    </svg>`;
}

// Short messages about what was done.
import { html, signal } from "./html.js";

/** @typedef {{id: number, text: string, tone: "good" | "bad"}} Toast */

const toasts = signal(/** @type {Toast[]} */ ([]));
let next = 1;

/** @param {number} id */
const drop = (id) => { toasts.value = toasts.value.filter((t) => t.id !== id); };

/**
 * Says something for a few seconds; a failure stays for longer.
 * @param {string} text
 * @param {"good" | "bad"} [tone]
 */
export function say(text, tone = "good") {
  const id = next++;
  toasts.value = [...toasts.value.slice(-3), { id, text, tone }];
  setTimeout(() => drop(id), tone === "bad" ? 15_000 : 5000);
}

/**
 * Does something and says how it went.
 * @template T
 * @param {() => Promise<T>} action
 * @param {string | ((result: T) => string)} done
 * @returns {Promise<T | undefined>} undefined if it failed
 */
export async function attempt(action, done) {
  try {
    const result = await action();
    say(typeof done === "string" ? done : done(result));
    return result;
  } catch (error) {
    say(/** @type {Error} */ (error).message, "bad");
  }
}

export const Toasts = () => html`
  <div class="toasts" role="status" aria-live="polite">${toasts.value.map((t) => html`
    <div class="toast" data-tone=${t.tone} key=${t.id}><span>${t.text}</span><button type="button" class="quiet" aria-label="Dismiss" onClick=${() => drop(t.id)}>✕</button></div>`)}</div>`;

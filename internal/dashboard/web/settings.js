// What a person has set for this browser. It lasts, and is the same in all tabs.
import { effect, signal } from "./components/html.js";

/**
 * @template T
 * @param {string} name
 * @param {T} fallback
 * @param {(value: unknown) => boolean} valid
 */
function setting(name, fallback, valid) {
  const key = "alertd." + name;
  /** @param {string | null} text @returns {T} */
  const parse = (text) => {
    try {
      const value = JSON.parse(text ?? "null");
      return valid(value) ? value : fallback;
    } catch {
      return fallback;
    }
  };
  /** @type {string | null} */
  let stored = null;
  try {
    stored = localStorage.getItem(key);
  } catch { /* the browser keeps nothing: the setting lasts as long as the page */ }
  const value = signal(parse(stored));
  let first = true;
  effect(() => {
    const text = JSON.stringify(value.value);
    if (first) first = false;
    else try { localStorage.setItem(key, text); } catch { /* as above */ }
  });
  addEventListener("storage", (event) => { if (event.key === key) value.value = parse(event.newValue); });
  return value;
}

/** @param {...unknown} values */
const oneOf = (...values) => (/** @type {unknown} */ value) => values.includes(value);

export const theme = setting("theme", /** @type {"system" | "light" | "dark"} */ ("system"), oneOf("system", "light", "dark"));
export const zone = setting("zone", /** @type {"local" | "utc"} */ ("local"), oneOf("local", "utc"));
/** Whether new critical incidents make a sound. */
export const sound = setting("sound", false, oneOf(true, false));
/** Whether new critical incidents make a notification of the browser. */
export const notify = setting("notify", false, oneOf(true, false));
/** Who acts, where alertd does not know that itself. */
export const name = setting("name", "", (value) => typeof value === "string");

effect(() => {
  if (theme.value === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme.value;
});

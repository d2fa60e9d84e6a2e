// Keyboard shortcuts: one listener, and a page that lists what works where.
import { html, signal, useEffect, useRef } from "./html.js";
import { Dialog } from "./dialog.js";

/** @typedef {{key: string, does: string, run: (event: KeyboardEvent) => void}} Shortcut key as KeyboardEvent.key has it */

/** @type {import("../vendor/signals.js").Signal<{title: string, keys: Shortcut[]}[]>} */
const groups = signal(/** @type {{title: string, keys: Shortcut[]}[]} */ ([]));

export const helpShown = signal(false);

/** @param {EventTarget | null} target */
const types = (target) => target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) && !/^(checkbox|radio|button)$/.test(/** @type {HTMLInputElement} */ (target).type));

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (types(event.target)) {
    if (event.key === "Escape") /** @type {HTMLElement} */ (event.target).blur();
    return;
  }
  if (document.querySelector("dialog[open]")) return;
  // A focused link or button takes Enter itself, and a button the space bar.
  const takers = event.key === "Enter" ? "a, button, summary" : event.key === " " ? "button, summary, input" : null;
  if (takers && event.target instanceof Element && event.target.closest(takers)) return;
  for (const group of [...groups.value].reverse()) {
    const found = group.keys.find((k) => k.key === event.key);
    if (!found) continue;
    event.preventDefault();
    found.run(event);
    return;
  }
});

/**
 * Shortcuts for as long as a component is drawn. The one that was drawn last comes first.
 * @param {string} title
 * @param {Shortcut[]} keys
 */
export function useKeys(title, keys) {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    const group = { title, get keys() { return latest.current; } };
    groups.value = [...groups.value, group];
    return () => { groups.value = groups.value.filter((g) => g !== group); };
  }, [title]);
}

/** @type {Record<string, string>} */
const names = { ArrowDown: "↓", ArrowUp: "↑", Escape: "esc", Enter: "enter", " ": "space" };

export const Help = () => helpShown.value && html`
  <${Dialog} title="Keyboard" onClose=${() => { helpShown.value = false; }}>
    ${groups.value.filter((g) => g.keys.some((k) => k.does)).reverse().map((g) => html`<section key=${g.title}><h3>${g.title}</h3>
      <dl class="keys">${g.keys.filter((k) => k.does).map((k) => html`<div key=${k.key}><dt><kbd>${names[k.key] ?? k.key}</kbd></dt><dd>${k.does}</dd></div>`)}</dl></section>`)}
  </${Dialog}>`;

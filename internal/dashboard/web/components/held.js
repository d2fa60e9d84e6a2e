// What is under the pointer does not move: a list stays as it is while somebody is about to use it.
import { useEffect, useRef, useState } from "./html.js";

const patience = 20_000; // ms without a movement or a key, after which nobody is about to use it

/**
 * Keeps a value as it is while the pointer moves or the focus is over the elements that have bind.
 * @template T
 * @param {T} value
 * @param {string} key says whether two values show the same; a value with the same key is let through
 * @returns {{value: T, behind: boolean, release: () => void, bind: Record<string, (event: any) => void>}}
 * behind: value is not the latest; release: shows the latest, as after an action of the person
 */
export function useHeld(value, key) {
  const latest = useRef({ value, key });
  latest.current = { value, key };
  const [held, hold] = useState(/** @type {{value: T, key: string} | null} */ (null));
  const timer = useRef(0);
  const release = () => { clearTimeout(timer.current); hold(null); };
  const keep = () => {
    clearTimeout(timer.current);
    timer.current = setTimeout(release, patience);
    hold((h) => h ?? latest.current);
  };
  useEffect(() => () => clearTimeout(timer.current), []);
  const behind = held !== null && held.key !== key;
  return {
    value: behind ? held.value : value,
    behind,
    release,
    bind: {
      onPointerEnter: keep, onPointerMove: keep, onPointerLeave: release, onKeyDown: keep, onFocusOut: release,
      onFocusIn: (/** @type {{target: Element}} */ e) => { if (e.target.matches(":focus-visible")) keep(); },
    },
  };
}
